from __future__ import annotations

import json

import pytest

from rlaudit.auditing import DuplicatedValue, duplicates_in
from rlaudit.errors import DatabaseError, UsageError


@pytest.fixture
def look(tmp_path):
    def write_and_look(text, group_by="run", value="step", name="t.jsonl", **options):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        return duplicates_in(str(path), [group_by] if group_by else [], [value], **options)

    return write_and_look


def lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_rows_of_200_numeric_keys_have_columns(look):
    wide = {f"k{i}": i / 7 for i in range(200)}
    found = look(lines({"run": 1, "step": 2, **wide}, {"run": 1, "step": 2, **wide}))
    assert found.examples == (DuplicatedValue((1,), (2,), 2),)
    only_numbers = look(lines({"run": 1, "step": 2, **{str(i): i for i in range(200)}}), value="7")
    assert only_numbers.rows == 1


def test_a_number_and_a_string_of_its_digits_are_two_values(look):
    found = look('{"run": "a", "step": 1}\n{"run": "a", "step": "1"}\n{"run": "a", "step": 1.0}\n')
    assert [(e.value, e.count) for e in found.examples] == [(("1",), 2)]
    assert look('{"run": 1, "step": true}\n{"run": 1, "step": 1}\n{"run": 1, "step": "true"}').clean


def test_a_number_beside_strings_is_shown_as_it_is_written(look):
    found = look('{"run": 1, "step": 1.50}\n{"run": 1, "step": 1.5}\n{"run": 1, "step": "1.5"}\n')
    assert [(e.value, e.count) for e in found.examples] == [(("1.5",), 2)]
    found = look('{"run": 1, "step": 1.50}\n{"run": 1, "step": 1.50}\n{"run": 1, "step": "a"}\n')
    assert found.examples[0].value == ("1.50",)
    assert look(
        '{"run": 1, "step": 1e9999999999999999999}\n{"run": 1, "step": 1}\n{"run": 1, "step": "a"}'
    ).clean


def test_nested_values_are_equal_whatever_the_order_of_their_keys(look):
    text = (
        '{"run": 1, "step": {"a": [1, 2], "b": null}}\n{"run": 1, "step": {"b": null, "a": [1,2]}}'
    )
    assert look(text).duplicated_values == 1
    assert look(text.replace("1,2]", "2,1]")).clean
    # A nested number is compared as it is written.
    assert look(
        '{"run": 1, "step": [0.12345678901234567]}\n{"run": 1, "step": [0.12345678901234568]}'
    ).clean


def test_a_key_that_is_missing_or_null_is_null(look):
    found = look('{"run": 1, "step": 1}\n{"run": 1}\n{"run": 1, "step": null}\n')
    assert (found.rows, found.null_values) == (3, 2)


def test_a_key_that_no_row_has_is_refused(look):
    with pytest.raises(UsageError, match="has no column 'stpe'") as caught:
        look(lines({"run": 1, "step": 1}), value="stpe")
    assert "did you mean 'step'?" in caught.value.hint


def test_keys_that_differ_in_case_are_two(look):
    found = look('{"run": 1, "V": 1, "v": 5}\n{"run": 1, "V": 2, "v": 5}\n', value="v")
    assert found.examples == (DuplicatedValue((1,), (5,), 2),)


def test_half_a_surrogate_pair_is_no_other_text(look):
    half = '{"run": 1, "step": "\\ud800"}\n'
    found = look(half + half + half.replace("\\", "\\\\"))
    assert [e.count for e in found.examples] == [2]
    whole = look('{"run": 1, "step": "\\ud83d\\ude80"}\n{"run": 1, "step": "🚀"}\n')
    assert whole.examples == (DuplicatedValue((1,), ("🚀",), 2),)


def test_escapes_are_the_characters_that_they_mean(look):
    found = look('{"run": 1, "step": "\\u0041\\n\\u0000"}\n{"run": 1, "step": "A\\n\\u0000"}\n')
    assert found.examples == (DuplicatedValue((1,), ("A\n\0",), 2),)


@pytest.mark.parametrize(
    ("text", "number", "what"),
    [
        ('{"run": 1, "step": 1}\n{"run": 1, "step": \n', 2, "no JSON"),
        ('{"run": 1, "step": 1}\n\n{"run": 1, "step": 1} x\n', 3, "no JSON, Extra data"),
        ('{"run": 1, "step": 1}\n[1, 2]\n', 2, "a value that is no object"),
        ('{"run": 1, "step": 1}\n5\n', 2, "a value that is no object"),
        ('{"run": 1, "step": 1, "step": 2}\n', 1, "the key 'step' stands twice"),
        ('{"run": 1, "step": ' + "[" * 100_000 + "]" * 100_000 + "}\n", 1, "nested too deeply"),
        ("run,step\n1,2\n", 1, "no JSON"),
    ],
)
@pytest.mark.parametrize("name", ["t.jsonl", "t.json"])
def test_a_line_that_is_no_row_is_named(look, text, number, what, name):
    with pytest.raises(DatabaseError, match=what) as caught:
        look(text, name=name)
    assert f"{name}, line {number}: " in str(caught.value)


def test_text_in_another_encoding_is_refused(look):
    with pytest.raises(DatabaseError, match="not UTF-8"):
        look(b'{"run": "\xe9", "step": 1}\n')


@pytest.mark.parametrize(
    "text",
    [
        '[{"run": 1, "step": 1}, {"run": 1, "step": 1}]',
        '\n\n[\n{"run": 1, "step": 1},\n{"run": 1, "step": 1}\n]\n',
        '{\n  "run": 1,\n  "step": 1\n}\n{\n  "run": 1,\n  "step": 1\n}\n',
        '{"run": 1, "step": 1}\n{"run": 1, "step": 1}\n',
        '\n{"run": 1, "step": 1} {"run": 1, "step": 1}',
    ],
)
def test_the_forms_of_a_json_document(look, text):
    found = look(text, name="t.json")
    assert found.examples == (DuplicatedValue((1,), (1,), 2),)


def test_more_rows_than_are_read_at_once(look):
    text = (
        "".join(f'{{"run": 1, "step": {i}}}\n' for i in range(100_001)) + '{"run": 1, "step": 7}\n'
    )
    found = look(text)
    assert (found.rows, found.duplicated_values) == (100_002, 1)
