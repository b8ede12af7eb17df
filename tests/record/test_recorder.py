from __future__ import annotations

import queue
from asyncio import CancelledError

import numpy as np
import pytest
from steps import NEVER, counts, give

from rlaudit.errors import DatabaseWriteError, RunExistsError, UsageError
from rlaudit.record import Recorder, Resume, gathering
from rlaudit.record import writer as writer_module
from rlaudit.records import EpisodeRow, EventRow, RunInfo, SampleRows, TransitionRow
from rlaudit.store import list_runs, open_for_reading


def test_what_is_offered_is_in_the_file_after_a_flush(db, run, rows, query):
    with Recorder(db, run, flush_seconds=NEVER) as recorder:
        give(recorder, rows, range(1, 6))
        assert recorder.rows_logged == 5 + 5 + 20
        assert recorder.written["samples"] == 0
        recorder.flush()
        assert counts(query, db) == (5, 5, 20)
        assert recorder.written["samples"] == 20
        give(recorder, rows, range(6, 8))
    assert counts(query, db) == (7, 7, 28)
    (segment,) = query(
        db,
        "SELECT state, start_step, end_step, open_episodes, open_episode_steps, ordinal, "
        "ended_at = heartbeat_at, rows_offered = rows_written, rows_written['samples'] "
        "FROM raw.segments",
    )
    assert segment == ("finished", 0, 7, 1, 7, 0, True, True, 28)
    assert query(db, "SELECT DISTINCT run_id, segment_id FROM raw.samples") == [
        ("a", recorder.segment_id)
    ]


def test_the_run_is_in_the_file_from_the_start(db, run, query):
    recorder = Recorder(db, run, flush_seconds=NEVER)
    stored = query(db, "SELECT run_id, name, env_id, config->>'alpha', seed, source FROM raw.runs")
    assert stored == [("a", "name", "env", "0.5", 1, "rlaudit")]
    assert query(db, "SELECT state, ended_at FROM raw.segments") == [("running", None)]
    recorder.close("finished")


def test_settings_that_agree_but_for_the_seed_have_one_hash(db, run, query):
    other = run._replace(run_id="b", config='{"seed": 2, "alpha": 0.5}', seed=2)
    for info in (run, other):
        Recorder(db, info).close("finished")
    assert query(db, "SELECT count(DISTINCT config_hash) FROM raw.runs") == [(1,)]


def test_a_run_id_that_exists_is_refused_and_named(db, run, rows, query):
    with Recorder(db, run) as recorder:
        give(recorder, rows, [1])
    with pytest.raises(RunExistsError, match="has a run 'a' already"):
        Recorder(db, run)
    assert query(db, "SELECT count(*) FROM raw.segments") == [(1,)]


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (ZeroDivisionError, "failed"),
        (KeyboardInterrupt, "interrupted"),
        (CancelledError, "interrupted"),
        (GeneratorExit, "interrupted"),
        (SystemExit, "finished"),
        (SystemExit(0), "finished"),
        (SystemExit(3), "failed"),
        (SystemExit("no such game"), "failed"),
    ],
)
def test_an_exception_marks_the_segment_and_loses_no_row(db, rows, query, error, state):
    def train(recorder):
        give(recorder, rows, [1, 2])
        raise error

    run = RunInfo("a", "name", "env", "{}")
    kind = error if isinstance(error, type) else type(error)
    with pytest.raises(kind), Recorder(db, run, flush_seconds=NEVER) as recorder:
        train(recorder)
    assert query(db, "SELECT state FROM raw.segments") == [(state,)]
    assert counts(query, db) == (2, 2, 8)


def test_closing_twice_does_nothing_more_and_closed_is_closed(db, run, rows):
    recorder = Recorder(db, run)
    give(recorder, rows, [1])
    first = recorder.close("interrupted")
    assert recorder.close("finished") == first
    for action in (lambda: give(recorder, rows, [2]), recorder.flush):
        with pytest.raises(UsageError, match="closed"):
            action()
    with open_for_reading(db) as log:
        assert list_runs(log)[0].state == "interrupted"


