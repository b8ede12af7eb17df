"""Films of games, as MP4 or GIF."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from rlaudit.errors import UsageError
from rlaudit.render.extras import require

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

_NEEDS = {".mp4": "av", ".gif": "PIL"}
# The console's pictures are small: they are enlarged until they are this high, in pixels.
_LEAST_HEIGHT = 400


def check_video(path: Path) -> None:
    """Refuse a video that cannot be made, before anything is played.

    Raises:
        UsageError: the suffix is neither .mp4 nor .gif.
        MissingExtraError: the package that writes it is absent.
    """
    package = _NEEDS.get(path.suffix.lower())
    if package is None:
        raise UsageError(f"{path} is neither .mp4 nor .gif", hint="name the video by its format")
    require(package, doing=f"writing {path.suffix.lower()}", extra="video")


def encode(path: Path, pictures: Iterable[NDArray[np.uint8]], rate: float) -> bytes:
    """Return a video of ``pictures`` (height, width, 3), ``rate`` of them a second.

    ``path`` gives the format, by its suffix.
    """
    enlarged = (_enlarge(picture) for picture in pictures)
    return (_mp4 if path.suffix.lower() == ".mp4" else _gif)(enlarged, rate)


def _enlarge(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    factor = -(-_LEAST_HEIGHT // len(picture))
    enlarged = picture.repeat(factor, axis=0).repeat(factor, axis=1)
    # MP4's usual colours are stored for squares of four pixels.
    return enlarged[: len(enlarged) // 2 * 2, : enlarged.shape[1] // 2 * 2]


def _mp4(pictures: Iterable[NDArray[np.uint8]], rate: float) -> bytes:
    import av  # noqa: PLC0415 - only in the extra video

    written = io.BytesIO()
    with av.open(written, "w", format="mp4") as container:
        stream: Any = container.add_stream("libx264", rate=Fraction(rate).limit_denominator(1000))
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "18"}
        for picture in pictures:
            if not stream.codec_context.is_open:
                stream.height, stream.width = picture.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return written.getvalue()


def _gif(pictures: Iterable[NDArray[np.uint8]], rate: float) -> bytes:
    from PIL import Image  # noqa: PLC0415 - only in the extra video

    # GIF counts hundredths of a second, and viewers slow down what is faster than 50 a second.
    images = (Image.fromarray(picture).quantize(64) for picture in pictures)
    written = io.BytesIO()
    first = next(images)
    first.save(
        written,
        format="GIF",
        save_all=True,
        append_images=images,
        duration=max(20, round(100 / rate) * 10),
        loop=0,
    )
    return written.getvalue()
