"""Damage a log in every way that we know, read it, record into it, and count what becomes of it.

A damage is survived if whoever opens the log refuses it by name, or says what is missing, or has
the rows that the sound log has; and if a recorder that is given it then loses none of the rows that
were shown.

    python tests/record/damaged_logs.py [COUNT] [SEED]

The log has rows in the file, and either in its write-ahead log, since its writer was killed before
it closed the file, or in its spool. The file that says what was committed is damaged as well.
"""

from __future__ import annotations

import collections
import json
import shutil
import subprocess
import sys
import tempfile
import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np

LONGEST = 60.0
"""Seconds after which an opening hangs: it takes a fraction of one."""

# Three flushes of run a; the last one ends as its argument says.
MAKE = """
import contextlib, dataclasses, os, signal, sys
import numpy as np
from rlaudit.errors import DatabaseLockedError
from rlaudit.record import Recorder
from rlaudit.records import EpisodeRow, RunInfo, SampleRows, TransitionRow, UpdateRow

path, ending, copy = sys.argv[1:]
INDEX = np.arange(32)
Recorder(path, RunInfo("first", "name", "env", "{}")).close("finished")
recorder = Recorder(path, RunInfo("a", "name", "env", '{"alpha": 0.5}'), flush_seconds=3600)
machine = recorder._writer.work.machine
rng = np.random.default_rng(0)

def give(steps):
    for step in steps:
        window = (1, step, step, 0, 1, step + 1, 2, 1.0, 1.0, 1, 1.0, 0.99, False, False)
        recorder.append(TransitionRow(step, step, 0, 0, *window))
        recorder.append(UpdateRow(step, step, step, step, 100, 32, float(rng.random())))
        recorder.extend(SampleRows(step, INDEX, INDEX + step, priority=rng.random(32, np.float32)))
        recorder.progress(step, 0, 0)
    recorder.flush()

@contextlib.contextmanager
def killed(path, *, wait):
    with machine.open_log(path, wait=wait) as con:
        yield con
        os.kill(os.getpid(), signal.SIGKILL)

@contextlib.contextmanager
def held(path, *, wait):
    raise DatabaseLockedError("held")
    yield

give(range(1, 301))
import shutil
shutil.copyfile(path, copy)
give(range(301, 501))
if ending == "killed":
    recorder._writer.work.machine = dataclasses.replace(machine, open_log=killed)
    give(range(501, 701))
recorder._writer.work.machine = dataclasses.replace(machine, open_log=held)
for start in (501, 601, 701):
    give(range(start, start + 100))
os.kill(os.getpid(), signal.SIGKILL)
"""

# Reads a path a line, and answers with what a reader and then a recorder make of the log there.
TRY = """
import hashlib, json, sys
from pathlib import Path
from rlaudit.errors import RlauditError
from rlaudit.record import Recorder
from rlaudit.records import RunInfo
from rlaudit.store import open_for_reading

TABLES = ("runs", "segments", "episodes", "transitions", "updates", "samples", "events")

def seen(path):
    with open_for_reading(path, wait=0) as log:
        rows = {}
        for table in TABLES:
            only = "WHERE run_id IN ('a', 'first')"
            if table == "segments":
                # Its state and ledger change when the spool is taken in.
                text = f"SELECT run_id, segment_id, start_step, end_step FROM raw.{table} {only}"
            else:
                text = f"FROM raw.{table} {only}"
            found = sorted(map(repr, log.con.sql(text).fetchall()))
            rows[table] = hashlib.sha256("".join(found).encode()).hexdigest()
        return rows, log.incomplete

def attempt(path, answer):
    try:
        answer["rows"], answer["incomplete"] = seen(path)
    except RlauditError as error:
        answer["refused"] = str(error)
    warnings = []
    try:
        run = RunInfo("b", "name", "env", "{}")
        Recorder(path, run, wait=0, on_warning=warnings.append).close("finished")
        answer["rows_after"], answer["incomplete_after"] = seen(path)
    except RlauditError as error:
        answer["refused_after"] = str(error)
    answer["warnings"] = warnings
    return answer

for line in sys.stdin:
    answer = {}
    try:
        attempt(Path(line.strip()), answer)
    except BaseException as error:
        answer["internal"] = f"{type(error).__name__}: {error}"
    print(json.dumps(answer), flush=True)
"""


@dataclass
class Place:
    """A log to be damaged, an older state of its file, and where chance comes from."""

    db: Path
    older: Path
    target: str
    rng: np.random.Generator

    @property
    def file(self) -> Path:
        """The file that is damaged."""
        if self.target == "spool":
            entries = sorted(self.db.with_name(f"{self.db.name}.spool").iterdir())
            return entries[self.rng.integers(len(entries))]
        suffix = {"database": "", "wal": ".wal", "commits": ".commits"}[self.target]
        return self.db.with_name(self.db.name + suffix)

    def changed(self, change) -> None:
        """Write over the file what ``change`` makes of its bytes."""
        file = self.file
        file.write_bytes(change(bytearray(file.read_bytes())))


def flip(place):
    def change(data):
        data[place.rng.integers(len(data))] ^= 1 << int(place.rng.integers(8))
        return data

    place.changed(change)


def flip_in_the_head(place):
    """Flip a bit where headers are: the file's own and, of a database, the two that follow."""

    def change(data):
        start = 4096 * int(place.rng.integers(3)) if place.target == "database" else 0
        data[min(start + int(place.rng.integers(200)), len(data) - 1)] ^= 1 << int(
            place.rng.integers(8)
        )
        return data

    place.changed(change)


def flip_many(place):
    def change(data):
        for at in place.rng.integers(len(data), size=20):
            data[at] ^= 1 << int(place.rng.integers(8))
        return data

    place.changed(change)