def test_times_are_added_to_episodes_and_events(db, run, query):
    with Recorder(db, run) as recorder:
        recorder.append(EpisodeRow(1, 0, "train", 1, 9, 9, 2.0, 1.0, terminated=True,
                                   truncated=False, first_obs_hash=2**64 - 1))  # fmt: skip
        recorder.append(EventRow(9, "checkpoint", '{"file": "x"}'))
        recorder.append(EventRow(9, "nan", "loss was NaN"))
        recorder.append(EventRow(9, "resume"))
    assert query(db, "SELECT phase, first_obs_hash, lives_lost FROM raw.episodes") == [
        ("train", 2**64 - 1, None)
    ]
    assert query(db, "SELECT kind, detail FROM raw.events") == [
        ("checkpoint", '{"file": "x"}'),
        ("nan", '"loss was NaN"'),
        ("resume", None),
    ]
    ages = "SELECT max(abs(epoch(started_at) - epoch(t))) FROM raw.segments, "
    for table, column in (("episodes", "ended_at"), ("events", "happened_at")):
        assert query(db, f"{ages} (SELECT {column} AS t FROM raw.{table})")[0][0] < 60


def test_bulk_columns_arrive_like_rows(db, run, query):
    with Recorder(db, run) as recorder:
        recorder.extend_columns(
            "samples",
            100_000,
            {"update_id": np.repeat(np.arange(1000), 100), "weight": np.float32(1.0)},
        )
        recorder.extend_columns("events", 2, {"kind": ["nan", "nan"], "env_step": 5})
    assert query(
        db, "SELECT count(*), sum(update_id), sum(weight), count(slot) FROM raw.samples"
    ) == [(100_000, 999 * 1000 / 2 * 100, 100_000.0, 0)]
    assert query(db, "SELECT count(happened_at) FROM raw.events") == [(2,)]


@pytest.mark.parametrize(
    ("table", "columns", "message"),
    [
        ("sample", {}, "no table 'sample'"),
        ("runs", {}, "no table 'runs'"),
        ("samples", {"wieght": 1}, "no column 'wieght'"),
    ],
)
def test_bulk_columns_that_do_not_fit_are_named(db, run, table, columns, message):
    with Recorder(db, run) as recorder, pytest.raises(UsageError, match=message):
        recorder.extend_columns(table, 1, columns)


def test_arrays_may_be_reused_by_the_trainer(db, run, query):
    with Recorder(db, run, flush_seconds=NEVER) as recorder:
        index, ids = np.arange(4), np.zeros(4, np.int64)
        for update_id in range(3):
            ids[:] = update_id
            recorder.extend(SampleRows(update_id, index, ids))
    assert query(db, "SELECT count(*) FROM raw.samples WHERE transition_id <> update_id") == [(0,)]


def test_more_rows_than_the_columns_hold_are_kept_in_order(db, run, monkeypatch, query):
    monkeypatch.setitem(gathering._CAPACITIES, "samples", 10)
    monkeypatch.setitem(gathering._CAPACITIES, "events", 1)
    with Recorder(db, run, flush_seconds=NEVER) as recorder:
        for update_id in range(50):
            recorder.extend(SampleRows(update_id, np.arange(7), np.arange(7) + 7 * update_id))
            recorder.append(EventRow(update_id, "test"))
        recorder.extend(SampleRows(50, np.arange(30), np.arange(350, 380)))
    assert query(db, "SELECT transition_id FROM raw.samples") == [(i,) for i in range(380)]
    assert query(db, "SELECT env_step FROM raw.events") == [(i,) for i in range(50)]


def test_many_rows_bring_the_flush_forward_to_the_next_step(db, run, rows, monkeypatch):
    monkeypatch.setattr(gathering, "_EARLY_FLUSH_BYTES", 0)
    monkeypatch.setitem(gathering._CAPACITIES, "samples", 4)
    flushes = watch_flushes(monkeypatch)
    with Recorder(db, run, flush_seconds=NEVER) as recorder:
        give(recorder, rows, [1])
        give(recorder, rows, [2])
        assert flushes.get(timeout=20) == (2, 8)


def watch_flushes(monkeypatch):
    """Return a queue of (agent step, sample rows) of every delivery from now on."""
    seen = queue.SimpleQueue()
    deliver = writer_module.RunWriter.deliver

    def watched(self, tables, progress, state):
        deliver(self, tables, progress, state)
        samples = sum(part.num_rows for part in tables.get("samples", []))
        seen.put((progress.env_step, samples))

    monkeypatch.setattr(writer_module.RunWriter, "deliver", watched)
    return seen


def test_a_flush_never_splits_the_rows_of_a_step(db, run, rows, monkeypatch, query):
    flushes = watch_flushes(monkeypatch)
    recorder = Recorder(db, run, flush_seconds=0.01)
    while flushes.empty():  # the first, due without any step, takes what is there
        recorder.check()
    transition, update, samples = rows(1)
    recorder.append(transition)
    recorder._cut_wanted = True
    recorder.append(update)
    recorder.extend(samples)
    recorder.progress(1, 0, 0)
    while True:
        if flushes.get(timeout=20)[0] == 1:
            break
    recorder.close("finished")
    assert counts(query, db) == (1, 1, 4)


