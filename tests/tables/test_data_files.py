"""Which files are meant, and what a name may say of them."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rlaudit.auditing import duplicates_in
from rlaudit.errors import DatabaseError, UsageError

FIXTURES = Path(__file__).parents[2] / "fixtures"
DIRTY = {"run": ["a", "a"], "value": [1, 1]}
CLEAN = {"run": ["a", "a"], "value": [1, 2]}


def write(path, columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.table(columns), path)
    elif path.suffix == ".jsonl":
        rows = zip(*columns.values(), strict=True)
        path.write_text("".join(f'{{"run": "{r}", "value": {v}}}\n' for r, v in rows))
    else:
        rows = zip(*columns.values(), strict=True)
        path.write_text("run,value\n" + "".join(f"{r},{v}\n" for r, v in rows))
    return path


def repeated(source, **options):
    return duplicates_in(str(source), ["run"], ["value"], **options).duplicated_values


SUFFIXES = ["csv", "jsonl", "parquet"]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("name", "decoy"),
    [("log[1]", "log1"), ("log[12]", "log2"), ("l?g", "log"), ("l*g", "log"), ("[!a]", "b")],
)
def test_a_file_whose_name_is_a_pattern_is_read_itself(tmp_path, suffix, name, decoy):
    source = write(tmp_path / f"{name}.{suffix}", DIRTY)
    write(tmp_path / f"{decoy}.{suffix}", CLEAN)
    assert repeated(source) == 1
    # The same where a pattern finds it, in a folder whose name is a pattern too.
    other = write(tmp_path / "[x]" / f"{name}.{suffix}", DIRTY)
    write(tmp_path / "x" / f"{name}.{suffix}", CLEAN)
    assert repeated(other) == 1
    found = duplicates_in(f"{tmp_path}/[[]x]/*.{suffix}", ["run"], ["value"])
    assert (found.rows, found.duplicated_values) == (2, 1)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_value_is_taken_from_the_name_of_a_folder(tmp_path, suffix):
    write(tmp_path / "run=b" / "value=5" / f"t.{suffix}", CLEAN)
    write(tmp_path / "run=c" / "value=5" / f"t.{suffix}", CLEAN)
    assert repeated(tmp_path / "run=b" / "value=5" / f"t.{suffix}") == 0
    assert repeated(f"{tmp_path}/*/*/t.{suffix}") == 2
    with pytest.raises(UsageError, match="no column 'lr'"):
        duplicates_in(str(write(tmp_path / "lr=1" / f"t.{suffix}", CLEAN)), ["lr"], ["value"])


def test_a_file_that_a_pattern_finds_twice_is_read_once(tmp_path):
    write(tmp_path / "a.csv", CLEAN)
    (tmp_path / "b.csv").symlink_to(tmp_path / "a.csv")
    os.link(tmp_path / "a.csv", tmp_path / "c.csv")
    found = duplicates_in(f"{tmp_path}/*.csv", ["run"], ["value"])
    assert (found.rows, found.clean) == (2, True)
    assert [note.split("/")[-1] for note in found.notes] == ["a.csv and is read once"] * 2


def test_formats_may_be_mixed(tmp_path):
    for suffix in SUFFIXES:
        write(tmp_path / f"t.{suffix}", CLEAN)
    found = duplicates_in(f"{tmp_path}/*", ["run"], ["value"])
    assert (found.rows, [example.count for example in found.examples]) == (6, [3, 3])


def test_columns_of_parquet_that_differ_in_case(tmp_path):
    path = tmp_path / "t.parquet"
    nested = [{"v": 1, "w": [1]}, {"v": 2, "w": []}]
    columns = [["a", "a"], [1, 2], nested, [5, 5], [7, 8]]
    pq.write_table(pa.table(columns, names=["run", "V", "s", "v", "v_1"]), path)
    assert duplicates_in(str(path), ["run"], ["v"]).duplicated_values == 1
    assert duplicates_in(str(path), ["run"], ["V"]).clean
    assert duplicates_in(str(path), ["run"], ["v_1"]).clean
    pq.write_table(pa.table([["a"], [1], [1]], names=["run", "V", "v"]), path)
    with pytest.raises(UsageError, match="2 columns that ' v' may mean: 'V', 'v'"):
        duplicates_in(str(path), ["run"], [" v"])


@pytest.mark.parametrize("name", ["t.txt", "t", "t.log", "t.CSV.bak"])
def test_a_file_of_an_unknown_suffix_needs_its_format(tmp_path, name):
    path = tmp_path / name
    path.write_text("run,value\na,1\na,1\n")
    with pytest.raises(UsageError, match="does not say which format") as caught:
        repeated(path)
    assert "--input-format csv|tsv|json|jsonl|parquet|duckdb" in caught.value.hint
    assert repeated(path, input_format="csv") == 1


def test_the_format_counts_more_than_the_suffix(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('{"run": "a", "value": 1}\n{"run": "a", "value": 1}\n')
    assert repeated(path, input_format="jsonl") == 1
    with pytest.raises(UsageError, match="unknown input format 'cvs'"):
        repeated(path, input_format="cvs")


def test_upper_case_suffixes(tmp_path):
    path = tmp_path / "T.CSV"
    path.write_text("run,value\na,1\na,1\n")
    assert repeated(path) == 1


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("nothing.csv", "does not exist"),
        ("*.nothing", "no file matches"),
        (".", "is a folder"),
        ("a\0b.csv", "NUL"),
        ("", "is a folder|does not exist"),
    ],
)
def test_what_is_no_file_is_refused(tmp_path, monkeypatch, source, what):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatabaseError, match=what):
        repeated(source)


def test_a_folder_that_a_pattern_finds_is_refused(tmp_path):
    write(tmp_path / "part.parquet" / "0.parquet", CLEAN)
    with pytest.raises(DatabaseError, match=r"part\.parquet, which matches .* is a folder"):
        repeated(f"{tmp_path}/*.parquet")
    assert repeated(f"{tmp_path}/**/*.parquet".replace("**", "part.parquet")) == 0


def test_duckdb_files_are_read_one_at_a_time(tmp_path):
    for name in ("a.duckdb", "b.duckdb"):
        (tmp_path / name).write_bytes((FIXTURES / "example.duckdb").read_bytes())
    with pytest.raises(UsageError, match=r"names 2 files, and .*a\.duckdb is a DuckDB file"):
        repeated(f"{tmp_path}/*.duckdb")


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet", "duckdb"])
def test_standard_input_is_read_in_any_format(suffix, monkeypatch):
    data = (FIXTURES / f"example.{suffix}").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    found = duplicates_in("-", ["group_id"], ["value"], input_format=suffix)
    assert (found.rows, found.duplicated_values) == (6, 1)


def test_standard_input_needs_a_format():
    with pytest.raises(UsageError, match="format of standard input"):
        repeated("-")


def test_a_pipe_is_read(tmp_path):
    command = [sys.executable, "-m", "rlaudit", "check-duplicates", "-", "--value", "step"]
    text = "run,step\na,1\na,1\n"
    done = subprocess.run(
        [*command, "--input-format", "csv"],
        check=False,
        input=text,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("standard input: step within the table\n")


def test_a_named_pipe_is_read_once(tmp_path):
    """A shell hands one over for ``<(zcat t.csv.gz)``."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    text = "run,value\n" + "a,1\n" * 3
    write = "import sys; open(sys.argv[1], 'w').write(sys.argv[2])"
    writer = subprocess.Popen([sys.executable, "-c", write, str(pipe), text])
    found = duplicates_in(str(pipe), ["run"], ["value"], input_format="csv")
    assert writer.wait(20) == 0
    assert [example.count for example in found.examples] == [3]


