from __future__ import annotations

import gzip

import pyarrow as pa
import pytest

from rlaudit.auditing import DuplicatedValue, duplicates_in
from rlaudit.errors import DatabaseError, UsageError


@pytest.fixture
def look(tmp_path):
    """Return a function that writes the bytes of a file and looks for duplicates in it."""

    def write_and_look(data, group_by="run", value="step", name="t.csv", **options):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        groups = [group_by] if group_by else []
        return duplicates_in(str(path), groups, [value], **options)

    return write_and_look


WIDTHS = [
    # what is in the file behind two good lines, the line that is named, and what is said of it
    ("a,2,0.3,5\n", 4, "4 values where the first line has 3"),
    ("a,2\n", 4, "2 values where the first line has 3"),
    ("a\n", 4, "1 value where"),
    ("a,2,0.3,\n", 4, "4 values where"),
    (" \n", 4, "1 value where"),
    ("a,3,0.1\n\n\na,2\n", 7, "2 values where"),
    ('a,3,"x\ny"\na,2\n', 6, "2 values where"),
    ('"a,2,0.1\n', 4, "a double quote is opened here and never closed"),
    ('a,2,"b"c\n', 4, "a double quote is closed within a value"),
    # Read leniently, this is one row: two are gone.
    ('"a,3,0.1\na,3,0.1\n"b,3,0.1\n', 4, "a double quote is closed within a value"),
    ("\x1a\n", 4, "1 value where"),
]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("header", ["run,step,loss\n", "a,9,0.1\n"])
@pytest.mark.parametrize(("lines", "number", "what"), WIDTHS)
def test_a_line_of_another_width_is_named(look, lines, number, what, header, end):  # noqa: PLR0917
    text = f"{header}a,1,0.1\na,2,0.2\n{lines}a,1,0.1\n".replace("\n", end)
    columns = ("run", "step") if header.startswith("run") else ("column0", "column1")
    with pytest.raises(DatabaseError, match=what) as caught:
        look(text, *columns)
    assert f"t.csv, line {number}: " in str(caught.value)
    assert caught.value.hint.startswith("mend the line")


def test_a_late_line_of_another_width_is_named(look):
    rows = "".join(f"a,{i}\n" for i in range(200_000))
    with pytest.raises(DatabaseError, match=r"line 200002: 3 values where the first line has 2"):
        look(f"run,step\n{rows}a,1,2\n")


@pytest.mark.parametrize(
    "text",
    [
        "run,step\na,1\n\na,1\n\n\n",
        "\n\nrun,step\na,1\na,1\n",
        "run,step\ra,1\ra,1\r",
        "run,step\r\na,1\na,1\r\n",
        "run,step\na,1\na,1",
        "\ufeffrun,step\na,1\na,1\n",
        '"run","step"\n"a","1"\na,1\n',
        'x,"step",run\n"long\nvalue",1,a\n,1,a\n',
        '"two\nlines",step,run\n,1,a\n,1,a\n',
        " run , step \na,1\na,1\n",
    ],
)
def test_every_row_of_a_sound_file_is_read(look, text):
    found = look(text)
    assert found.rows == 2
    assert found.examples == (DuplicatedValue(("a",), (1,), 2),)


@pytest.mark.parametrize("text", ["run\na\n\nb\na\n", "run\r\na\r\nb\r\na\r\n", "run\na\nb\na"])
def test_one_column_alone(look, text):
    found = look(text, "", "run")
    assert (found.rows, found.duplicated_values) == (3, 1)


@pytest.mark.parametrize("cell", ["a;b", "a|b", "a\tb"])
def test_a_delimiter_that_the_header_does_not_use_is_text(look, cell):
    found = look(f"run,step\n{cell},1\n{cell},1\n")
    assert found.examples == (DuplicatedValue((cell,), (1,), 2),)


def test_a_cell_longer_than_a_block_is_read(look):
    cell = "x" * 17_000_000
    found = look(f"run,step\n{cell},1\na,2\n{cell},1\n")
    assert (found.rows, found.examples[0].count) == (3, 2)


def test_a_nul_in_a_cell_is_text(look):
    found = look(b"run,step\na\0b,1\na\0c,1\na\0b,1\n")
    assert found.examples == (DuplicatedValue(("a\0b",), (1,), 2),)


def test_the_exact_name_wins(look):
    found = look("run,STEP,step\na,1,5\na,2,5\n")
    assert found.examples == (DuplicatedValue(("a",), (5,), 2),)
    assert look("run,STEP,step\na,1,5\na,2,6\na,2,7\n", value="STEP").duplicated_values == 1


