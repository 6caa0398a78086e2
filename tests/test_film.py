"""Animations decoded frame by frame, by two readers, against the arrays they came from."""

import tracemalloc

import imageio.v3 as iio
import numpy as np
import pytest
from frames import frames_of

from film import GifWriter


@pytest.mark.parametrize("colours", [2, 3, 100, 256])
def test_every_pixel_of_every_frame_comes_back(tmp_path, colours):
    rng = np.random.default_rng(0)
    palette = rng.integers(0, 256, (colours, 3)).astype(np.uint8)
    frames = rng.integers(0, colours, (6, 90, 130)).astype(np.uint8)
    frames[2] = frames[1]  # nothing changes
    frames[3] = frames[2]
    frames[3, 40:50, 7:9] = 1 - frames[3, 40:50, 7:9].clip(0, 1)  # only a box changes
    path = tmp_path / "a.gif"
    with GifWriter(path, palette, (130, 90), fps=10) as gif:
        for frame in frames:
            gif.append(frame)
    decoded, durations = frames_of(path)
    np.testing.assert_array_equal(decoded, palette[frames])
    np.testing.assert_array_equal(iio.imread(path, mode="RGB"), palette[frames])
    assert durations == [100] * 5 + [2000]
    assert iio.immeta(path, index=0)["duration"] == 100


def test_only_the_changed_box_is_stored(tmp_path):
    sizes = []
    frame = np.random.default_rng(0).integers(0, 256, (200, 200)).astype(np.uint8)
    for changes in (0, 100):
        path = tmp_path / f"{changes}.gif"
        with GifWriter(path, np.arange(768, dtype=np.uint8).reshape(256, 3), (200, 200), fps=10) as gif:
            gif.append(frame)
            for k in range(changes):
                changed = frame.copy()
                changed[k, k] += 1
                gif.append(changed)
        sizes.append(path.stat().st_size)
    # A header of 18 bytes, a box that holds the last change and the new one, and little else.
    assert (sizes[1] - sizes[0]) / 100 < 50


@pytest.mark.parametrize(("fps", "milliseconds"), [(12, 80), (25, 40), (1000, 20), (0.25, 4000)])
def test_delays_are_what_browsers_keep(tmp_path, fps, milliseconds):
    with GifWriter(tmp_path / "a.gif", np.zeros((2, 3), np.uint8), (4, 3), fps) as gif:
        gif.append(np.zeros((3, 4), np.uint8))
        gif.append(np.ones((3, 4), np.uint8))
    assert frames_of(tmp_path / "a.gif")[1] == [milliseconds, max(2000, milliseconds)]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_leaves_the_folder_as_it_was(tmp_path, error):
    (tmp_path / "a.gif").write_bytes(b"old")

    def write():
        with GifWriter(tmp_path / "a.gif", np.zeros((2, 3), np.uint8), (4, 3), 10) as gif:
            gif.append(np.zeros((3, 4), np.uint8))
            raise error

    with pytest.raises(error):
        write()
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"a.gif": b"old"}


@pytest.mark.parametrize(
    ("colours", "fps", "frames", "word"),
    [
        (2, 10, [], "at least one frame"),
        (2, 10, [np.zeros((4, 3), np.uint8)], "a frame is"),
        (2, 10, [np.zeros((3, 4))], "a frame is"),
        (257, 10, [], "2 to 256 colours"),
        (2, 0, [], "fps"),
    ],
)
def test_the_writer_refuses_what_a_gif_cannot_hold(tmp_path, colours, fps, frames, word):
    def write():
        with GifWriter(tmp_path / "a.gif", np.zeros((colours, 3), np.uint8), (4, 3), fps) as gif:
            for frame in frames:
                gif.append(frame)

    with pytest.raises(ValueError, match=word):
        write()
    assert not list(tmp_path.iterdir())


def test_memory_does_not_grow_with_the_number_of_frames(tmp_path):
    def peak(count):
        rng = np.random.default_rng(0)
        tracemalloc.start()
        with GifWriter(tmp_path / "a.gif", np.zeros((72, 3), np.uint8), (300, 200), 10) as gif:
            for _ in range(count):
                gif.append(rng.integers(0, 60, (200, 300)).astype(np.uint8))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak(2)  # what is allocated once
    assert peak(80) < 1.05 * peak(20)
