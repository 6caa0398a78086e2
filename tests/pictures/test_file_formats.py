"""Animations decoded frame by frame, by several readers, against the arrays they came from."""

import subprocess
import sys
import tracemalloc
from fractions import Fraction
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from frame_checks import ALL, EXACT, NEEDS_AV, UNIT, clock_of, numbered, scenes, write
from frames import frames_of

from dynamics.pictures.animation.file_formats import FORMATS, SUFFIXES, open_writer
from dynamics.pictures.animation.gif_apng_webp import GifWriter
from dynamics.store.folder import RunFolder

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("colours", [2, 3, 64, 100, 255, 256])
@pytest.mark.parametrize("kind", EXACT)
def test_every_pixel_of_every_frame_comes_back(tmp_path, kind, colours):
    palette = np.random.default_rng(1).integers(0, 256, (colours, 3)).astype(np.uint8)
    frames = scenes(colours)
    path = write(tmp_path / f"a.{kind}", frames, palette)
    decoded, durations = frames_of(path)
    np.testing.assert_array_equal(decoded, palette[frames])
    assert durations == [100] * 7 + [2000]
    extension = ".png" if kind == "apng" else path.suffix
    again = iio.imread(path.read_bytes(), extension=extension, mode="RGB", index=...)
    np.testing.assert_array_equal(again, palette[frames])


@NEEDS_AV
@pytest.mark.parametrize("colours", [2, 100, 256])
@pytest.mark.parametrize("kind", ["gif", "apng"])
def test_another_decoder_sees_the_same_pixels(tmp_path, kind, colours):
    import av

    palette = np.random.default_rng(1).integers(0, 256, (colours, 3)).astype(np.uint8)
    frames = scenes(colours)
    with av.open(str(write(tmp_path / f"a.{kind}", frames, palette))) as container:
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    np.testing.assert_array_equal(decoded[: len(frames)], palette[frames])


def test_a_suffix_chooses_the_format(tmp_path):
    for suffix, name in SUFFIXES.items():
        if name != "mp4":
            write(tmp_path / f"a{suffix.upper()}", scenes(2))
    assert [(tmp_path / f"a{suffix}").read_bytes()[:4] for suffix in (".GIF", ".WEBP", ".PNG", ".APNG")] == [
        b"GIF8",
        b"RIFF",
        b"\x89PNG",
        b"\x89PNG",
    ]
    assert set(SUFFIXES.values()) == set(FORMATS)
    with pytest.raises(ValueError, match=r"a\.avi: .*\.gif, \.webp"):
        open_writer(tmp_path / "a.avi", np.zeros((2, 3), np.uint8), (4, 4), 10)


@pytest.mark.parametrize("kind", EXACT)
def test_only_the_changed_box_is_stored(tmp_path, kind):
    frame = np.random.default_rng(0).integers(0, 256, (200, 200)).astype(np.uint8)
    frames = [frame]
    for k in range(100):
        frames.append(frame.copy())
        frames[-1][k, k] += 1
    small, large = (write(tmp_path / f"{n}.{kind}", frames[:n]).stat().st_size for n in (1, 101))
    # Headers of 18 (GIF), 54 (APNG) or 32 bytes (WebP), a box of 2 × 2 to 4 × 4 pixels with its own code, no more.
    assert (large - small) / 100 < {"gif": 50, "apng": 90, "webp": 110}[kind]


@pytest.mark.parametrize("kind", EXACT)
def test_what_did_not_change_within_a_box_costs_little(tmp_path, kind):
    frame = np.random.default_rng(0).integers(0, 100, (200, 200)).astype(np.uint8)
    other = frame.copy()
    other[[0, -1], [0, -1]] = (other[[0, -1], [0, -1]] + 1) % 100  # opposite corners: the box is everything
    one, two = (
        write(tmp_path / f"{n}.{kind}", [frame, other][:n], np.zeros((100, 3), np.uint8)).stat().st_size for n in (1, 2)
    )
    # Noise cannot be packed, so a frame of it takes 200 × 200 × log2(100) / 8 = 33 kB at least; WebP sees that the
    # palette's colours are all the same.
    assert two - one < 1000
    assert one > 30_000 or kind == "webp"