def truncate(place):
    place.changed(lambda data: data[: place.rng.integers(len(data))])


def truncate_by_little(place):
    place.changed(lambda data: data[: -int(place.rng.integers(1, 30))])


def extend(place):
    place.changed(lambda data: data + place.rng.bytes(int(place.rng.integers(1, 5000))))


def zero_a_block(place):
    def change(data):
        at = int(place.rng.integers(len(data))) // 4096 * 4096
        block = data[at : at + 4096]
        data[at : at + len(block)] = bytes(len(block))
        return data

    place.changed(change)


def repeat_a_block(place):
    """Write one block over another, as a disk that mixes them up does."""

    def change(data):
        there, here = (int(at) // 4096 * 4096 for at in place.rng.integers(len(data), size=2))
        block = data[there : there + 4096]
        return data[:here] + block + data[here + len(block) :]

    place.changed(change)


def swap_bytes(place):
    def change(data):
        one, other = place.rng.integers(len(data), size=2)
        data[one], data[other] = data[other], data[one]
        return data

    place.changed(change)


def empty(place):
    place.changed(lambda _: b"")


def delete(place):
    """Delete the file; of a spool one that others came after, as nothing else tells of the last."""
    if place.target == "spool":
        entries = sorted(place.db.with_name(f"{place.db.name}.spool").iterdir())
        entries[place.rng.integers(len(entries) - 1)].unlink()
    else:
        place.file.unlink()


def noise(place):
    place.changed(lambda data: place.rng.bytes(len(data)))


def put_the_older_file_back(place):
    shutil.copyfile(place.older, place.db)


DAMAGES = (
    flip,
    flip_in_the_head,
    flip_many,
    truncate,
    truncate_by_little,
    extend,
    zero_a_block,
    repeat_a_block,
    swap_bytes,
    empty,
    delete,
    noise,
    put_the_older_file_back,
)
TARGETS = {"database": "spooled", "wal": "killed", "spool": "spooled", "commits": "killed"}


class Trier:
    """A process that opens damaged logs one after the other, and is replaced when it dies."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", TRY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def attempt(self, db: Path) -> dict:
        """Return what became of the log at ``db``."""
        import threading  # noqa: PLC0415 - used here only

        alarm = threading.Timer(LONGEST, self._process.kill)
        alarm.start()
        print(db, file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        alarm.cancel()
        if line:
            return json.loads(line)
        said = self._process.stderr.read()
        self.close()
        self._start()
        return {"internal": f"hung or died: {said[-300:]}"}

    def close(self) -> None:
        """End the process."""
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.stderr.close()
        self._process.wait()


def sound_log(folder: Path, ending: str) -> Path:
    """Make the log whose writer ended as ``ending`` says; its older state is beside it."""
    folder.mkdir()
    script = [sys.executable, "-c", textwrap.dedent(MAKE)]
    db, older = folder / "runs.duckdb", folder / "older"
    subprocess.run([*script, str(db), ending, str(older)], check=False, timeout=120)
    return db


def verdict(answer: dict, sound: dict) -> str:
    """Say in a word what became of a damaged log, or what is wrong with that."""
    if "internal" in answer:
        return f"WRONG: {answer['internal']}"
    if "refused" in answer:
        word = "refused by name"
        if "runs.duckdb" not in answer["refused"]:
            return f"WRONG: no name in {answer['refused']}"
    elif answer["rows"] == sound:
        word = "all rows there"
    elif answer["incomplete"]:
        word = "what is missing is said"
    else:
        return "WRONG: other rows, and not a word"
    if "rows" in answer and "rows_after" in answer:
        after, before = answer["rows_after"], answer["rows"]
        if any(after[table] != before[table] for table in before) and not answer["warnings"]:
            return "WRONG: a recorder changed what was there"
    return word


def damage_logs(count: int, seed: int, report=lambda *_: None) -> collections.Counter:
    """Damage logs ``count`` times and return how often what became of them, by target."""
    rng = np.random.default_rng(seed)
    results: collections.Counter = collections.Counter()
    with tempfile.TemporaryDirectory() as name:
        folder, trier = Path(name), Trier()
        logs, sound = {}, {}
        for ending in set(TARGETS.values()):
            logs[ending] = sound_log(folder / ending, ending)
            whole = folder / f"{ending}-whole"
            shutil.copytree(logs[ending].parent, whole)
            answer = trier.attempt(whole / "runs.duckdb")
            assert answer.get("incomplete", "") is None, answer
            sound[ending] = answer["rows"]
        targets = list(TARGETS)
        for number in range(count):
            target = targets[number % len(targets)]
            ending = TARGETS[target]
            damage = DAMAGES[number // len(targets) % len(DAMAGES)]
            copy = folder / f"{number}"
            shutil.copytree(logs[ending].parent, copy)
            damage(Place(copy / "runs.duckdb", copy / "older", target, rng))
            answer = trier.attempt(copy / "runs.duckdb")
            word = verdict(answer, sound[ending])
            report(number, target, damage.__name__, word, answer)
            results[target, word if word[:5] != "WRONG" else "WRONG"] += 1
            shutil.rmtree(copy)
        trier.close()
    return results


def main() -> int:
    """Damage logs and print what became of them."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0

    def report(number, target, damage, word, answer):
        if word.startswith("WRONG"):
            print(f"{number}: {target}, {damage}: {word}\n  {answer}")

    results = damage_logs(count, seed, report)
    for (target, word), times in sorted(results.items()):
        print(f"{target:<10} {word:<24} {times}")
    return 1 if any(word == "WRONG" for _, word in results) else 0


if __name__ == "__main__":
    sys.exit(main())
