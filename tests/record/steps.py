"""Steps of a made-up trainer, handed to a recorder."""

from __future__ import annotations

NEVER = 3600.0  # seconds between flushes, for tests that flush by themselves


def give(recorder, rows, steps):
    for step in steps:
        transition, update, samples = rows(step)
        recorder.append(transition)
        recorder.append(update)
        recorder.extend(samples)
        recorder.progress(step, 1, step)


def counts(query, path):
    tables = ("transitions", "updates", "samples")
    return tuple(query(path, f"SELECT count(*) FROM raw.{table}")[0][0] for table in tables)