def test_the_heartbeat_goes_on_when_no_step_is_done(db, run, rows, monkeypatch, query):
    flushes = watch_flushes(monkeypatch)
    recorder = Recorder(db, run, flush_seconds=0.01)
    with open_for_reading(db) as log:
        (before,) = log.con.sql("SELECT heartbeat_at FROM segments").fetchall()[0]
    transition, _, _ = rows(1)
    recorder.append(transition)
    for _ in range(3):
        flushes.get(timeout=20)
    recorder.close("finished")
    (after,) = query(db, "SELECT heartbeat_at FROM raw.segments")[0]
    assert after > before
    assert counts(query, db) == (1, 0, 0)


def test_a_resumed_run_has_a_second_segment_and_shows_no_row_twice(db, run, rows):
    with Recorder(db, run) as first:
        give(first, rows, range(1, 11))
    resume = Resume(first.segment_id, step=6, episode_id=1, transition_id=6, update_id=6)
    with Recorder(db, run, start_step=6, resume=resume) as second:
        give(second, rows, range(7, 13))
    with open_for_reading(db) as log:
        ids = log.con.sql("SELECT transition_id FROM transitions ORDER BY ALL").fetchall()
        samples = log.con.sql("SELECT count(*) FROM samples").fetchall()[0]
        raw = log.con.sql("SELECT count(*) FROM raw.transitions").fetchall()[0]
        segments = log.con.sql(
            "SELECT ordinal, resumed_from, resume_step, start_step, end_step FROM segments "
            "ORDER BY ordinal"
        ).fetchall()
    assert ids == [(i,) for i in range(1, 13)]
    assert samples == (48,)
    assert raw == (16,)
    assert segments == [(0, None, None, 0, 10), (1, first.segment_id, 6, 6, 12)]


@pytest.mark.parametrize("field", ["config", "versions"])
def test_run_info_that_is_not_json_is_refused_before_anything_is_written(db, run, field):
    with pytest.raises(UsageError, match=f"RunInfo.{field} is not JSON"):
        Recorder(db, run._replace(**{field: "alpha=0.5"}))
    assert not db.exists()


def test_an_unusable_file_is_an_error_at_the_start(tmp_path, run):
    with pytest.raises(DatabaseWriteError, match="does not exist"):
        Recorder(tmp_path / "nowhere" / "runs.duckdb", run)


def test_two_recorders_of_one_process_share_a_file(db, run, rows, query):
    with (
        Recorder(db, run, flush_seconds=0.01) as one,
        Recorder(db, run._replace(run_id="b"), flush_seconds=0.01) as two,
    ):
        for step in range(1, 30):
            give(one, rows, [step])
            give(two, rows, [step])
        one.flush()
        two.flush()
    assert query(db, "SELECT run_id, count(*) FROM raw.samples GROUP BY ALL ORDER BY ALL") == [
        ("a", 29 * 4),
        ("b", 29 * 4),
    ]


def test_cpu_seconds_count_both_threads(db, run, rows):
    with Recorder(db, run, flush_seconds=NEVER) as recorder:
        started = recorder.cpu_seconds
        assert started > 0
        give(recorder, rows, range(1, 200))
        handed_over = recorder.cpu_seconds
        assert handed_over > started
        recorder.flush()
        assert recorder.cpu_seconds > handed_over


def test_a_bug_in_the_writer_reaches_the_trainer(db, run, rows, monkeypatch):
    def broken(*_arguments):
        raise AssertionError("broken")

    recorder = Recorder(db, run, flush_seconds=NEVER)
    monkeypatch.setattr(writer_module.RunWriter, "deliver", broken)
    give(recorder, rows, [1])
    with pytest.raises(DatabaseWriteError, match="up to agent step 0: AssertionError: broken"):
        recorder.flush()
    with pytest.raises(DatabaseWriteError, match="broken"):
        recorder.check()
    with pytest.raises(DatabaseWriteError, match="broken"):
        recorder.close("failed")


def test_an_unknown_row_type_is_refused(db, run):
    with Recorder(db, run) as recorder, pytest.raises(UsageError, match="RunInfo is no row"):
        recorder.append(RunInfo("a", "b", "c", "{}"))


def test_a_value_that_does_not_fit_is_the_callers_error_and_harms_nothing(db, run, rows, query):
    with Recorder(db, run) as recorder:
        good = rows(1)[0]
        with pytest.raises(TypeError):
            recorder.append(good._replace(slot="three"))
        assert isinstance(good, TransitionRow)
        recorder.append(good)
    assert counts(query, db) == (1, 0, 0)
