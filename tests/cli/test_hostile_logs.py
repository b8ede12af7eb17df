"""Every command that reads a log, over logs that someone else made to have other files read."""

from __future__ import annotations

import shutil

import duckdb
import pytest
from hostile_logs import changing, honest, leaking, replace_by_view

import rlaudit
from rlaudit.auditing import history
from rlaudit.cli import main
from rlaudit.cli.served_page import served_page
from rlaudit.errors import EXIT_FAILED, RlauditError
from rlaudit.live import take_look

SECRET = "canary 5d1f"
# LOG is the hostile one, GOOD another, and OUT a file that is not there.
COMMANDS = {
    "runs": "runs LOG",
    "runs as JSON": "runs LOG --format json",
    "sql": "sql LOG|FROM runs",
    "sql over raw": "sql LOG|FROM raw.schema_version, raw.spool_folded",
    "report run": "report run return_curves LOG -o OUT.csv",
    "report run log_size": "report run log_size LOG --format csv",
    "check-duplicates": "check-duplicates LOG",
    "check-duplicates of a table": "check-duplicates LOG --table raw.runs --value run_id",
    "plot": "plot LOG -o OUT.svg",
    "plot of two": "plot GOOD LOG --format csv",
    "compare": "compare GOOD LOG",
    "train": "train cartpole --steps 5 --db LOG",
    "reproduce": "reproduce cartpole-per --from LOG",
}
# These go on, and say in what they write what they could not read.
REPORTING = {
    "audit": "audit LOG",
    "audit as JSON": "audit LOG --format json -o OUT",
    "audit of two": "audit GOOD LOG --run r1",
    "audit that is recorded": "audit LOG --record OUT.duckdb",
    "baseline write": "baseline write LOG --output OUT",
    "report html": "report html LOG -o OUT",
}


@pytest.fixture
def canary(tmp_path):
    path = tmp_path / "canary.txt"
    path.write_text(SECRET)
    return path


@pytest.fixture
def good(tmp_path):
    return honest(tmp_path / "good.duckdb")


def words_of(line, folder, log):
    sentence, _, query = line.partition("|")
    places = {"LOG": str(log), "GOOD": str(folder / "good.duckdb")}
    words = [
        places.get(word, word.replace("OUT", str(folder / "out"))) for word in sentence.split()
    ]
    return [*words, query] if query else words


def called(capsys, line, folder, log):
    """Return exit code, stderr, and all that a command wrote anywhere."""
    code = main(words_of(line, folder, log))
    out, err = capsys.readouterr()
    written = [path.read_bytes() for path in folder.glob("out*") if path.is_file()]
    for path in folder.glob("out*"):
        path.unlink()
    return code, err, out + err + b"".join(written).decode(errors="replace")


@pytest.fixture
def forged(tmp_path, canary, good):
    """Logs in each of which one table of ours is a view that reads the canary."""
    return [forge(good, tmp_path, table, canary) for table in ("schema_version", "runs", "events")]


def forge(log, folder, table, canary):
    path = shutil.copy(log, folder / f"{table}.duckdb")
    with changing(path) as con:
        replace_by_view(con, table, leaking(table, canary))
    return path


@pytest.mark.parametrize(
    "line", [*COMMANDS.values(), *REPORTING.values()], ids=[*COMMANDS, *REPORTING]
)
def test_a_forged_table_is_refused_by_every_command(capsys, tmp_path, forged, line):
    for log in forged:
        code, err, everything = called(capsys, line, tmp_path, log)
        assert code == EXIT_FAILED, log
        assert SECRET not in everything, log
        assert f"raw.{log.stem} is a view" in " ".join(everything.split()), log
        assert "Traceback" not in err
        if line in COMMANDS.values():
            *warnings, last = err.splitlines()
            assert last.startswith("error: "), err
            assert all(warning.startswith("warning: ") for warning in warnings), err