@pytest.mark.parametrize(
    ("kind", "fps", "milliseconds", "all_milliseconds"),
    [
        ("gif", 12, 80, 2080),
        ("gif", 25, 40, 2040),
        ("gif", 1000, 20, 2000),
        ("gif", 0.25, 4000, 8000),
        ("webp", 12, 83, 2083),
        ("webp", 60, 17, 2017),
        ("webp", 1000, 11, 2001),
        ("webp", 0.25, 4000, 8000),
        ("apng", 12, 1000 / 12, 2000 + 1000 / 12),
        ("apng", 29.97, 1000 / 29.97, 2000 + 1000 / 29.97),
        ("apng", 1000, 11, 2001),
        ("apng", 1 / 3, 3000, 6000),
        # no fraction of small numbers
        ("apng", 0.7310585786300049, 1000 / 0.7310585786300049, 2000 + 1000 / 0.7310585786300049),
        ("apng", 1 / 599.5, 599_500, 2 * 599_500),
    ],
)
def test_delays_are_what_browsers_keep(tmp_path, kind, fps, milliseconds, all_milliseconds):
    frames = [np.zeros((3, 4), np.uint8), np.ones((3, 4), np.uint8)]
    durations = frames_of(write(tmp_path / f"a.{kind}", frames, fps=fps))[1]
    assert durations == pytest.approx([milliseconds, all_milliseconds - milliseconds], rel=1e-9)


@pytest.mark.parametrize("fps", [*range(1, 61), 5.1485, 7.4, 29.97, 100])
@pytest.mark.parametrize("kind", [*ALL, "png"])
def test_every_format_lasts_equally_long(tmp_path, kind, fps):
    """(F − 1)/fps and the hold, half of a format's unit off at most: roundings of all delays would add up to 50."""
    path = tmp_path / ("a" if kind == "png" else f"a.{kind}")
    seconds = clock_of(write(path, numbered(101), fps=fps, hold_last_seconds=2))
    assert seconds.sum() == pytest.approx(100 / fps + 2, abs=0.51 * UNIT[kind])


@pytest.mark.parametrize("fps", [7.4, 12, 30, 40, 49, 50])
@pytest.mark.parametrize("kind", [*EXACT, "png"])
def test_every_frame_begins_when_it_should(tmp_path, kind, fps):
    path = tmp_path / ("a" if kind == "png" else f"a.{kind}")
    seconds = clock_of(write(path, numbered(101), fps=fps))
    assert np.cumsum(seconds)[:-1] == pytest.approx(np.arange(1, 101) / fps, abs=0.51 * UNIT[kind])


@pytest.mark.parametrize(
    ("kind", "fps", "quickest"),
    [("gif", 51, 20), ("gif", 60, 20), ("gif", 240, 20), ("webp", 100, 11), ("apng", 250, 11)],
)
def test_frames_too_quick_for_browsers_are_left_out(tmp_path, kind, fps, quickest):
    """At any multiple of the quickest delay the newest frame is shown that has begun; the first and last are there."""
    greys = np.arange(256, dtype=np.uint8)[:, None].repeat(3, axis=1)
    shown, durations = frames_of(write(tmp_path / f"a.{kind}", numbered(101), greys, fps))
    which = shown[:, 0, 0, 0].tolist()
    assert (which[0], which[-1]) == (0, 100)
    assert min(durations) >= quickest - 1e-9
    begins = np.cumsum([0, *durations])[:-1]
    assert begins == pytest.approx(quickest * np.round(begins / quickest), abs=1e-6)
    for begin, number in zip(begins[:-1], which, strict=False):
        assert number == int(begin / 1000 * fps + 1e-9)


@pytest.mark.parametrize("kind", ALL)
def test_no_frame_is_left_out_that_has_time(tmp_path, kind):
    seconds = clock_of(write(tmp_path / f"a.{kind}", numbered(101), fps=50, hold_last_seconds=0))
    assert len(seconds) == 101


