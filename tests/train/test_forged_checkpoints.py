"""Checkpoints whose sums vouch for what was put into them: it is not executed, and not unpacked."""

from __future__ import annotations

import io
import json
import math
import os
import pickle
import time
import tracemalloc
import zipfile

import numpy as np
import pytest
import torch
from small_checkpoints import edited, loop_of, saved

from rlaudit.cli import main
from rlaudit.errors import CheckpointError
from rlaudit.train.checkpoint import sum_of
from rlaudit.train.loading import load, load_agent, restore

MOST_BYTES = 8 * 2**20


class _Foreign:
    def __reduce__(self):
        return (print, ("executed",))


@pytest.fixture
def refused(at_step_60):
    """Say with which error a checkpoint is refused that was changed and vouches for it."""

    def refuse(change=lambda _: None, restored=False):
        edited(at_step_60, change)
        tracemalloc.start()
        began = time.monotonic()
        with pytest.raises(CheckpointError) as caught:
            restore(loop_of(), load(at_step_60)) if restored else load(at_step_60)
        assert time.monotonic() - began < 10
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES, caught.value
        tracemalloc.stop()
        message = str(caught.value)
        assert message.startswith(f"the checkpoint {at_step_60} cannot be used: ")
        assert caught.value.hint == "delete the folder to resume from step-000000050"
        return message

    yield refuse
    tracemalloc.stop()


def with_array(path, name, data, method=zipfile.ZIP_DEFLATED):
    """Put ``data`` in the place of one array of a checkpoint."""
    with zipfile.ZipFile(path / "arrays.npz") as archive:
        others = {part: archive.read(part) for part in archive.namelist()}
    others[f"{name}.npy"] = data
    with zipfile.ZipFile(path / "arrays.npz", "w", method) as archive:
        for part, content in others.items():
            archive.writestr(part, content)


def npy(descr, shape, data=b""):
    """What NumPy would write of an array, if it could."""
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


FRAMES = "loop.replay.store.frames"


def test_nothing_that_a_checkpoint_holds_is_executed(at_step_60, refused, capsys):
    agent = at_step_60 / "agent.pt"
    whole = agent.read_bytes()
    torch.save({"online": _Foreign()}, agent)
    assert "UnpicklingError" in refused()
    agent.write_bytes(whole)
    objects = io.BytesIO()
    np.lib.format.write_array(objects, np.array([_Foreign()]), version=(1, 0), allow_pickle=True)
    with_array(at_step_60, FRAMES, objects.getvalue())
    assert "that is not plain numbers" in refused()
    assert pickle.dumps(_Foreign())
    assert "executed" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (npy("<f4", (2**60, 4)), "an array of shape (1152921504606846976, 4)"),
        (npy("<f4", (-1, 4)), "an array of shape (-1, 4)"),
        (npy("<V65536", (62, 4)), "where the run has shape"),
        (npy("|O", (62, 4)), "that is not plain numbers"),
        (npy("<f4", "(((((" * 1_500), "arrays.npz: "),
        (npy("<f4", (62, 4), bytes(2**27)), "is longer than its header says"),
        (npy("<f4", (62, 4), b"1234"), "ends after 4 of"),
        (b"\x93NUMPY\x09\x09", "arrays.npz: "),
        (b"", "arrays.npz: "),
    ],
    ids=["2**60", "negative", "wide", "objects", "nested", "a bomb", "short", "version", "empty"],
)
def test_an_array_that_claims_what_it_is_not_takes_no_memory(at_step_60, refused, data, message):
    stored = json.loads((at_step_60 / "checkpoint.json").read_text())["state"]["loop"]["replay"]
    # The first rows of the ring, as many as frames were ever added.
    data = data.replace(b"(62, 4)", f"({stored['store']['next_id']}, 4)".encode())
    with_array(at_step_60, FRAMES, data)
    assert message in refused(restored=True)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_arrays_that_are_packed_in_another_way_are_refused(at_step_60, refused, method):
    with_array(at_step_60, FRAMES, bytes(2**20), method)
    assert "is not compressed as it was written" in refused()