def test_a_forged_table_keeps_a_run_from_going_on(capsys, tmp_path, canary):
    log = tmp_path / "whole.duckdb"
    line = "train cartpole --steps 30 --checkpoint-every 20 --run-id r1 --db LOG"
    assert called(capsys, line, tmp_path, log)[0] == 0
    for table in ("runs", "segments"):
        path = forge(log, tmp_path, table, canary)
        shutil.copytree(f"{log}.checkpoints", f"{path}.checkpoints")
        for line in ("train --resume r1 --db LOG", "eval r1 --db LOG --episodes 1"):
            code, err, everything = called(capsys, line, tmp_path, path)
            assert code == EXIT_FAILED, line
            assert f"raw.{table} is a view" in err, line
            assert SECRET not in everything, line


def test_a_forged_table_is_refused_by_what_looks_again_and_again(forged, tmp_path):
    for log in forged:
        with pytest.raises(RlauditError, match="is a view"):
            take_look(log, "r1", wait=0)
        with pytest.raises(RlauditError, match="is a view"):
            served_page(log, tmp_path, audit=True, judging={}, live="1-1")
        with pytest.raises(RlauditError, match="is a view"):
            rlaudit.open(log)


HARMLESS = (
    "CREATE OR REPLACE VIEW runs AS FROM read_text('{canary}')",
    "CREATE OR REPLACE VIEW episodes AS FROM read_text('{canary}')",
    "CREATE VIEW leak AS FROM read_text('{canary}')",
    "CREATE MACRO count(x) AS 0",
    "CREATE MACRO raw.max(x) AS (SELECT content FROM read_text('{canary}'))",
    "CREATE MACRO getvariable(x) AS 0",
    "CREATE SCHEMA shared",
    "CREATE VIEW shared.transition_of_draw AS FROM read_text('{canary}')",
)


@pytest.fixture
def harmless(tmp_path, canary, good):
    """A log with views and functions of someone else's, and two runs of one id."""
    path = tmp_path / "harmless.duckdb"
    shutil.copy(good, path)
    with changing(path) as con:
        con.execute("INSERT INTO raw.runs (run_id, name) VALUES ('r2', 'again')")
        for statement in HARMLESS:
            con.execute(statement.format(canary=canary))
    return path


def test_what_else_a_log_holds_is_neither_read_nor_run(capsys, tmp_path, harmless):
    own = tmp_path / "own"
    own.mkdir()
    (own / "greatest.sql").write_text(
        "-- name: greatest\n-- title: t\n-- question: q\n-- reading: r\n-- empty: e\n"
        "-- reads: raw.runs\n\nSELECT count(*), max(run_id) FROM raw.runs\n"
    )
    for line, code, text in (
        ("runs LOG", 0, "again"),
        ("audit LOG --select duplicate_run_ids", 1, "duplicate_run_ids"),
        ("check-duplicates LOG", 1, "duplicate_run_ids"),
        ("report run log_size LOG", 0, "runs"),
        (f"report run greatest LOG --reports {own}", 0, "r2"),
        ("sql LOG|SELECT count(*), max(run_id) FROM runs", 0, "r2"),
        ("report html LOG -o OUT --no-audit", 0, "again"),
        ("plot LOG --format csv --window 1", 0, "one"),
    ):
        found, err, everything = called(capsys, line, tmp_path, harmless)
        assert found == code, (line, err)
        assert text in everything, line
        assert SECRET not in everything, line


@pytest.mark.parametrize(
    "line",
    ["sql LOG|FROM leak", "sql LOG|FROM shared.transition_of_draw", "sql LOG|SELECT raw.max(1)",
     "check-duplicates LOG --table leak --value content"],
)  # fmt: skip
def test_a_view_that_a_user_asks_for_reaches_no_other_file(capsys, tmp_path, harmless, line):
    code, err, everything = called(capsys, line, tmp_path, harmless)
    assert code == EXIT_FAILED
    assert err.startswith("error: ")
    assert SECRET not in everything


