"""Texts that nobody vouches for, made harmless for the medium that they are written to.

Names, settings and events of a log are whatever somebody once wrote into it, and so are the names
of files and the headers of checks that are not ours. Each function here is for one medium, and each
output passes its texts through the one of its medium:

- ``printable``: a line for people; what is not seen is shown as an escape. A CI runner takes lines
  that begin with ``::`` or have ``##[`` in them for commands, in any output of a job, so these get
  an escape as well. ``printable_lines`` keeps line breaks and tabs.
- ``visible``: the same without regard to runners, for a page.
- ``json_source``: JSON, in which escapes cost nothing: a reader gets the exact text.
- ``csv_cell``: a spreadsheet runs cells that begin with ``=``, ``+``, ``-`` or ``@``.
- ``markdown`` and ``markdown_code``; ``annotation``, ``annotation_property`` and ``sarif_message``
  for CI systems; ``shell_word`` and ``sql_source`` for what is copied into a shell.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from typing import TYPE_CHECKING

from rlaudit.unseen import escape_of, is_unseen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class _Table(dict[int, str]):
    """What ``str.translate`` puts in the place of characters: ``shown`` of those not seen."""

    def __init__(self, shown: Callable[[str], str], *, keep: str = "") -> None:
        super().__init__()
        self._shown = shown
        self._keep = keep

    def __missing__(self, code: int) -> str:
        character = chr(code)
        hidden = is_unseen(character) and character not in self._keep
        self[code] = self._shown(character) if hidden else character
        return self[code]

    def of(self, text: str) -> str:
        """Return ``text`` translated, most of all texts at once as they are."""
        return text if text.isascii() and text.isprintable() else text.translate(self)


def _json_escape(character: str) -> str:
    code = ord(character)
    return json.dumps(character)[1:-1] if code > 0xFFFF else f"\\u{code:04x}"


# What some program or other takes for the end of a line.
_LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_LINE = _Table(escape_of)
_BLOCK = _Table(escape_of, keep="\n\t")
_JSON = _Table(_json_escape, keep="\n")
_SEEN = _Table(lambda character: "\n" if character in _LINE_ENDS else "")

# A workflow command of GitHub stands at the beginning of a line, behind blanks; here also behind a
# colour. Its older form, and those of Azure (##vso[) and TeamCity, stand anywhere.
_AT_START = re.compile(r"^((?:\x1b\[[\d;]*m|[ \t])*):(?=:)", re.MULTILINE)
_ANYWHERE = re.compile(r"#(?=#\w*\[)")


def printable(text: str) -> str:
    """Return ``text`` as a part of a line for people, with escapes for what is not seen."""
    return without_commands(_LINE.of(text))


def printable_lines(text: str) -> str:
    """Return ``text`` as :func:`printable` does, with its own line breaks and tabs."""
    return without_commands(_BLOCK.of(text))


def visible(text: str) -> str:
    """Return ``text`` with escapes for what is not seen, but for line breaks and tabs."""
    return _BLOCK.of(text)


def without_commands(text: str) -> str:
    """Return lines of output with an escape in those that a CI runner would take for a command.

    It is one that JSON has as well, so that a text of JSON remains one.
    """
    if not _may_command(text):
        return text
    return _ANYWHERE.sub(r"\\u0023", _AT_START.sub(r"\1\\u003a", text))


def _may_command(text: str) -> bool:
    return "::" in text or "##" in text


def json_source(text: str) -> str:
    """Return JSON that means the same, with escapes for what is not seen and for ``##[``."""
    shown = text if text.isascii() and "\x7f" not in text else text.translate(_JSON)
    return _ANYWHERE.sub(r"\\u0023", shown) if _may_command(shown) else shown


# --- CSV -----------------------------------------------------------------------------------------

# Excel knows the wide forms as well.
_FORMULA = tuple("=+-@＝＋－＠")  # noqa: RUF001
# Digits behind a sign, and nothing that could call a function or another program.
_QUANTITY = re.compile(r"[-+](\.?\d[\w .:+-]*|inf(inity)?|nan)", re.ASCII | re.IGNORECASE)


def csv_cell(text: str, *, on_terminal: bool) -> str:
    """Return ``text`` as a cell, in which an apostrophe stands before what would be a formula.

    The apostrophe is one more where some stand there already, so that taking one away gives the
    text back. Numbers stay numbers. All else is exact but on a terminal, and where a line of the
    cell would be a command of a CI runner: there the cell is as a table shows it.
    """
    if on_terminal or _has_command(text):
        text = printable_lines(text)
    return f"'{text}" if _is_formula(text) else text