@pytest.mark.parametrize(
    ("fps", "fraction"), [(12, (1, 12)), (29.97, (100, 2997)), (30000 / 1001, (1001, 30000)), (1 / 3, (3, 1))]
)
def test_the_delay_of_a_png_is_exact(tmp_path, fps, fraction):
    frames = [np.zeros((3, 4), np.uint8), np.ones((3, 4), np.uint8)]
    written = write(tmp_path / "a.png", frames, fps=fps, hold_last_seconds=2.5).read_bytes()
    chunks = [at for at in range(len(written)) if written.startswith(b"fcTL", at)]
    delays = [tuple(int.from_bytes(written[at + k : at + k + 2], "big") for k in (24, 26)) for at in chunks]
    assert delays == [fraction, max(fraction, (5, 2), key=lambda f: Fraction(*f))]


@pytest.mark.parametrize(("colours", "table"), [(2, 4), (3, 4), (4, 8), (64, 128), (255, 256), (256, 256)])
def test_the_table_of_a_gif_has_room_for_the_transparent_colour(tmp_path, colours, table):
    written = write(tmp_path / "a.gif", scenes(colours), np.zeros((colours, 3), np.uint8)).read_bytes()
    assert 2 << (written[10] & 7) == table
    assert written[13 + 3 * table :].startswith(b"!\xff\x0bNETSCAPE")


@pytest.mark.parametrize(("share", "flags"), [(0.2, 0x12), (0.9, 0x02)])
def test_a_webp_says_whether_any_frame_has_transparent_pixels(tmp_path, share, flags):
    changed = np.random.default_rng(0).random((20, 20)) < share
    written = write(
        tmp_path / "a.webp", [np.zeros((20, 20), np.uint8), changed.astype(np.uint8)], np.eye(3)
    ).read_bytes()
    assert written[12:16] == b"VP8X"
    assert written[20] == flags
    assert int.from_bytes(written[4:8], "little") == len(written) - 8


@pytest.mark.parametrize("kind", EXACT)
def test_one_frame_is_an_animation_too(tmp_path, kind):
    frames = np.full((1, 5, 7), 3, np.uint8)
    decoded, durations = frames_of(write(tmp_path / f"a.{kind}", frames, hold_last_seconds=0.5))
    np.testing.assert_array_equal(decoded, np.broadcast_to([9, 10, 11], (1, 5, 7, 3)))
    assert durations == [500]


@pytest.mark.parametrize("kind", ALL)
def test_a_frame_may_be_a_view_and_used_again(tmp_path, kind):
    frames = scenes(100)[:, :90, :130]
    write(tmp_path / f"a.{kind}", [np.ascontiguousarray(frame) for frame in frames])
    with open_writer(tmp_path / f"b.{kind}", np.arange(768, dtype=np.uint8).reshape(256, 3), (130, 90), 10) as writer:
        whole = np.empty((130, 90), np.uint8)
        for frame in frames:
            whole[:] = frame.T
            writer.append(whole.T)
            whole[:] = 0
    assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


@pytest.mark.parametrize("kind", ALL)
def test_equal_frames_give_equal_bytes(tmp_path, kind):
    # Ten times, with other things in memory: an encoder that reads what it has not written gives itself away.
    rng = np.random.default_rng(0)
    frames, seen = rng.integers(0, 100, (12, 50, 50), np.uint8), set()
    frames[6:] = frames[5]
    for _ in range(10):
        seen.add(write(tmp_path / f"a.{kind}", frames).read_bytes())
        litter = [rng.integers(0, 256, size, np.uint8) for size in rng.integers(1000, 300_000, 5)]
        del litter
    assert len(seen) == 1


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("kind", ALL)
def test_an_exception_leaves_the_folder_as_it_was(tmp_path, kind, error):
    path = tmp_path / f"a.{kind}"
    path.write_bytes(b"old")

    def interrupted(at):
        with open_writer(path, np.zeros((2, 3), np.uint8), (4, 6), 10) as writer:
            for _ in range(at):
                writer.append(np.zeros((6, 4), np.uint8))
            raise error

    for at in (0, 1, 100):
        with pytest.raises(error):
            interrupted(at)
        assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {path.name: b"old"}


