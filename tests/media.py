"""Read what was written for a medium as its readers do, and see that nothing in it is alive."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
import unicodedata
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

from markdown_it import MarkdownIt

_NOT_SEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs")
_ALSO_NOT_SEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# Some readers take more than these for the end of a line, and a runner skips what is not seen.
_LINE_ENDS = "\n\r\v\f\x1c-\x1e\x85\u2028\u2029"
_COMMAND = re.compile(r"^\s*::|##\w*\[")


def is_seen(character):
    hidden = unicodedata.category(character) in _NOT_SEEN or _ALSO_NOT_SEEN.match(character)
    return character == " " or not hidden


def assert_commands_nothing(text, *, ends=_LINE_ENDS):
    """No line of ``text`` is a command of a CI runner, whatever it takes for a line."""
    for line in re.split(f"[{ends}]", text):
        seen = "".join(c for c in line if is_seen(c) or c.isspace())
        assert not _COMMAND.search(seen), line


def assert_lines(text, *, keeps="\n"):
    """``text`` is lines for people or programs in which everything is seen."""
    assert {c for c in text if not is_seen(c)} <= set(keeps)
    assert_commands_nothing(text)


_SIGNS = tuple("=+-@＝＋－＠")  # noqa: RUF001


def _begins(cell):
    """Return what a spreadsheet may take for the beginning of a cell."""
    return "".join(filter(is_seen, cell)).lstrip(" '\"")


def rows_of_csv(text):
    """Return the rows of ``text``, in which no cell is a formula and no line a command."""
    assert_commands_nothing(text)
    rows = list(csv.reader(io.StringIO(text, newline="")))
    for cell in (cell for row in rows for cell in row):
        assert not _begins(cell).startswith(_SIGNS) or cell.startswith("'") or _is_number(cell), (
            cell
        )
        assert not cell.startswith(("\t", "\r")), cell
    return rows


def _is_number(text):
    """Say whether ``text`` is a number, or begins as one and can call nothing, as in -1 day."""
    if re.fullmatch(r"[-+]\.?\d[A-Za-z0-9_ .:+-]*", text):
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def text_of_cell(cell):
    """Return the text of a cell of CSV as the README says how to get it back."""
    protected = _begins(cell).startswith(_SIGNS) or cell.lstrip("'").startswith(("\t", "\r"))
    return cell[1:] if cell.startswith("'") and protected else cell


def json_of(text):
    assert_lines(text)
    return json.loads(text)


class Elements(HTMLParser):
    """The elements, attributes and texts of a page or of a fragment of it."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.texts, self.comments = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.texts.append(data)

    def handle_comment(self, data):
        self.comments.append(data)


def assert_page(text):
    """A page has no element, handler or address that ``text`` did not get from its template."""
    assert {c for c in text if not is_seen(c)} <= {"\n", "\t"}
    page = Elements(text)
    assert page.tags.count("script") == 1
    assert not {"img", "iframe", "b", "testcase", "base", "object", "form", "u"} & set(page.tags)
    assert not page.comments
    for name, value in page.attributes:
        assert not name.startswith("on"), name
        assert name not in ("href", "src", "xlink:href") or value.startswith(("#", "data:,")), value
    return page


def assert_svg(text):
    assert_lines(text)
    root = ET.fromstring(text)
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert not tags & {"script", "a", "image", "foreignObject", "img", "b", "testcase"}
    for element in root.iter():
        assert not [
            name for name in element.attrib if name.lower().startswith("on") or "href" in name
        ]
    return root


def assert_xml(text):
    assert_lines(text)
    return ET.fromstring(text)


_INLINE = {"text", "text_special", "code_inline", "html_inline"}
_OURS = {"<!-- -->", "</details>"}


def rendered(text):
    """Return the blocks of Markdown, as GitHub reads it: the kind of each, and its text.

    No block or span in it is one that the texts could have brought.
    """
    assert_lines(text)
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    html = "".join(token.content for token in tokens if token.type == "html_block")
    assert set(Elements(html).tags) <= {"details", "summary"}
    found = []
    for before, token in itertools.pairwise(tokens):
        if token.type != "inline":
            continue
        spans = token.children
        assert {span.type for span in spans} <= _INLINE, spans
        assert {span.content for span in spans if span.type == "html_inline"} <= _OURS
        found.append((before.type, "".join(s.content for s in spans if s.type != "html_inline")))
        # What GitHub makes links and mentions of, within one text.
        for span in spans:
            if span.type.startswith("text"):
                assert not re.search(r"@\w|#\d|\bGH-\d|://|\bwww\.", span.content), span.content
    return found