def test_an_agent_that_is_packed_is_refused_before_it_is_unpacked(at_step_60, refused):
    with zipfile.ZipFile(at_step_60 / "agent.pt") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    largest = max(parts, key=lambda name: len(parts[name]))
    parts[largest] = bytes(2**27)
    with zipfile.ZipFile(at_step_60 / "agent.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert "the parts of agent.pt are larger than the file" in refused()


ORIGINS = {
    "of another step": ("env_step", 61),
    "before the start": ("env_step", -60),
    "not a number": ("env_step", math.nan),
    "a fraction": ("env_step", 60.0),
    "true": ("every", True),
    "text": ("update_id", "9"),
    "of nothing": ("episode_id", None),
    "beyond the log": ("transition_id", 2**63),
    "of no run": ("run_id", 5),
    "a list of settings": ("config", "[]"),
    "deep settings": ("config", "[" * 100_000),
    "no preset": ("config", "{}"),
}


@pytest.mark.parametrize(("key", "value"), ORIGINS.values(), ids=ORIGINS)
def test_an_origin_that_no_run_has_is_refused(refused, key, value):
    refused(lambda header: header["origin"].update({key: value}))


@pytest.mark.parametrize("key", ["episode_id", "transition_id", "update_id"])
def test_a_state_of_another_step_than_the_origin_is_refused(refused, key):
    def change(header):
        header["origin"][key] += 1

    assert "its state is of another step than it names" in refused(change, restored=True)


@pytest.mark.parametrize(
    "files",
    [None, [], {}, {"arrays.npz": {}}, {"arrays.npz": {"bytes": math.nan}}, {"../agent.pt": {}}],
)
def test_a_header_that_does_not_say_what_its_files_are_is_refused(at_step_60, files):
    header = json.loads((at_step_60 / "checkpoint.json").read_text())
    del header["blake2b"]
    header["files"] = files
    header["blake2b"] = sum_of(header)
    (at_step_60 / "checkpoint.json").write_text(json.dumps(header))
    with pytest.raises(CheckpointError, match=r"cannot be used: arrays\.npz"):
        load(at_step_60)


def test_a_name_of_an_array_leads_nowhere_else(refused):
    def change(header):
        header["state"]["loop"]["replay"]["store"]["frames"] = {"npz": "../../../etc/passwd"}

    assert "no item named '../../../etc/passwd.npy'" in refused(change)


def test_a_file_that_is_replaced_between_two_looks_is_not_read(tmp_path, at_step_60):
    """Another checkpoint's arrays have the same shapes, and sums of their own."""
    checkpoint = load(at_step_60)
    loop = loop_of(seed=3)
    for tick in loop.ticks():
        if tick.env_step == 60:
            break
    other = saved(tmp_path / "other", loop)
    (other / "arrays.npz").replace(at_step_60 / "arrays.npz")
    with pytest.raises(CheckpointError, match="it was changed while it was read"):
        restore(loop_of(), checkpoint)


def test_a_file_that_is_deleted_between_two_looks_is_named(at_step_60):
    checkpoint = load(at_step_60)
    (at_step_60 / "arrays.npz").unlink()
    with pytest.raises(CheckpointError, match="cannot be used: No such file"):
        restore(loop_of(), checkpoint)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("name", ["checkpoint.json", "agent.pt"])
def test_an_evaluation_waits_for_no_pipe(at_step_60, name, capsys):
    (at_step_60 / name).unlink()
    os.mkfifo(at_step_60 / name)
    with pytest.raises(CheckpointError, match=f"{name}: it is a named pipe, not a file"):
        load_agent(at_step_60)
    assert main(["eval", "r", "--checkpoint", str(at_step_60), "--no-log"]) == 2
    assert capsys.readouterr().err == (
        f"error: the checkpoint {at_step_60} cannot be used: {name}: it is a named pipe, not a "
        "file (delete the folder to resume from step-000000050)\n"
    )


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read it")
def test_a_file_without_rights_is_named_and_nobody_is_told_to_delete_it(at_step_60):
    (at_step_60 / "agent.pt").chmod(0)
    with pytest.raises(
        CheckpointError, match=r"cannot be used: agent\.pt: Permission denied"
    ) as caught:
        load(at_step_60)
    assert caught.value.hint == "check its rights"
