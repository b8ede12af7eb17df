"""``rlaudit train --audit-every``: real audits of a real run, in processes of their own."""

from __future__ import annotations

import json
import threading
from types import SimpleNamespace

import pytest

from rlaudit.cli import main
from rlaudit.cli import watch as watch_module
from rlaudit.cli.watch import LiveAudit
from rlaudit.errors import DatabaseWriteError
from rlaudit.record import Recorder
from rlaudit.store import open_for_reading

SMALL = ["--hidden-units", "16", "--batch-size", "16"]


@pytest.fixture
def doubled(monkeypatch):
    """A trainer that logs every batch twice."""
    extend = Recorder.extend

    def twice(self, rows):
        extend(self, rows)
        extend(self, rows)

    monkeypatch.setattr(Recorder, "extend", twice)


def one(db, query):
    with open_for_reading(db) as log:
        return log.con.sql(query).fetchall()[0]


def train(db, *options):
    return main(["train", "cartpole", *SMALL, "--db", str(db), "--run-id", "r", *options])


def test_a_sound_run_is_audited_to_its_end_and_exits_0(db, capsys):
    assert train(db, "--steps", "1100", "--audit-every", "600") == 0
    err = capsys.readouterr().err
    assert "audits: " in err
    assert "while the run went on, clean; " in err
    assert one(db, "SELECT state, end_step FROM segments") == ("finished", 1100)
    offered, written = one(db, "SELECT rows_offered, rows_written FROM segments")
    assert offered == written


@pytest.mark.usefixtures("doubled")
def test_a_finding_is_told_once_and_the_run_goes_on_and_exits_1(db, capsys):
    assert train(db, "--steps", "1300", "--audit-every", "600") == 1
    err = capsys.readouterr().err
    assert err.count("error duplicate_samples: ") == 1
    assert "run r finished after 1,300 steps" in err
    assert one(db, "SELECT state FROM segments") == ("finished",)


@pytest.mark.usefixtures("doubled")
def test_with_stop_on_error_a_finding_ends_the_run_as_failed_and_exits_1(db, capsys):
    # It would train for an hour.
    assert train(db, "--steps", "1000000", "--audit-every", "600", "--stop-on-error") == 1
    err = capsys.readouterr().err
    assert "run r failed after" in err
    assert "error: audit at step" in err
    assert one(db, "SELECT state FROM segments") == ("failed",)
    kind, detail = one(db, "SELECT kind, detail FROM events")
    assert kind == "audit"
    assert "duplicate_samples" in json.loads(detail)["message"]


@pytest.mark.usefixtures("doubled")
def test_a_finding_of_the_last_audit_fails_the_run_as_well(db):
    assert train(db, "--steps", "700", "--audit-every", "100000", "--stop-on-error") == 1
    assert one(db, "SELECT state, end_step FROM segments") == ("failed", 700)


def test_a_last_audit_that_could_not_be_done_exits_2(db, capsys, monkeypatch):
    def break_down(*arguments, **options):
        process = FakeProcess(*arguments, **options)
        process.end(code=3)
        return process

    monkeypatch.setattr(watch_module.subprocess, "Popen", break_down)
    assert train(db, "--steps", "20", "--audit-every", "10") == 2
    assert "audit at step 20 failed with exit code 3" in capsys.readouterr().err
    assert one(db, "SELECT state FROM segments") == ("finished",)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--stop-on-error"], "--stop-on-error needs audits (for example: --audit-every 10000)"),
        (["--audit-every", "9", "--no-log"], "--audit-every reads the log"),
    ],
)
def test_options_that_make_no_sense_together_are_refused(db, options, message, capsys):
    assert train(db, *options) == 2
    assert message in capsys.readouterr().err
    assert not db.exists()


class FakeProcess:
    """Ends when the test says so, with what the test says."""

    returncode = 0

    def __init__(self, command, stdout, **_):
        self.options = json.loads(command[-1])
        self.ended = False
        self.killed = False
        self._stdout = stdout.name

    def end(self, *findings, problems=(), code=0):
        with open(self._stdout, "w") as out:  # noqa: PTH123 - a name that tempfile gave
            json.dump({"findings": findings, "problems": problems, "judged": "1 of 2 checks"}, out)
        self.returncode = code
        self.ended = True

    def poll(self):
        return self.returncode if self.ended else None

    def kill(self):
        self.killed = True

    def wait(self):
        return -9