def test_a_device_is_refused():
    with pytest.raises(DatabaseError, match="/dev/zero is a device"):
        duplicates_in("/dev/zero", ["run"], ["value"], input_format="csv")


def test_a_link_to_nothing_is_named(tmp_path):
    write(tmp_path / "a.csv", CLEAN)
    (tmp_path / "b.csv").symlink_to(tmp_path / "gone.csv")
    with pytest.raises(DatabaseError, match=r"cannot read .*b\.csv: No such file") as caught:
        repeated(f"{tmp_path}/*.csv")
    assert caught.value.hint == "it is a link to nothing"


def test_bytes_and_the_text_of_their_escapes_are_not_compared(tmp_path):
    pq.write_table(pa.table({"run": ["a"], "value": [b"\xff"]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"run": ["a"], "value": ["\\xFF"]}), tmp_path / "b.parquet")
    with pytest.raises(UsageError, match="'value' holds bytes in one file"):
        repeated(f"{tmp_path}/*.parquet")


def test_json_of_several_kinds_is_not_compared_with_other_formats(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"run": "a", "value": 1}\n{"run": "a", "value": "1"}\n')
    write(tmp_path / "b.csv", CLEAN)
    with pytest.raises(UsageError, match="'value' holds JSON of several kinds in one file"):
        repeated(f"{tmp_path}/*")
