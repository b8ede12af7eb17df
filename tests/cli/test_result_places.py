"""Where a result goes is looked at before the work begins."""

from __future__ import annotations

import pytest

from rlaudit.cli import main

COMMANDS = [
    ("audit", "none.duckdb", "--output"),
    ("baseline", "write", "none.duckdb", "--output"),
    ("check-duplicates", "none.duckdb", "-o"),
    ("checks", "list", "-o"),
    ("compare", "a", "b", "-o"),
    ("eval", "run", "--video"),
    ("plot", "none.duckdb", "-o"),
    ("report", "run", "sample_ages", "none.duckdb", "-o"),
    ("report", "html", "none.duckdb", "-o"),
    ("reproduce", "none", "--plot"),
    ("sql", "none.duckdb", "SELECT 1", "-o"),
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_a_result_without_a_place_is_refused_before_anything_is_read(capsys, tmp_path, words):
    # The log, run or experiment is not there either: it would be named if it were looked at.
    file = tmp_path / "none" / "x.csv"
    code = main([*words, str(file)])
    assert code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        f"error: cannot write {file}: the folder {file.parent} does not exist "
        "(create the folder first)\n"
    )


def test_a_record_without_a_place_is_refused_before_the_log_is_read(capsys, tmp_path):
    file = tmp_path / "none" / "audits.duckdb"
    assert main(["audit", "none.duckdb", "--record", str(file)]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: cannot write {file}: the folder {file.parent} does not exist")


def test_a_place_that_is_looked_at_stays_as_it_was(capsys, tmp_path):
    (tmp_path / "x.json").write_text("earlier")
    assert main(["audit", str(tmp_path / "none.duckdb"), "-o", str(tmp_path / "y.json")]) == 2
    assert main(["audit", "none", "--format", "tabel", "-o", str(tmp_path / "x.json")]) == 2
    assert (tmp_path / "x.json").read_text() == "earlier"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    assert "unknown format" in capsys.readouterr().err


def test_a_folder_that_takes_no_file_is_refused_by_name(capsys):
    # The root user may write anywhere but there.
    assert main(["audit", "none.duckdb", "-o", "/proc/x.json"]) == 2
    assert capsys.readouterr().err.startswith("error: cannot write /proc/x.json: ")


@pytest.mark.parametrize("words", [["cartpole"], ["--resume", "r1"]])
def test_training_is_refused_before_its_packages_are_imported(capsys, tmp_path, monkeypatch, words):
    def not_yet():
        raise AssertionError("the imports have begun")

    monkeypatch.setattr("rlaudit.cli.train.require_train_extra", not_yet)
    for place, message in (
        (tmp_path / "none" / "z.duckdb", f"the folder {tmp_path / 'none'} does not exist"),
        (tmp_path, "is a folder, not a database (name a file in it)"),
    ):
        assert main(["train", *words, "--db", str(place)]) == 2
        assert message in capsys.readouterr().err


def test_the_settings_are_shown_whatever_the_log_is(capsys, tmp_path):
    words = ["train", "cartpole", "--show-config", "--db", str(tmp_path / "none" / "z.duckdb")]
    assert main(words) == 0
    assert 'env = "CartPole-v1"' in capsys.readouterr().out
