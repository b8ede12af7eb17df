"""Which characters of a text a reader does not see, and how they are shown all the same.

Controls, direction overrides, zero-width characters, tags, private characters, lone surrogates and
blanks other than the space can command a terminal, turn a line around or make two names look alike.
An escape is one that bash and zsh read in ``$'...'``.
"""

from __future__ import annotations

# Unicode calls them letters, symbols and marks, and nothing is drawn for them.
_DRAWN_AS_NOTHING = frozenset(
    chr(code)
    for start, end in (
        (0x034F, 0x034F),  # combining grapheme joiner
        (0x115F, 0x1160),  # Hangul fillers
        (0x17B4, 0x17B5),  # Khmer inherent vowels
        (0x180B, 0x180F),  # Mongolian variation selectors
        (0x2800, 0x2800),  # Braille blank
        (0x3164, 0x3164),  # Hangul filler
        (0xFE00, 0xFE0F),  # variation selectors
        (0xFFA0, 0xFFA0),  # halfwidth Hangul filler
        (0xE0100, 0xE01EF),  # more variation selectors
    )
    for code in range(start, end + 1)
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def is_unseen(character: str) -> bool:
    """Say whether nothing is drawn for ``character``; a space is seen by what stands around it."""
    return not character.isprintable() or character in _DRAWN_AS_NOTHING


def escape_of(character: str) -> str:
    r"""Return ``character`` as an escape: ``\n``, ``\x1b``, ``\u202e`` or ``\U000e0041``."""
    code = ord(character)
    if code < 0x80:
        return _SHORT.get(character, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def escaped(text: str) -> str:
    """Return ``text`` with an escape for each character that is not seen."""
    return "".join(escape_of(c) if is_unseen(c) else c for c in text)
