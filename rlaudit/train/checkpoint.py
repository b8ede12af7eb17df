"""Checkpoints on disk: one folder each, whole or not there; ``loading`` reads them.

    FILE.duckdb.checkpoints/RUN_ID/step-000012000/
        checkpoint.json   what it is of, size and hash of the other files, and all other state
        arrays.npz        the replay's arrays (NumPy, without pickle), by their path in the state
        agent.pt          nets, optimizer and noise (torch, read with ``weights_only``)

A folder is written under another name, synced and renamed. The last two of a run are kept: the
older one is there for the case that the newer cannot be read.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote
from uuid import uuid4

import numpy as np
import torch

from rlaudit.config import build, config_hash
from rlaudit.errors import CheckpointError, did_you_mean
from rlaudit.files import MOST_TEXT
from rlaudit.record import Resume
from rlaudit.train.npz import FileState, write_arrays
from rlaudit.version import __version__

if TYPE_CHECKING:
    from io import BufferedReader
    from pathlib import Path

    from numpy.typing import NDArray

    from rlaudit.config import TrainConfig

FORMAT = 2
KEPT = 2
HEADER, ARRAYS, AGENT = "checkpoint.json", "arrays.npz", "agent.pt"
ARRAY_KEY = "npz"
SUM_KEY = "blake2b"

_NAME = re.compile(r"step-(\d{9,})")
# A folder's name has at most 255 bytes. Windows drops dots and blanks at its end, and has devices
# that are called as they are whatever follows a dot.
_LONGEST_NAME = 200
_RESERVED = re.compile(r"(CON|PRN|AUX|NUL|COM\d|LPT\d)(\.|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a checkpoint is of; ids are the last ones that it contains, -1 if there is none."""

    run_id: str
    name: str
    segment_id: str | None
    config: str
    """JSON, as the log has it."""
    every: int
    env_step: int
    episode_id: int
    transition_id: int
    update_id: int

    def __post_init__(self) -> None:
        """Raise ValueError for what no run can be."""
        texts = (self.run_id, self.name, self.config, self.segment_id or "")
        numbers = (self.every, self.env_step, self.episode_id, self.transition_id, self.update_id)
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("a name in it is no text")
        if not all(type(number) is int and -1 <= number < 2**63 for number in numbers):
            raise ValueError("a number in it is none that a run comes to")

    def settings(self) -> TrainConfig:
        """Return the settings of the run.

        Raises:
            RlauditError: they are none that a run can have.
        """
        settings = json.loads(self.config)
        return build(settings.pop("preset"), settings)

    def refuse_other_run(self, run_id: str, path: Path) -> None:
        """Refuse the checkpoint at ``path``, which this is, for a run that did not save it.

        Raises:
            CheckpointError: it is of another run.
        """
        if self.run_id != run_id:
            raise CheckpointError(
                f"the checkpoint {path} is of run {self.run_id!r}, not {run_id!r}"
            )

    def resume(self) -> Resume:
        """Return where a new segment of the run's log goes on."""
        return Resume(
            segment_id=str(self.segment_id),
            step=self.env_step,
            episode_id=self.episode_id,
            transition_id=self.transition_id,
            update_id=self.update_id,
        )


class Plan(NamedTuple):
    """How often a run saves a checkpoint, and into which folder."""

    folder: Path
    """Of the checkpoints of all runs."""
    every: int


def default_folder(db: Path) -> Path:
    """Return where the checkpoints of all runs in ``db`` are kept unless another place is named."""
    return db.parent / f"{db.name}.checkpoints"


def run_folder(folder: Path, run_id: str) -> Path:
    """Return where under ``folder`` the checkpoints of a run are, whatever its id contains."""
    name = quote(run_id, safe=" ")
    if _RESERVED.match(name):
        name = f"%{ord(name[0]):02X}{name[1:]}"
    if name.endswith((".", " ")):
        name = f"{name[:-1]}%{ord(name[-1]):02X}"
    if not 0 < len(name) <= _LONGEST_NAME:
        # No other id has this form: quote() writes no dash behind a percent sign.
        of_all = hashlib.blake2b(run_id.encode(), digest_size=16).hexdigest()
        name = f"{name[: _LONGEST_NAME // 2]}%-{of_all}"
    return folder / name


