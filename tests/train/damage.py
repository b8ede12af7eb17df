"""Damage a checkpoint in every way that we know, resume from it, and count what becomes of it.

A damage is survived if ``rlaudit train --resume`` refuses the checkpoint by name, in one line, with
exit code 2 and the log as it was, or if the resumed run is the one that the sound checkpoint gives.

    python tests/train/damage.py [COUNT] [SEED]
"""

# ruff: noqa: E402 - the path first

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parents[1])]  # as pytest has it

from interrupted_runs import interrupted, whole_run
from no_hang import at_most

from rlaudit.cli import main

FILES = ("checkpoint.json", "arrays.npz", "agent.pt")
# Local headers, central directory and end of a zip file, NumPy's magic; JSON's own signs.
MARKS = (b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"\x93NUMPY")
SIGNS = b'{}[]":,0123456789'
LONGEST = 30.0
"""Seconds after which a resume hangs: it takes a fraction of one."""


@dataclass
class Place:
    """A checkpoint to be damaged: its folder, the one before it, and one of another run."""

    newest: Path
    older: Path
    foreign: Path
    rng: np.random.Generator

    def any_file(self):
        return self.newest / FILES[self.rng.integers(len(FILES))]

    def changed(self, change):
        """Write over one of the files what ``change`` makes of its bytes."""
        file = self.any_file()
        file.write_bytes(change(bytearray(file.read_bytes())))


def flip(place):
    def change(data):
        data[place.rng.integers(len(data))] ^= 1 << int(place.rng.integers(8))
        return data

    place.changed(change)


def flip_at_a_mark(place):
    """Flip a bit of the 30 bytes behind a mark, or of a sign of the header."""

    def change(data):
        starts = [at for mark in MARKS for at in _places(data, mark)]
        if starts:
            at = starts[place.rng.integers(len(starts))] + int(place.rng.integers(30))
        else:
            signs = [i for i, byte in enumerate(data) if byte in SIGNS]
            at = signs[place.rng.integers(len(signs))]
        data[min(at, len(data) - 1)] ^= 1 << int(place.rng.integers(8))
        return data

    place.changed(change)


def _places(data, mark):
    at = data.find(mark)
    while at >= 0:
        yield at
        at = data.find(mark, at + 1)


def another_digit(place):
    """Change a number or a letter of the header into another that JSON can read."""

    def change(data):
        digits = [i for i, byte in enumerate(data) if chr(byte).isalnum()]
        at = digits[place.rng.integers(len(digits))]
        kind = b"0123456789" if chr(data[at]).isdigit() else b"abcdefghij"
        data[at] = kind[place.rng.integers(10)]
        return data

    file = place.newest / "checkpoint.json"
    file.write_bytes(change(bytearray(file.read_bytes())))


def truncate(place):
    place.changed(lambda data: data[: place.rng.integers(len(data))])


def truncate_by_little(place):
    place.changed(lambda data: data[: -int(place.rng.integers(1, 30))])


def extend(place):
    more = [b"\0", b"\n", b" " * 4096, place.rng.bytes(100)]
    place.changed(lambda data: data + more[place.rng.integers(len(more))])


def zero_a_block(place):
    def change(data):
        at = int(place.rng.integers(len(data))) // 512 * 512
        block = data[at : at + 4096]
        data[at : at + len(block)] = bytes(len(block))
        return data

    place.changed(change)


