"""Checkpoints on disk: one folder each, whole or not there, and nothing in it is executed.

    FILE.duckdb.checkpoints/RUN_ID/step-000012000/
        checkpoint.json   what it is of, size and hash of the other files, and all other state
        arrays.npz        the replay's arrays (NumPy, without pickle), by their path in the state
        agent.pt          nets, optimizer and noise (torch, read with ``weights_only``)

A folder is written under another name, synced and renamed. The last two of a run are kept: the
older one is there for the case that the newer cannot be read.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import shutil
import zipfile
import zlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote
from uuid import uuid4

import numpy as np
import torch

from rlaudit.config import config_hash
from rlaudit.errors import CheckpointError, did_you_mean
from rlaudit.record import Resume
from rlaudit.train.npz import ArrayInFile, write_arrays
from rlaudit.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from rlaudit.train.loop import TrainingLoop

FORMAT = 2
# Format 1 had no check sum of its header, and never an evaluation that was due.
_READABLE = (1, FORMAT)
KEPT = 2

_NAME = re.compile(r"step-\d{9,}")
# A folder's name has at most 255 bytes. Windows drops dots and blanks at its end, and has devices
# that are called as they are whatever follows a dot.
_LONGEST_NAME = 200
_RESERVED = re.compile(r"(CON|PRN|AUX|NUL|COM\d|LPT\d)(\.|$)", re.IGNORECASE)
_HEADER, _ARRAYS, _AGENT = "checkpoint.json", "arrays.npz", "agent.pt"
_ARRAY_KEY = "npz"
_SUM_KEY = "blake2b"
# What the readers of JSON, zip, NumPy and torch say to a file that is damaged or is no such file;
# torch has a RuntimeError for a bad zip and an UnpicklingError for foreign objects.
_UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
    pickle.UnpicklingError,
)


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

    def resume(self) -> Resume:
        """Return where a new segment of the run's log goes on."""
        return Resume(
            segment_id=str(self.segment_id),
            step=self.env_step,
            episode_id=self.episode_id,
            transition_id=self.transition_id,
            update_id=self.update_id,
        )


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One that was read: its origin, the state of the run and that of the agent."""

    path: Path
    origin: Origin
    state: dict[str, Any]
    agent: dict[str, Any]


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
        write_arrays(draft / _ARRAYS, arrays)
        _write_agent(draft / _AGENT, agent)
        files = {name: _file_facts(draft / name) for name in (_ARRAYS, _AGENT)}
        header = {
            "format": FORMAT,
            "rlaudit": __version__,
            "origin": asdict(origin),
            "config_hash": config_hash(origin.config),
            "files": files,
            "state": rest,
        }
        header[_SUM_KEY] = _sum_of(header)
        (draft / _HEADER).write_text(json.dumps(header), encoding="utf-8")
        for place in (draft / _ARRAYS, draft / _AGENT, draft / _HEADER, draft):
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
    found = _checkpoints(run_folder(folder, run_id))
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
    found = _checkpoints(newest(folder, run_id).parent)
    steps = [_step(path) for path in found]
    if step not in steps:
        raise CheckpointError(
            f"run {run_id!r} has no checkpoint of step {step:,}",
            hint=f"there are those of {' and '.join(f'{known:,}' for known in steps)}",
        )
    return found[steps.index(step)]


def load(path: Path) -> Checkpoint:
    """Check the checkpoint at ``path`` and read it; arrays stay on the disk until they are wanted.

    Raises:
        CheckpointError: it is not whole, was changed, or is of a later version of rlaudit.
    """
    header, origin = _read_header(path, (_ARRAYS, _AGENT))
    try:
        state = _with_arrays(header["state"], path / _ARRAYS)
    except _UNREADABLE as error:
        raise damaged(path, f"{type(error).__name__}: {error}") from error
    return Checkpoint(path, origin, state, _read_agent(path))


def load_agent(path: Path) -> tuple[Origin, dict[str, Any]]:
    """Read what the checkpoint at ``path`` is of and its agent, and leave the replay alone.

    Raises:
        CheckpointError: as for :func:`load`.
    """
    _, origin = _read_header(path, (_AGENT,))
    return origin, _read_agent(path)


def restore(loop: TrainingLoop, checkpoint: Checkpoint) -> None:
    """Bring a loop that was just built to where ``checkpoint`` was saved.

    Raises:
        CheckpointError: it does not fit the loop, or an episode could not be played again.
    """
    try:
        loop.agent.load_state(checkpoint.agent)
        loop.load_state(checkpoint.state["loop"])
    # Besides damage: tensors that do not fit, and a state that lacks something.
    except _UNREADABLE as error:
        raise damaged(checkpoint.path, f"{type(error).__name__}: {error}") from error


def damaged(path: Path, what: str) -> CheckpointError:
    """Return the error for a checkpoint that cannot be used."""
    earlier = [found.name for found in _checkpoints(path.parent) if found.name < path.name]
    hint = f"delete the folder to resume from {earlier[-1]}" if earlier else ""
    return CheckpointError(f"the checkpoint {path} cannot be used: {what}", hint=hint)


def _read_header(path: Path, names: tuple[str, ...]) -> tuple[dict[str, Any], Origin]:
    """Return what ``checkpoint.json`` says, when it and the files ``names`` are as they were."""
    try:
        header = json.loads((path / _HEADER).read_text(encoding="utf-8"))
        _check_header(path, header)
        for name in names:
            _check_file(path, name, header["files"][name])
        origin = Origin(**header["origin"])
    except _UNREADABLE as error:
        raise damaged(path, f"{type(error).__name__}: {error}") from error
    return header, origin


def _check_header(path: Path, header: dict[str, Any]) -> None:
    version = header["format"]
    if version not in _READABLE:
        raise CheckpointError(
            f"the checkpoint {path} has format {version}; rlaudit {__version__} reads up to "
            f"{FORMAT}",
            hint=f"it was written by rlaudit {header.get('rlaudit', 'unknown')}",
        )
    if version > 1 and header.pop(_SUM_KEY) != _sum_of(header):
        raise damaged(path, f"the content of {_HEADER} was changed")
    if config_hash(header["origin"]["config"]) != header["config_hash"]:
        raise damaged(path, "its settings are not those that it was saved with")


def _check_file(path: Path, name: str, facts: dict[str, Any]) -> None:
    found = _file_facts(path / name)
    if found["bytes"] != facts["bytes"]:
        raise damaged(path, f"{name} has {found['bytes']:,} bytes, not {facts['bytes']:,}")
    if found != facts:
        raise damaged(path, f"the content of {name} was changed")


def _read_agent(path: Path) -> dict[str, Any]:
    try:
        agent: dict[str, Any] = torch.load(path / _AGENT, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        raise damaged(path, f"{type(error).__name__}: {error}") from error
    return agent


def _sum_of(header: dict[str, Any]) -> str:
    """Return a check sum of a header; Python writes numbers so that they are read as they were."""
    return hashlib.blake2b(json.dumps(header).encode(), digest_size=16).hexdigest()


def _checkpoints(folder: Path) -> list[Path]:
    """Return the complete checkpoints in a run's folder, oldest first."""
    if not folder.is_dir():
        return []
    found = [p for p in folder.iterdir() if _NAME.fullmatch(p.name)]
    return sorted(found, key=_step)