def _has_command(text: str) -> bool:
    # A runner compares by the rules of a language, in which characters that are not seen are none.
    seen = _SEEN.of(text)
    return _may_command(seen) and without_commands(seen) != seen


def _is_formula(text: str) -> bool:
    if text[:1].isalnum() or not text or _QUANTITY.fullmatch(text):
        return False
    begins = _SEEN.of(text).lstrip(" \n'\"")
    return begins.startswith(_FORMULA) or text.startswith(("\t", "\r"))


# --- Markdown ------------------------------------------------------------------------------------

_NUMBERED = re.compile(r"^(\d{1,9})(?=[.)](?: |$))")
_MARKUP = re.compile(
    r"""
    \\ (?=[!\#-/:-@\[-`{-~])        # where it takes effect, but for the quotes in JSON
    | [`*|~$>]
    | (?<!\w)_ | _(?!\w)           # within a word it is one
    | \] (?=\()                    # a link or a picture
    | < (?=[A-Za-z/!?])            # HTML
    | & (?=\#?\w+;)                # an entity
    | ^ (?: \#(?=\#{0,5}(?:\ |$)) | [-+](?=[-\ ]|$) | =(?==*$) | \[(?=[\ xX]\]|[^\]]*\]:) )
    """,
    re.VERBOSE,
)
# No text without one of these has any of the above or of what follows.
_SPECIAL = re.compile(r"[\\`*|~$>_\]<&#@]|^[-+=\[\d]|://|GH-|www", re.IGNORECASE)
# GitHub looks for mentions, references and addresses in what Markdown has made already, where a
# backslash is gone. A comment parts them.
_REFERENCE = re.compile(r"@(?=\w)|\#(?=\d)|\bGH-(?=\d)|:(?=//)|\bwww(?=\.)", re.IGNORECASE)


def markdown(text: str) -> str:
    """Return ``text`` for a line or a cell of GitHub's Markdown, with no markup in it."""
    shown = printable(text).strip(" ")
    if not _SPECIAL.search(shown):
        return shown
    escaped = _NUMBERED.sub(r"\1\\", _MARKUP.sub(r"\\\g<0>", shown))
    return _REFERENCE.sub(r"\g<0><!-- -->", escaped)


def markdown_code(text: str, *, in_table: bool) -> str:
    """Return ``text`` as a span of code; a backtick in it becomes an apostrophe."""
    plain = printable(text).replace("`", "'") or " "
    if in_table:
        # Readers disagree on whether two backslashes before a pipe leave it escaped.
        plain = re.sub(r"(?<=\\)\|", r"\\x7c", plain).replace("|", "\\|")
    return f"`{plain}`"


# --- formats of CI systems -----------------------------------------------------------------------


def annotation(lines: Sequence[str]) -> str:
    """Return ``lines`` as the message of a workflow command of GitHub."""
    return "%0A".join(printable(line).replace("%", "%25") for line in lines)


def annotation_property(text: str) -> str:
    """Return ``text`` as a property, where a comma and a colon have a meaning."""
    return annotation([text]).replace(":", "%3A").replace(",", "%2C")


def sarif_message(text: str) -> str:
    """Return ``text`` as a message of SARIF, where ``{0}`` and ``[text](to)`` have a meaning."""
    shown = printable(text).replace("{", "{{").replace("}", "}}")
    return re.sub(r"[\[\]]", r"\\\g<0>", shown) if "](" in shown else shown


# --- what is copied into a shell -----------------------------------------------------------------


def shell_word(text: str) -> str:
    """Return ``text`` as a word of a command line; bash and zsh read what is not seen in it."""
    if printable(text) == text:
        return shlex.quote(text)
    escaped = without_commands(re.sub(r"[\\']", r"\\\g<0>", text))
    return f"$'{''.join(_shell_escape(c) if is_unseen(c) else c for c in escaped)}'"


def shell_path(path: str) -> str:
    """Return a file's name as a word of a command line, which an option cannot be taken for."""
    return shell_word(f"./{path}" if path.startswith("-") else path)


def _shell_escape(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte of a file's name that is no UTF-8
        return f"\\x{os.fsencode(character).hex()}"
    return escape_of(character)


def sql_source(text: str, *, on_terminal: bool) -> str:
    """Return the SQL of a file, with an empty comment in lines that would command a CI runner.

    It is the SQL as it stands otherwise, but on a terminal, which shows escapes.
    """
    shown = visible(text) if on_terminal else text
    return _ANYWHERE.sub("#/**/", _AT_START.sub(r"\1/**/:", shown))
