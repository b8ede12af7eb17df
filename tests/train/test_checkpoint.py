"""Checkpoints as files: what is in them, and what becomes of damaged ones."""

from __future__ import annotations

import json
from itertools import islice

import numpy as np
import pytest
import torch
from small_checkpoints import edited, loop_of, saved

from rlaudit.errors import CheckpointError
from rlaudit.train.checkpoint import newest, run_folder
from rlaudit.train.loading import load, restore

VARIANTS = {
    "default": {},
    "several environments": {"num_envs": 3, "n_step": 5},
    "epsilon-greedy, live maximum, buffer normaliser": {
        "noisy": "off",
        "insert_priority": "live-max",
        "weight_normaliser": "buffer",
        "sampling": "independent",
        "epsilon_greedy_steps": 300,
    },
    "uniform without replacement": {"prioritized": False, "replacement": False, "num_envs": 2},
    "evaluated": {"eval_every": 50, "eval_episodes": 3, "num_envs": 2},
}


def what_happened(ticks):
    """All that a tick holds, as plain values."""
    return [_plain(tick) for tick in ticks]


def _plain(value):
    if isinstance(value, np.ndarray):
        return value.tolist()
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


@pytest.mark.parametrize("flags", VARIANTS.values(), ids=VARIANTS)
def test_a_restored_loop_does_what_the_saved_one_does(tmp_path, flags):
    loop = loop_of(**flags)
    ticks = loop.ticks()
    # The ring of 100 has wrapped by then, and learning goes on.
    while loop.env_step < 222 or loop.evaluation_is_due:
        next(ticks)
    path = saved(tmp_path, loop)
    again = loop_of(**flags)
    restore(again, load(path))
    assert again.replay.problems() == []
    expected = what_happened(ticks)
    assert expected[-1][0] >= 400
    assert what_happened(again.ticks()) == expected


def test_a_checkpoint_can_be_saved_before_the_first_update_and_in_an_empty_replay(tmp_path):
    loop = loop_of(n_step=20)
    ticks = loop.ticks()
    list(islice(ticks, 3))
    assert loop.replay.size == 0
    again = loop_of(n_step=20)
    restore(again, load(saved(tmp_path, loop)))
    assert what_happened(again.ticks()) == what_happened(ticks)


def test_what_was_saved_says_what_it_is_of(at_step_60):
    origin = load(at_step_60).origin
    assert (origin.run_id, origin.name, origin.env_step) == ("r", "mine", 60)
    assert origin.update_id == 9
    assert json.loads(origin.config)["capacity"] == 100


def test_a_file_that_was_cut_short_is_refused_by_name_and_names_the_earlier_one(at_step_60):
    for name in ("agent.pt", "arrays.npz"):
        file = at_step_60 / name
        whole = file.read_bytes()
        file.write_bytes(whole[:-10])
        with pytest.raises(CheckpointError, match=rf"{name} has .* bytes, not") as caught:
            load(at_step_60)
        assert caught.value.hint == "delete the folder to resume from step-000000050"
        file.write_bytes(whole[:-10] + b"0123456789")
        with pytest.raises(CheckpointError, match=f"the content of {name} was changed"):
            load(at_step_60)
        file.unlink()
        with pytest.raises(CheckpointError, match="cannot be used"):
            load(at_step_60)
        file.write_bytes(whole)
    assert load(at_step_60).origin.env_step == 60


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', "{'"])
def test_a_header_that_is_none_is_refused(at_step_60, text):
    (at_step_60 / "checkpoint.json").write_text(text)
    with pytest.raises(CheckpointError, match="cannot be used"):
        load(at_step_60)


@pytest.mark.parametrize("version", [0, 3, "2", None])
def test_another_format_is_refused_with_the_version_that_wrote_it(at_step_60, version):
    edited_format = {"format": version, "rlaudit": "9.9"}
    header = json.loads((at_step_60 / "checkpoint.json").read_text())
    (at_step_60 / "checkpoint.json").write_text(json.dumps(header | edited_format))
    with pytest.raises(CheckpointError, match=rf"has format {version}; .* reads up to 2") as caught:
        load(at_step_60)
    assert "9.9" in caught.value.hint


def test_the_format_before_is_read(at_step_60):
    edited(at_step_60, lambda header: header.update(format=1))
    assert "blake2b" not in json.loads((at_step_60 / "checkpoint.json").read_text())
    again = loop_of()
    restore(again, load(at_step_60))
    assert again.env_step == 60


