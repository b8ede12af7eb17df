"""Read checkpoints: nothing of one that is not as it was saved, and no more than it takes."""

from __future__ import annotations

import contextlib
import json
import zipfile
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch

from rlaudit.config import config_hash
from rlaudit.errors import CheckpointError, RlauditError
from rlaudit.files import open_file, read_text
from rlaudit.stated_config import load_json
from rlaudit.train.checkpoint import (
    AGENT,
    ARRAY_KEY,
    ARRAYS,
    FORMAT,
    HEADER,
    SUM_KEY,
    Origin,
    checkpoints_in,
    digest,
    step_named,
    sum_of,
)
from rlaudit.train.npz import ArrayInFile, FileState
from rlaudit.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path

    from rlaudit.train.loop import TrainingLoop

# Format 1 had no check sum of its header, and never an evaluation that was due.
_READABLE = (1, FORMAT)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One that was read: its origin, the state of the run and that of the agent."""

    path: Path
    origin: Origin
    state: dict[str, Any]
    agent: dict[str, Any]


def load(path: Path) -> Checkpoint:
    """Check the checkpoint at ``path`` and read it; arrays stay on the disk until they are wanted.

    Raises:
        CheckpointError: it is not whole, was changed, or is of a later version of rlaudit.
    """
    header, origin = _read_header(path)
    with refused_by_name(path, ARRAYS), _checked(path, ARRAYS, header) as file:
        state = _with_arrays(header["state"], path / ARRAYS, FileState.of(file))
    return Checkpoint(path, origin, state, _read_agent(path, header))


def load_agent(path: Path) -> tuple[Origin, dict[str, Any]]:
    """Read what the checkpoint at ``path`` is of and its agent, and leave the replay alone.

    Raises:
        CheckpointError: as for :func:`load`.
    """
    header, origin = _read_header(path)
    return origin, _read_agent(path, header)


def restore(loop: TrainingLoop, checkpoint: Checkpoint) -> None:
    """Bring a loop that was just built to where ``checkpoint`` was saved.

    Raises:
        CheckpointError: it does not fit the loop, or an episode could not be played again.
    """
    with refused_by_name(checkpoint.path):
        loop.agent.load_state(checkpoint.agent)
        loop.load_state(checkpoint.state["loop"])
        origin = asdict(checkpoint.origin)
        if any(origin[name] != number for name, number in loop.reached().items()):
            raise CheckpointError("its state is of another step than it names")


@contextlib.contextmanager
def refused_by_name(path: Path, what: str = "") -> Iterator[None]:
    """Refuse the checkpoint at ``path`` for any error in reading ``what`` of it or restoring it.

    The readers of JSON, zip, NumPy and torch, and environments that are to repeat an episode, have
    many kinds of errors for what is damaged or none of theirs, and no common one.

    Raises:
        CheckpointError: names the checkpoint.
    """
    part = f"{what}: " if what else ""
    try:
        yield
    except MemoryError:  # it may be sound, and too large for the machine
        raise
    except RlauditError as error:
        raise _refusal(path, str(error), error.hint) from error
    except PermissionError as error:  # it may be sound
        raise _refusal(path, f"{part}{error.strerror}", "check its rights") from error
    except OSError as error:
        raise _refusal(path, f"{part}{error.strerror or error}") from error
    except Exception as error:
        raise _refusal(path, f"{part}{type(error).__name__}: {error}") from error


def _refusal(path: Path, why: str, hint: str = "") -> CheckpointError:
    earlier = [p.name for p in checkpoints_in(path.parent) if step_named(p) < step_named(path)]
    if earlier and not hint:
        hint = f"delete the folder to resume from {earlier[-1]}"
    return CheckpointError(f"the checkpoint {path} cannot be used: {why}", hint=hint)


def _read_header(path: Path) -> tuple[dict[str, Any], Origin]:
    """Return what ``checkpoint.json`` says, when it is as it was written."""
    with refused_by_name(path, HEADER):
        text = read_text(path / HEADER)
        try:
            header = load_json(text)
        except ValueError as error:
            raise CheckpointError(f"{HEADER} {error}") from error
        _check_header(header, text)
        origin = Origin(**header["origin"])
        origin.settings()
        if step_named(path) not in (-1, origin.env_step):
            raise CheckpointError(f"it is of step {origin.env_step:,}, and its name of another")
    return header, origin


def _check_header(header: dict[str, Any], text: str) -> None:
    version = header["format"]
    if type(version) is not int or version not in _READABLE:
        raise CheckpointError(
            f"it has format {version}; rlaudit {__version__} reads up to {FORMAT}",
            hint=f"it was written by rlaudit {header.get('rlaudit', 'unknown')}",
        )
    # The sum is of what the text says, so a key that stands there twice would not change it.
    changed = json.dumps(header) != text
    if version > 1 or SUM_KEY in header:
        changed |= header.pop(SUM_KEY) != sum_of(header)
    if changed:
        raise CheckpointError(f"the content of {HEADER} was changed")
    if config_hash(header["origin"]["config"]) != header["config_hash"]:
        raise CheckpointError("its settings are not those that it was saved with")


@contextlib.contextmanager
def _checked(path: Path, name: str, header: dict[str, Any]) -> Iterator[BufferedReader]:
    """Open a file of a checkpoint, when its content is as the header says.

    Its size comes first: one that is too large is not read.
    """
    facts = header["files"][name]
    with open_file(path / name) as file:
        size = FileState.of(file).size
        if size != facts["bytes"]:
            raise CheckpointError(f"{name} has {size:,} bytes, not {facts['bytes']:,}")
        if digest(file) != facts["blake2b"]:
            raise CheckpointError(f"the content of {name} was changed")
        file.seek(0)
        yield file


def _read_agent(path: Path, header: dict[str, Any]) -> dict[str, Any]:
    with refused_by_name(path, AGENT), _checked(path, AGENT, header) as file:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
        # Packed, or named twice, they would take more memory than the file.
        if sum(part.file_size for part in parts) > FileState.of(file).size:
            raise CheckpointError(f"the parts of {AGENT} are larger than the file")
        file.seek(0)
        agent: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    return agent


def _with_arrays(state: Any, path: Path, file: FileState) -> Any:
    """Return ``state`` with each array of the file at ``path`` in its place."""
    if isinstance(state, dict):
        if state.keys() == {ARRAY_KEY}:
            return ArrayInFile(path, state[ARRAY_KEY], file)
        return {name: _with_arrays(value, path, file) for name, value in state.items()}
    if isinstance(state, list):
        return [_with_arrays(value, path, file) for value in state]
    return state