def save(
    folder: Path, origin: Origin, state: dict[str, Any], agent: dict[str, Any]
) -> tuple[Path, int]:
    """Write a checkpoint into the run's ``folder``, delete all but the last two, return its size.

    Args:
        folder: of the run, created if it is absent.
        origin: what the checkpoint is of.
        state: dictionaries and lists of arrays and of what JSON can hold.
        agent: what ``torch.save`` writes and ``torch.load`` reads with ``weights_only``.

    Raises:
        OSError: it cannot be written; nothing is left behind then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"step-{origin.env_step:09d}"
    draft = folder / f".{path.name}.{uuid4().hex}.new"
    draft.mkdir()
    try:
        arrays: dict[str, NDArray[Any]] = {}
        rest = _without_arrays(state, "", arrays)
        write_arrays(draft / ARRAYS, arrays)
        _write_agent(draft / AGENT, agent)
        files = {name: file_facts(draft / name) for name in (ARRAYS, AGENT)}
        header = {
            "format": FORMAT,
            "rlaudit": __version__,
            "origin": asdict(origin),
            "config_hash": config_hash(origin.config),
            "files": files,
            "state": rest,
        }
        header[SUM_KEY] = sum_of(header)
        _write_header(draft / HEADER, header)
        for place in (draft / ARRAYS, draft / AGENT, draft / HEADER, draft):
            _sync(place)
        if path.exists():  # an earlier process of this run came as far
            path.rename(folder / f".{path.name}.{uuid4().hex}.old")
        draft.rename(path)
        _sync(folder)
    except BaseException:  # Ctrl-C as well: half a checkpoint must not stay
        shutil.rmtree(draft, ignore_errors=True)
        raise
    _prune(folder, path)
    return path, sum(file.stat().st_size for file in path.iterdir())


def newest(folder: Path, run_id: str) -> Path:
    """Return the newest checkpoint of a run under ``folder``.

    Raises:
        CheckpointError: there is none.
    """
    found = checkpoints_in(run_folder(folder, run_id))
    if not found:
        runs = [unquote(p.name) for p in folder.iterdir() if p.is_dir()] if folder.is_dir() else []
        raise CheckpointError(
            f"{folder} has no checkpoint of run {run_id!r}",
            hint=did_you_mean(run_id, runs) if runs else "--checkpoint-every STEPS saves them",
        )
    return found[-1]


def saved_at(folder: Path, run_id: str, step: int) -> Path:
    """Return the checkpoint that a run saved at an agent step, under ``folder``.

    Raises:
        CheckpointError: there is none.
    """
    found = checkpoints_in(newest(folder, run_id).parent)
    steps = [step_named(path) for path in found]
    if step not in steps:
        raise CheckpointError(
            f"run {run_id!r} has no checkpoint of step {step:,}",
            hint=f"there are those of {' and '.join(f'{known:,}' for known in steps)}",
        )
    return found[steps.index(step)]


def sum_of(header: dict[str, Any]) -> str:
    """Return a check sum of a header; Python writes numbers so that they are read as they were."""
    return hashlib.blake2b(json.dumps(header).encode(), digest_size=16).hexdigest()


def checkpoints_in(folder: Path) -> list[Path]:
    """Return the complete checkpoints in a run's folder, oldest first."""
    if not folder.is_dir():
        return []
    return sorted((p for p in folder.iterdir() if step_named(p) >= 0), key=step_named)


def step_named(path: Path) -> int:
    """Return the step that the name of a checkpoint states, -1 if it states none."""
    found = _NAME.fullmatch(path.name)
    return int(found[1]) if found else -1


def _prune(folder: Path, newest_path: Path) -> None:
    """Delete older checkpoints but one, later ones of a part that was undone, and drafts."""
    found = checkpoints_in(folder)
    kept = found[: found.index(newest_path) + 1][-KEPT:]
    for path in folder.iterdir():
        if path in found and path not in kept:
            trash = path.with_name(f".{path.name}.{uuid4().hex}.old")
            path.rename(trash)
            shutil.rmtree(trash, ignore_errors=True)
        elif path.name.startswith(".step-"):
            shutil.rmtree(path, ignore_errors=True)


def _without_arrays(state: Any, key: str, arrays: dict[str, NDArray[Any]]) -> Any:
    """Return ``state`` with each array replaced by the name under which it is in ``arrays``."""
    if isinstance(state, np.ndarray):
        arrays[key] = state
        return {ARRAY_KEY: key}
    if isinstance(state, dict):
        return {
            name: _without_arrays(value, f"{key}.{name}" if key else name, arrays)
            for name, value in state.items()
        }
    if isinstance(state, list) and any(isinstance(value, np.ndarray) for value in state):
        return [_without_arrays(value, f"{key}.{i}", arrays) for i, value in enumerate(state)]
    return state


def _write_header(path: Path, header: dict[str, Any]) -> None:
    text = json.dumps(header)
    if len(text) > MOST_TEXT:  # 20M steps in one episode make as much; it would not be read
        raise OSError(errno.EFBIG, f"{path.name} would have more than {MOST_TEXT:,} bytes")
    path.write_text(text, encoding="utf-8")


def _write_agent(path: Path, agent: dict[str, Any]) -> None:
    try:
        torch.save(agent, path)
    except RuntimeError as error:  # torch's name for a full disk
        raise OSError(str(error)) from error


def file_facts(path: Path) -> dict[str, Any]:
    """Return what a header says of a file."""
    with path.open("rb") as file:
        return {"bytes": FileState.of(file).size, "blake2b": digest(file)}


def digest(file: BufferedReader) -> str:
    """Return a check sum of a file that is open."""
    return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _sync(path: Path) -> None:
    """Make a file, or the names in a folder, durable; Windows cannot open folders."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
