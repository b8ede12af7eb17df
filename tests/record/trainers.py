"""Trainers in processes of their own, each written as a script."""

from __future__ import annotations

import subprocess
import sys
import textwrap

from rlaudit.store import list_runs, open_for_reading

PRELUDE = """
import os, signal, sys, time
import numpy as np
from rlaudit.record import Recorder
from rlaudit.records import RunInfo, SampleRows, UpdateRow

# Whoever runs the tests in the background may have them ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
for name in ("SIGTERM", "SIGHUP"):
    if hasattr(signal, name):
        signal.signal(getattr(signal, name), signal.SIG_DFL)

path, run_id = sys.argv[1:3]
INDEX = np.arange(32)

def give(recorder, steps):
    for step in steps:
        recorder.append(UpdateRow(step, step, step, step, 100, 32, 0.5))
        recorder.extend(SampleRows(step, INDEX, INDEX + step))
        recorder.progress(step, 0, 0)

def run(**options):
    return Recorder(path, RunInfo(run_id, run_id, "env", "{}"), **options)

def quiet(warning):
    pass  # that rows go to the spool, while others have the file

def say(word):
    print(word, flush=True)

def idle():
    # A signal that comes just before a wait does not end it, so no wait is long.
    while True:
        time.sleep(0.01)
"""


def start(script, db, run_id, *, options=()):
    code = PRELUDE + textwrap.dedent(script)
    command = [sys.executable, *options, "-c", code, str(db), run_id]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process):
    """Return what ``process`` still says; communicate() would lose what is buffered here."""
    with process:
        process.stdin.close()
        out, err = process.stdout.read(), process.stderr.read()
        process.wait(30)
    assert (process.returncode, err) == (0, "")
    return out


def outcome(db):
    """Return by run the state, the last step and the samples that the log has of it."""
    with open_for_reading(db) as log:
        rows = log.con.sql("SELECT run_id, count(*) FROM samples GROUP BY ALL").fetchall()
        samples = dict(rows)
        return {
            summary.run_id: (summary.state, summary.steps, samples.get(summary.run_id, 0))
            for summary in list_runs(log)
        }