@pytest.mark.parametrize("header", ["run,STEP,Step", "run,step,step"])
def test_an_ambiguous_name_is_refused(look, header):
    with pytest.raises(UsageError, match="has 2 columns that 'step' may mean"):
        look(f"{header}\na,1,1\na,1,1\n")


def test_one_column_under_two_spellings_is_named_twice(look):
    with pytest.raises(UsageError, match="'STEP' is named twice"):
        look("run,step\na,1\n", "step", "STEP")


def test_an_unknown_column_is_refused_with_the_known_ones(look):
    with pytest.raises(UsageError, match="has no column 'stpe'") as caught:
        look("run,step\na,1\n", value="stpe")
    assert "did you mean 'step'?" in caught.value.hint
    with pytest.raises(UsageError, match="has no column 'column2'"):
        look("a,1\na,1\n", "column0", "column2")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        ("run,step\na,1\n".encode("utf-16"), "UTF-16"),
        (b"run,step\n\xe9,1\n", "line 2: the text is not UTF-8"),
        (b'"run",step\n"\xe9",1\n', "line 2: the text is not UTF-8"),
        (b"PAR1 and so on", "is a Parquet file"),
        (b"BZh91AY and so on", "compressed with bzip2"),
        (b"PK\x03\x04 and so on", "a ZIP archive"),
    ],
)
def test_what_is_no_text_is_refused_by_name(look, data, what):
    with pytest.raises(DatabaseError, match=what):
        look(data)


TEXT = ("run,step\n" + "".join(f"a,{i}\n" for i in range(20_000)) + "a,1\n").encode()
PACKED = {
    "gz": gzip.compress(TEXT, mtime=0),
    "zst": pa.Codec("zstd").compress(TEXT, asbytes=True),
}


@pytest.mark.parametrize("suffix", PACKED)
def test_compressed_text_is_read_whole(look, suffix):
    found = look(PACKED[suffix], name=f"t.csv.{suffix}")
    assert (found.rows, found.duplicated_values) == (20_001, 1)
    # Under a name that promises text, and as two files that were put one behind the other.
    assert look(PACKED[suffix], name="t.csv").rows == 20_001


@pytest.mark.parametrize("suffix", PACKED)
@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize("part", [0.01, 0.5, 0.9, 0.999])
def test_cut_compressed_text_is_refused(look, suffix, form, part):
    lines = "".join(f'{{"run": "a", "step": {i}}}\n' for i in range(20_000)).encode()
    packed = {
        ("csv", "gz"): PACKED["gz"],
        ("csv", "zst"): PACKED["zst"],
        ("jsonl", "gz"): gzip.compress(lines),
        ("jsonl", "zst"): pa.Codec("zstd").compress(lines, asbytes=True),
    }[form, suffix]
    with pytest.raises(DatabaseError, match=r"is cut off|cannot read"):
        look(packed[: max(8, int(len(packed) * part))], name=f"t.{form}.{suffix}")


@pytest.mark.parametrize("suffix", PACKED)
def test_compressed_texts_one_behind_the_other_are_one(look, suffix):
    more = b"b,1\n" * 3
    packed = (
        gzip.compress(more) if suffix == "gz" else pa.Codec("zstd").compress(more, asbytes=True)
    )
    found = look(PACKED[suffix] + packed, name=f"t.csv.{suffix}")
    assert (found.rows, found.duplicated_values) == (20_004, 2)


def test_a_flipped_bit_in_compressed_text_is_refused(look):
    damaged = bytearray(PACKED["gz"])
    damaged[len(damaged) // 2] ^= 8
    with pytest.raises(DatabaseError, match="cannot read"):
        look(bytes(damaged), name="t.csv.gz")


def test_columns_may_stand_in_another_order_in_each_file(look, tmp_path):
    look("run;step\na;1\n", name="x/1.csv")
    look("step,loss,run\n1,0.5,a\n", name="x/2.csv")
    found = duplicates_in(f"{tmp_path}/x/*.csv", ["run"], ["step"])
    assert (found.rows, found.duplicated_values) == (2, 1)


def test_a_column_that_one_of_several_files_lacks_is_refused(look, tmp_path):
    look("run,step\na,1\n", name="x/1.csv")
    (tmp_path / "x" / "2.csv").write_text("run,stop\na,1\n")
    with pytest.raises(UsageError, match=r"2\.csv has no column 'step'"):
        duplicates_in(f"{tmp_path}/x/*.csv", ["run"], ["step"])