@pytest.fixture
def watched(monkeypatch, db):
    """An audit every 100 steps whose processes are fakes, and no time between polls."""
    begun, notes = [], []

    def begin(*arguments, **options):
        begun.append(FakeProcess(*arguments, **options))
        return begun[-1]

    monkeypatch.setattr(watch_module.subprocess, "Popen", begin)
    monkeypatch.setattr(watch_module, "_SECONDS_BETWEEN_POLLS", 0.0)
    live = LiveAudit(db, every=100, stop_on_error=True, on_note=notes.append)
    yield SimpleNamespace(live=live, begun=begun, notes=notes)
    live.close()


def flushed():
    return "r"


def finding(check="x", severity="error", run_id="r"):
    return {
        "check": check,
        "severity": severity,
        "run_id": run_id,
        "rows": 3,
        "diagnosis": "is wrong",
    }


def test_audits_are_one_at_a_time_and_late_ones_are_left_out(watched):
    for step in range(1, 351):
        if step == 320:
            watched.begun[0].end()
        assert watched.live.step(step, flushed) == ""
    assert [p.options["look"] for p in watched.begun] == [1, 3]
    assert [p.options["run"] for p in watched.begun] == ["r", "r"]
    assert len({p.options["record"] for p in watched.begun}) == 1


def test_a_resumed_run_counts_its_looks_on(watched):
    for step in range(951, 1_001):
        watched.live.step(step, flushed)
    assert [p.options["look"] for p in watched.begun] == [10]


def test_findings_are_told_once_and_only_errors_stop(watched):
    live = watched.live
    live.step(100, flushed)
    watched.begun[0].end(finding("w", "warning"))
    assert live.step(101, flushed) == ""
    live.step(200, flushed)
    watched.begun[1].end(finding("w", "warning"), finding("e"))
    assert live.step(201, flushed) == "audit at step 200 found e: is wrong"
    assert (live.findings, live.errors, live.stopped) == (2, 1, True)
    assert watched.notes == [
        "audit at step 100: warning w: is wrong (3 wrong rows)",
        "audit at step 200: error e: is wrong (3 wrong rows)",
    ]


def test_an_audit_that_breaks_down_is_told_and_the_run_goes_on(watched):
    watched.live.step(100, flushed)
    watched.begun[0].end(code=3)
    assert watched.live.step(101, flushed) == ""
    assert watched.notes == ["audit at step 100 failed with exit code 3: "]
    assert watched.live.incomplete


def test_a_log_that_takes_no_rows_is_not_audited(watched):
    def full():
        raise DatabaseWriteError("the disk is full")

    watched.live.step(100, full)
    assert watched.begun == []
    assert watched.notes == ["no audit at step 100: the disk is full"]


def test_the_last_audit_is_waited_for_unless_the_run_is_stopped(watched):
    live, stop = watched.live, threading.Event()
    live.step(100, flushed)
    watched.begun[0].end()
    original = live._begin

    def begin_and_end(*arguments):
        original(*arguments)
        watched.begun[-1].end(finding())

    live._begin = begin_and_end
    assert live.finish(150, flushed, stop) == "audit at step 150 found x: is wrong"
    live._begin = original
    stop.set()
    assert live.finish(170, flushed, stop) == ""
    assert len(watched.begun) == 2


def test_nothing_is_audited_twice_at_the_end(watched):
    watched.live.step(100, flushed)
    watched.begun[0].end()
    assert watched.live.finish(100, flushed, threading.Event()) == ""
    assert len(watched.begun) == 1


def test_closing_ends_an_audit_that_is_under_way(db, held):
    with open_for_reading(_a_log(db)):
        pass
    with held(db):  # so that the audit waits for the file
        live = LiveAudit(db, every=10, stop_on_error=False, on_note=print)
        live.step(10, flushed)
        process = live._process
        assert process.poll() is None
        live.close()
    assert process.returncode is not None


def _a_log(db):
    assert train(db, "--steps", "20") == 0
    return db
