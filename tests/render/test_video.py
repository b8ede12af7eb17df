"""Films are what they were made of: size, number of pictures, rate and colours."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from rlaudit.render.video import encode

RED, BLUE = (200, 30, 30), (20, 40, 220)


def pictures(count, height=210, width=160):
    """Red at first, and blue in the lower half from the second one on."""
    for i in range(count):
        picture = np.full((height, width, 3), RED, np.uint8)
        if i:
            picture[height // 2 :] = BLUE
        yield picture


def test_an_mp4_has_every_picture_at_its_rate_in_its_colours():
    av = pytest.importorskip("av")
    data = encode(Path("a.mp4"), pictures(30), 15.0)
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        assert (stream.average_rate, stream.duration * stream.time_base) == (15, 2)
    assert len(frames) == 30
    # 210 pixels become 420.
    assert frames[0].shape == (420, 320, 3)
    assert np.abs(frames[0].mean(axis=(0, 1)) - RED).max() < 8
    assert np.abs(frames[20][300:].mean(axis=(0, 1)) - BLUE).max() < 8


def test_a_gif_lasts_as_long_as_the_game():
    pil = pytest.importorskip("PIL.Image")
    with pil.open(io.BytesIO(encode(Path("a.gif"), pictures(5), 25.0))) as gif:
        # Those that show the same are one, shown for longer.
        assert gif.n_frames == 2
        durations = []
        for i in range(gif.n_frames):
            gif.seek(i)
            durations.append(gif.info["duration"])
        assert durations == [40, 160]
        assert np.abs(np.array(gif.convert("RGB"))[300, 0] - np.array(BLUE)).max() < 8


def test_a_picture_of_odd_size_is_cut_to_an_even_one():
    av = pytest.importorskip("av")
    data = encode(Path("a.mp4"), pictures(2, height=401, width=33), 10.0)
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        assert (stream.height, stream.width) == (400, 32)