def repeat_a_block(place):
    """Write one block of a file over another, as a disk that mixes them up does."""

    def change(data):
        there, here = (int(at) // 512 * 512 for at in place.rng.integers(len(data), size=2))
        block = data[there : there + 512]
        return data[:here] + block + data[here + len(block) :]

    place.changed(change)


def empty(place):
    place.changed(lambda _: b"")


def swap_two(place):
    one, other = place.rng.choice(FILES, 2, replace=False)
    aside = place.newest / "aside"
    (place.newest / one).rename(aside)
    (place.newest / other).rename(place.newest / one)
    aside.rename(place.newest / other)


def of_the_one_before(place):
    file = place.any_file()
    shutil.copy(place.older / file.name, file)


def of_another_run(place):
    file = place.any_file()
    shutil.copy(place.foreign / file.name, file)


def all_of_the_one_before(place):
    shutil.rmtree(place.newest)
    shutil.copytree(place.older, place.newest)


def all_of_another_run(place):
    shutil.rmtree(place.newest)
    shutil.copytree(place.foreign, place.newest)


def delete(place):
    place.any_file().unlink()


def delete_all(place):
    shutil.rmtree(place.newest)


def delete_all_files(place):
    for file in place.newest.iterdir():
        file.unlink()


def file_for_the_folder(place):
    shutil.rmtree(place.newest)
    place.newest.write_text("{}")


def folder_for_a_file(place):
    file = place.any_file()
    file.unlink()
    file.mkdir()


def link_to(target):
    def link(place):
        file = place.any_file()
        file.unlink()
        file.symlink_to(target)

    link.__name__ = f"link_to_{Path(target).name}"
    return link


def link_to_itself(place):
    file = place.any_file()
    file.unlink()
    file.symlink_to(file)


def pipe(place):
    file = place.any_file()
    file.unlink()
    os.mkfifo(file)


def link_to_a_sound_copy(place):
    file = place.any_file()
    copy = place.newest.parent / f"copy of {file.name}"
    file.rename(copy)
    file.symlink_to(copy)


def huge_and_sparse(place):
    with place.any_file().open("r+b") as file:
        file.truncate(2**40)


def written_anew(place):
    """Write the header as another program writes the same JSON."""
    file = place.newest / "checkpoint.json"
    file.write_text(json.dumps(json.loads(file.read_text()), indent=1))


def a_key_twice(place):
    file = place.newest / "checkpoint.json"
    text = file.read_text()
    file.write_text('{"format": 9, "state": {}, ' + text.removeprefix("{"))


def deep(place):
    (place.newest / "checkpoint.json").write_text("[" * 1_000_000)


def files_beside(place):
    """Leave what a killed process or a person may leave in the folders."""
    (place.newest / "notes.txt").write_text("sound")
    (place.newest.parent / ".step-000000400.0.new").mkdir()
    (place.newest.parent / "step-5").mkdir()


def touch(place):
    os.utime(place.any_file(), (0, 0))


DAMAGES = [
    *(flip, flip_at_a_mark, another_digit, truncate, truncate_by_little, extend, zero_a_block),
    *(repeat_a_block, empty, swap_two, of_the_one_before, of_another_run, all_of_the_one_before),
    *(all_of_another_run, delete, delete_all, delete_all_files, file_for_the_folder),
    *(folder_for_a_file, written_anew, a_key_twice, deep, files_beside, touch),
]
if os.name == "posix":  # Windows has no such files, or only for who may make links
    DAMAGES += [link_to("/dev/zero"), link_to("/dev/null"), link_to("/"), link_to_itself, pipe]
    DAMAGES += [link_to_a_sound_copy, huge_and_sparse]


@dataclass
class Tally:
    """How many damages were tried, what became of them, and those that were not survived."""

    refused: int = 0
    resumed: int = 0
    fatal: list[str] = field(default_factory=list)

    @property
    def tried(self):
        return self.refused + self.resumed + len(self.fatal)

    def __str__(self):
        counts = f"refused {self.refused}, resumed as if sound {self.resumed}"
        survived = self.refused + self.resumed
        return "\n".join((f"tried {self.tried}, survived {survived}: {counts}", *self.fatal))


class Harness:
    """A log with two interrupted runs, ``r`` and ``q``; ``r`` is resumed from damaged copies."""

    def __init__(self, folder):
        self._folder = folder
        self._sound = folder / "sound"
        self._sound.mkdir()
        # The same settings but for the seed, so that every array has the same shape.
        short = {"steps": 330, "num_envs": 2}
        interrupted(self._sound / "runs.duckdb", "q", **short, seed=4)
        interrupted(self._sound / "runs.duckdb", "r", **short)
        code, _, self._expected = self._resumed(lambda _: None, None)
        assert code == 0

    def run(self, count, seed):
        """Try ``count`` damages, each kind as often as the others."""
        rng = np.random.default_rng(seed)
        tally = Tally()
        for number in range(count):
            damage = DAMAGES[number % len(DAMAGES)]
            name = f"damage {number} of seed {seed}, {damage.__name__}"
            code, said, rows = self._resumed(damage, rng)
            if code == 0 and rows == self._expected:
                tally.resumed += 1
            elif code == 2 and rows is None and _names_the_checkpoint(said):
                tally.refused += 1
            else:
                tally.fatal.append(f"{name}: exit code {code}, {said.strip() or 'another run'}")
        return tally

    def _resumed(self, damage, rng):
        """Return exit code, stderr and the rows of the log; None if it is as it was."""
        copy = self._folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self._sound, copy)
        db = copy / "runs.duckdb"
        of_run, of_other = (copy / "runs.duckdb.checkpoints" / run for run in ("r", "q"))
        older, newest = sorted(of_run.iterdir())
        damage(Place(newest, older, max(of_other.iterdir()), rng))
        before = db.read_bytes()
        with contextlib.redirect_stderr(io.StringIO()) as said, at_most(LONGEST):
            code = main(["train", "--resume", "r", "--db", str(db)])
        return code, said.getvalue(), None if db.read_bytes() == before else whole_run(db)


def _names_the_checkpoint(said):
    named = "step-000000300" in said and "internal error" not in said
    return named and said.startswith("error: the checkpoint ") and said.count("\n") == 1


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]] + [len(DAMAGES), 0][len(sys.argv) - 1 :]
    with tempfile.TemporaryDirectory() as place:
        found = Harness(Path(place)).run(*numbers)
    sys.stdout.write(f"{found}\n")
    sys.exit(bool(found.fatal))