def test_a_check_and_a_report_reach_no_other_file(capsys, tmp_path, harmless, canary):
    own = tmp_path / "own"
    own.mkdir()
    (own / "leaks.sql").write_text(
        "-- name: leaks\n-- title: t\n-- question: q\n-- reading: r\n-- empty: e\n"
        f"-- reads: raw.runs\n\nFROM read_text('{canary}')\n"
    )
    line = f"report run leaks LOG --reports {own}"
    code, err, everything = called(capsys, line, tmp_path, harmless)
    assert (code, err.count("\n")) == (EXIT_FAILED, 1)
    assert "canary.txt" in err
    assert SECRET not in everything


def test_lint_runs_checks_that_reach_no_other_file(capsys, tmp_path, canary):
    own = tmp_path / "own"
    own.mkdir()
    main(["checks", "new", "leaks", "--dir", str(own)])
    file = own / "leaks.sql"
    text = file.read_text()
    head = text[: text.index("SELECT")]
    file.write_text(
        f"{head}SELECT content::INTEGER AS run_id, * FROM raw.runs, read_text('{canary}')\n"
    )
    capsys.readouterr()
    assert main(["checks", "lint", str(own)]) == 1
    out, _ = capsys.readouterr()
    assert "file system operations are disabled" in out
    assert SECRET not in out


# A history of audits


@pytest.fixture
def forged_histories(tmp_path, canary, good):
    """Histories in each of which one table is a view that reads the canary."""
    original = tmp_path / "history.duckdb"
    main(["audit", str(good), "--record", str(original), "--select", "duplicate_run_ids"])
    paths = []
    for table in ("audit_schema_version", "audits", "audited_runs", "verdicts"):
        path = tmp_path / f"{table}.duckdb"
        shutil.copy(original, path)
        paths.append(path)
        column, text = "audit_id", f"(SELECT content FROM read_text('{canary}'))"
        if table == "audit_schema_version":
            column, text = "version", f"1 + 0 * length({text})"
        with changing(path) as con:
            con.execute(f"ALTER TABLE {table} RENAME TO {table}_0")
            con.execute(
                f"CREATE VIEW {table} AS SELECT * REPLACE ({text} AS {column}) FROM {table}_0"
            )
    return paths


def test_a_forged_history_is_refused(capsys, tmp_path, good, forged_histories):
    capsys.readouterr()
    for path in forged_histories:
        for line in (
            f"audit {good} --record LOG",
            f"audit {good} --record LOG --since-last",
            "sql LOG|FROM history",
        ):
            code, err, everything = called(capsys, line, tmp_path, path)
            assert code == EXIT_FAILED, line
            assert f"main.{path.stem} is a view" in err
            assert err.count("\n") == 1
            assert SECRET not in everything


def test_the_view_of_a_history_is_ours(capsys, tmp_path, good, canary):
    path = tmp_path / "history.duckdb"
    main(["audit", str(good), "--record", str(path), "--select", "duplicate_run_ids"])
    with changing(path) as con:
        con.execute(f"CREATE OR REPLACE VIEW history AS FROM read_text('{canary}')")
    capsys.readouterr()
    code, _, everything = called(capsys, "sql LOG|FROM history --format csv", tmp_path, path)
    assert code == 0
    assert "duplicate_run_ids" in everything
    assert SECRET not in everything
    assert len(history.record_audit(rlaudit.audit(good), path)) == 1


# Files of other formats


def test_parquet_files_are_the_only_ones_that_duckdb_reads(capsys, tmp_path):
    folder = tmp_path / 'it\'s [a] "*"'
    folder.mkdir()
    for name in ("a[1]", "b"):
        duckdb.sql("SELECT 1 AS g, 2 AS v FROM range(2)").write_parquet(str(folder / f"{name}.pq"))
    code, _, everything = called(
        capsys, "check-duplicates LOG --value v", tmp_path, folder / "a[1].pq"
    )
    assert code == 1, everything
    pattern = f"{folder}/*.pq".replace("[a]", "[[]a]").replace('"*"', '"[*]"')
    code, _, everything = called(capsys, "check-duplicates LOG --value v", tmp_path, pattern)
    assert code == 1, everything
    assert "4" in everything
