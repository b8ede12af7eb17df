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
from urllib.parse import quote
from uuid import uuid4

import numpy as np
import torch

from rlaudit.config import config_hash
from rlaudit.errors import CheckpointError, did_you_mean
from rlaudit.record import Resume
from rlaudit.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from rlaudit.train.loop import TrainingLoop

FORMAT = 1
KEPT = 2

_NAME = re.compile(r"step-\d{9,}")
_HEADER, _ARRAYS, _AGENT = "checkpoint.json", "arrays.npz", "agent.pt"
# Atari frames shrink to a few percent at the lowest level already, and the higher ones take
# several times as long.
_COMPRESSION_LEVEL = 1
_ARRAY_KEY = "npz"


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
    return db.with_name(db.name + ".checkpoints")


def run_folder(folder: Path, run_id: str) -> Path:
    """Return where under ``folder`` the checkpoints of a run are, whatever its id contains."""
    name = quote(run_id, safe=" ")
    return folder / (name.replace(".", "%2E") if name.strip(".") == "" else name)


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
        _write_arrays(draft / _ARRAYS, arrays)
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
        (draft / _HEADER).write_text(json.dumps(header), encoding="utf-8")
        for name in (_ARRAYS, _AGENT, _HEADER):
            _sync(draft / name)
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
        runs = [p.name for p in folder.iterdir() if p.is_dir()] if folder.is_dir() else []
        raise CheckpointError(
            f"{folder} has no checkpoint of run {run_id!r}",
            hint=did_you_mean(run_id, runs) if runs else "--checkpoint-every STEPS saves them",
        )
    return found[-1]


def load(path: Path) -> Checkpoint:
    """Read the checkpoint at ``path``.

    Raises:
        CheckpointError: it is not whole, was changed, or is of a later version of rlaudit.
    """
    try:
        header = json.loads((path / _HEADER).read_text(encoding="utf-8"))
        _check(path, header)
        with np.load(path / _ARRAYS, allow_pickle=False) as arrays:
            state = _with_arrays(header["state"], arrays)
        agent = torch.load(path / _AGENT, map_location="cpu", weights_only=True)
        origin = Origin(**header["origin"])
    except CheckpointError:
        raise
    # What the readers of JSON, zip, NumPy and torch say to a file that is damaged or is no such
    # file; torch has a RuntimeError for a bad zip and an UnpicklingError for foreign objects.
    except (
        OSError,
        EOFError,
        ValueError,
        KeyError,
        TypeError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
        pickle.UnpicklingError,
    ) as error:
        raise damaged(path, f"{type(error).__name__}: {error}") from error
    return Checkpoint(path, origin, state, agent)


def restore(loop: TrainingLoop, checkpoint: Checkpoint) -> None:
    """Bring a loop that was just built to where ``checkpoint`` was saved.

    Raises:
        CheckpointError: it does not fit the loop, or an episode could not be played again.
    """
    try:
        loop.agent.load_state(checkpoint.agent)
        loop.load_state(checkpoint.state["loop"])
    # What torch says to tensors that do not fit, and what is said to a state that lacks something.
    except (RuntimeError, KeyError, IndexError, TypeError, ValueError) as error:
        raise damaged(checkpoint.path, f"{type(error).__name__}: {error}") from error


def damaged(path: Path, what: str) -> CheckpointError:
    """Return the error for a checkpoint that cannot be used."""
    earlier = [found.name for found in _checkpoints(path.parent) if found.name < path.name]
    hint = f"delete the folder to resume from {earlier[-1]}" if earlier else ""
    return CheckpointError(f"the checkpoint {path} cannot be used: {what}", hint=hint)


def _check(path: Path, header: dict[str, Any]) -> None:
    version = header["format"]
    if version != FORMAT:
        raise CheckpointError(
            f"the checkpoint {path} has format {version}; rlaudit {__version__} reads {FORMAT}",
            hint=f"it was written by rlaudit {header.get('rlaudit', 'unknown')}",
        )
    for name, facts in header["files"].items():
        found = _file_facts(path / name)
        if found["bytes"] != facts["bytes"]:
            raise damaged(path, f"{name} has {found['bytes']:,} bytes, not {facts['bytes']:,}")
        if found != facts:
            raise damaged(path, f"the content of {name} was changed")
    config = header["origin"]["config"]
    if config_hash(config) != header["config_hash"]:
        raise damaged(path, "its settings are not those that it was saved with")


def _checkpoints(folder: Path) -> list[Path]:
    """Return the complete checkpoints in a run's folder, oldest first."""
    if not folder.is_dir():
        return []
    found = [p for p in folder.iterdir() if _NAME.fullmatch(p.name)]
    return sorted(found, key=lambda p: int(p.name.removeprefix("step-")))


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


def _with_arrays(state: Any, arrays: Any) -> Any:
    """Return ``state`` with each array in its place; the inverse of :func:`_without_arrays`."""
    if isinstance(state, dict):
        if state.keys() == {_ARRAY_KEY}:
            return arrays[state[_ARRAY_KEY]]
        return {name: _with_arrays(value, arrays) for name, value in state.items()}
    if isinstance(state, list):
        return [_with_arrays(value, arrays) for value in state]
    return state


def _write_arrays(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Write what ``numpy.load`` reads; ``numpy.savez_compressed`` cannot be told the level."""
    with zipfile.ZipFile(
        path, "w", zipfile.ZIP_DEFLATED, compresslevel=_COMPRESSION_LEVEL
    ) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


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