@pytest.mark.parametrize("kind", ALL)
def test_an_exception_while_the_file_is_ended_leaves_nothing(tmp_path, monkeypatch, kind):
    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(FORMATS[kind], "_end", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / f"a.{kind}", np.zeros((2, 4, 4), np.uint8))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(
    ("colours", "size", "fps", "hold", "frames", "word"),
    [
        (2, (4, 6), 10, 2, [], "at least one frame"),
        (2, (4, 6), 10, 2, [np.zeros((4, 6), np.uint8)], r"a frame is \(6, 4\)"),
        (2, (4, 6), 10, 2, [np.zeros((6, 4))], "a frame is .* float64"),
        (2, (4, 6), 10, 2, [np.full((6, 4), 2, np.uint8)], "index 2, the palette 2 colours"),
        (257, (4, 6), 10, 2, [], "2 to 256 colours"),
        (1, (4, 6), 10, 2, [], "2 to 256 colours"),
        (2, (4, 0), 10, 2, [], "4 × 0"),
        (2, (2**31, 6), 10, 2, [], "pixels, not 2147483648 × 6"),
        (2, (4, 6), 0, 2, [], "fps"),
        (2, (4, 6), float("nan"), 2, [], "fps"),
        (2, (4, 6), 10, float("inf"), [], "hold_last_seconds"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(tmp_path, kind, colours, size, fps, hold, frames, word):
    def refused():
        with open_writer(tmp_path / f"a.{kind}", np.zeros((colours, 3), np.uint8), size, fps, hold) as writer:
            for frame in frames:
                writer.append(frame)

    with pytest.raises(ValueError, match=word):
        refused()
    assert not list(tmp_path.iterdir())


def test_frames_are_taken_inside_with_only(tmp_path):
    writer = GifWriter(tmp_path / "a.gif", np.zeros((2, 3), np.uint8), (4, 3), 10)
    assert not list(tmp_path.iterdir())
    with writer:
        writer.append(np.zeros((3, 4), np.uint8))
    written = (tmp_path / "a.gif").read_bytes()
    with pytest.raises(ValueError, match="inside"):
        writer.append(np.zeros((3, 4), np.uint8))
    with pytest.raises(ValueError, match="at least one frame"), writer:
        pass
    assert (tmp_path / "a.gif").read_bytes() == written


@pytest.mark.parametrize("kind", ALL)
def test_memory_does_not_grow_with_the_number_of_frames(tmp_path, kind):
    def peak(count):
        rng = np.random.default_rng(0)
        tracemalloc.start()
        with open_writer(tmp_path / f"a.{kind}", np.zeros((72, 3), np.uint8), (150, 100), 10) as writer:
            for _ in range(count):
                writer.append(rng.integers(0, 60, (100, 150)).astype(np.uint8))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak(2)  # what is allocated once
    # It is chance how many frames wait while others are encoded: 0.57 to 1.11 MB were seen, for 30 and for 240 alike,
    # the more the busier cores are. Kept frames would be 210 more, 11 kB each where packed.
    assert peak(240) < peak(30) + 100 * 100 * 150


GROWTH = """
import sys, numpy as np
from dynamics.pictures.animation.file_formats import open_writer
def resident():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1]) / 1024
rng, palette = np.random.default_rng(0), np.random.default_rng(1).integers(0, 256, (64, 3)).astype(np.uint8)
with open_writer(sys.argv[1], palette, (300, 200), 10) as writer:
    for k in range(220):
        if k == 60:
            before = resident()
        writer.append(rng.integers(0, 64, (200, 300)).astype(np.uint8))
    print(resident() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="resident memory is read from /proc")
@pytest.mark.parametrize("kind", ALL)
def test_nor_do_the_buffers_of_the_libraries(tmp_path, kind):
    # ru_maxrss would not tell: a new process begins with the peak of the one that started it.
    command = [sys.executable, "-c", GROWTH, str(tmp_path / f"a.{kind}")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    # Kept frames would be 160 of 44 kB packed, and as indices 60 kB: 7 MB and more. MP4 looks some frames ahead.
    assert float(done.stdout) < 3  # MB


def test_half_a_file_has_another_name_that_a_run_folder_sweeps(tmp_path):
    with open_writer(tmp_path / "a.gif", np.zeros((2, 3), np.uint8), (4, 3), 10) as writer:
        writer.append(np.zeros((3, 4), np.uint8))
        (half,) = tmp_path.iterdir()
        assert half.name != "a.gif"
        (tmp_path / "killed").mkdir()
        (tmp_path / "killed" / half.name).touch()
        RunFolder(tmp_path / "killed").sweep()
        assert not list((tmp_path / "killed").iterdir())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.gif", "killed"]