def test_a_byte_that_flipped_is_found_wherever_it_is(at_step_60):
    rng = np.random.default_rng(0)
    for file in sorted(at_step_60.iterdir()):
        whole = file.read_bytes()
        for place in rng.integers(len(whole), size=40):
            changed = bytearray(whole)
            changed[place] ^= 1 << int(rng.integers(7))
            file.write_bytes(changed)
            with pytest.raises(CheckpointError):
                load(at_step_60)
        file.write_bytes(whole)
    load(at_step_60)


def test_settings_that_were_changed_are_refused(at_step_60):
    def change(header):
        header["origin"]["config"] = header["origin"]["config"].replace(
            '"n_step": 3', '"n_step": 4'
        )

    edited(at_step_60, change)
    with pytest.raises(CheckpointError, match="its settings are not those"):
        load(at_step_60)


def test_a_checkpoint_that_does_not_fit_the_loop_is_refused(at_step_60):
    checkpoint = load(at_step_60)
    for flags in ({"hidden_units": 9}, {"capacity": 90}, {"num_envs": 2}):
        with pytest.raises(CheckpointError):
            restore(loop_of(**flags), checkpoint)


def test_a_replay_that_is_not_sound_is_refused(at_step_60):
    checkpoint = load(at_step_60)
    with np.load(at_step_60 / "arrays.npz", allow_pickle=False) as arrays:
        leaves = arrays["loop.replay.tree.levels.0"]
    leaves[7] = 123.0
    checkpoint.state["loop"]["replay"]["tree"]["levels"][0] = leaves
    with pytest.raises(CheckpointError, match="its replay is not sound"):
        restore(loop_of(), checkpoint)


def test_a_save_that_fails_leaves_nothing_and_an_older_draft_is_cleared(
    tmp_path, at_step_60, monkeypatch
):
    folder = at_step_60.parent
    (folder / ".step-000000055.abc.new").mkdir()

    def fail(*_):
        raise RuntimeError("PytorchStreamWriter failed writing file")

    loop = loop_of()
    list(islice(loop.ticks(), 70))
    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", fail)
        with pytest.raises(OSError, match="failed writing"):
            saved(tmp_path, loop)
    assert newest(tmp_path, "r") == at_step_60
    saved(tmp_path, loop)
    assert sorted(p.name for p in folder.iterdir()) == ["step-000000060", "step-000000070"]


def test_any_run_id_has_a_folder_of_its_own(tmp_path):
    ids = [
        "a/b", "../a", ".", "..", "a b", "a ", "a.", "a", "ä:?", "", "a\0b", "a\x1b[2J", "a\\b",
        "-rf", "~", "$(id)", "%2E", "NUL", "nul.txt", "日" * 100, "日" * 101, "x" * 5000,
    ]  # fmt: skip
    names = []
    for run_id in ids:
        folder = run_folder(tmp_path, run_id)
        folder.mkdir()
        assert folder.parent == tmp_path
        names.append(folder.name)
    assert len(set(names)) == len(list(tmp_path.iterdir())) == len(ids)
    # Windows has none like these.
    assert not [name for name in names if name.endswith((".", " ")) or name.lower()[:3] == "nul"]
    assert all(name.isascii() and name.isprintable() for name in names)


@pytest.mark.parametrize("run_id", ["..", "", "日" * 101])
def test_a_run_of_any_id_finds_its_checkpoints(tmp_path, run_id):
    checkpoints = tmp_path / "checkpoints"
    loop = loop_of()
    next(iter(loop.ticks()))
    path = saved(checkpoints, loop, run_id)
    assert newest(checkpoints, run_id) == path
    assert list(tmp_path.iterdir()) == [checkpoints]
    assert [folder.name for folder in checkpoints.iterdir()] == [path.parent.name]


def test_a_run_that_saved_none_is_offered_others_by_their_ids(tmp_path):
    run_folder(tmp_path, "a/b c").mkdir()
    with pytest.raises(CheckpointError) as caught:
        newest(tmp_path, "a/b")
    assert caught.value.hint == "did you mean 'a/b c'?"


@pytest.mark.usefixtures("at_step_60")
def test_a_run_that_saved_none_is_named_with_the_nearest(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint of run 's'") as caught:
        newest(tmp_path, "s")
    assert caught.value.hint == "known: r"
    with pytest.raises(CheckpointError, match="no checkpoint of run 's'"):
        newest(tmp_path / "absent", "s")