def _step(path: Path) -> int:
    return int(path.name.removeprefix("step-"))


def _prune(folder: Path, newest_path: Path) -> None:
    """Delete older checkpoints but one, later ones of a part that was undone, and drafts."""
    found = _checkpoints(folder)
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
        return {_ARRAY_KEY: key}
    if isinstance(state, dict):
        return {
            name: _without_arrays(value, f"{key}.{name}" if key else name, arrays)
            for name, value in state.items()
        }
    if isinstance(state, list) and any(isinstance(value, np.ndarray) for value in state):
        return [_without_arrays(value, f"{key}.{i}", arrays) for i, value in enumerate(state)]
    return state


def _with_arrays(state: Any, file: Path) -> Any:
    """Return ``state`` with each array of ``file`` in its place, as :class:`ArrayInFile`."""
    if isinstance(state, dict):
        if state.keys() == {_ARRAY_KEY}:
            return ArrayInFile(file, state[_ARRAY_KEY])
        return {name: _with_arrays(value, file) for name, value in state.items()}
    if isinstance(state, list):
        return [_with_arrays(value, file) for value in state]
    return state


def _write_agent(path: Path, agent: dict[str, Any]) -> None:
    try:
        torch.save(agent, path)
    except RuntimeError as error:  # torch's name for a full disk
        raise OSError(str(error)) from error


def _file_facts(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16))
    return {"bytes": path.stat().st_size, "blake2b": digest.hexdigest()}


def _sync(path: Path) -> None:
    """Make a file, or the names in a folder, durable; Windows cannot open folders."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
