"""MP4: its clock, its colours, its first bytes, and what it says without its library."""

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from frame_checks import NEEDS_AV, write
from frames import video_of

from dynamics.pictures.animation.file_formats import open_writer
from dynamics.pictures.animation.frame_writer import MissingLibrary

ROOT = Path(__file__).parents[2]


@NEEDS_AV
def test_the_bytes_of_a_video_do_not_depend_on_the_machine(tmp_path):
    written = write(tmp_path / "a.mp4", np.zeros((2, 640, 640), np.uint8)).read_bytes()
    assert b" threads=1 lookahead_threads=1 " in written  # the encoder writes down its settings


def test_without_pyav_one_line_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingLibrary, match=r"^MP4 needs PyAV: pip install -r requirements-video.txt$"):
        open_writer(tmp_path / "a.mp4", np.zeros((2, 3), np.uint8), (4, 4), 10)
    assert not list(tmp_path.iterdir())
    assert (ROOT / "requirements-video.txt").exists()


@pytest.mark.parametrize("size", [(5, 4), (4, 5)])
def test_a_video_has_even_sides(tmp_path, size):
    with pytest.raises(ValueError, match="even"):
        open_writer(tmp_path / "a.mp4", np.zeros((2, 3), np.uint8), size, 10)


@NEEDS_AV
@pytest.mark.parametrize(
    ("fps", "rate", "hold", "shown"),
    [
        (10, 10, 2, 20),
        (29.97, Fraction(2997, 100), 1, 30),  # the last time for 0.97 of a frame
        (30000 / 1001, Fraction(30000, 1001), 0, 1),
        (0.25, 0.25, 2, 1),
    ],
)
def test_a_video_keeps_its_clock_and_shows_the_last_frame_longer(tmp_path, fps, rate, hold, shown):
    # A white bar on black says which frame it is.
    frames = np.zeros((25, 48, 2 * 25), np.uint8)
    for k, frame in enumerate(frames):
        frame[:, 2 * k : 2 * k + 2] = 1
    palette = np.array([(0, 0, 0), (255, 255, 255)], np.uint8)
    decoded, times, facts = video_of(write(tmp_path / "a.mp4", frames, palette, fps, hold_last_seconds=hold))
    assert [int(frame.mean(axis=(0, 2)).argmax()) // 2 for frame in decoded] == [*range(24), *[24] * shown]
    assert rate in facts["rates"]  # the other is a mean, which a shorter last frame changes
    assert max(facts["rates"]) == pytest.approx(float(rate), rel=1e-3)
    assert times == pytest.approx([float(k / Fraction(rate)) for k in range(len(decoded))], abs=1e-4)
    assert facts["seconds"] == pytest.approx(float(24 / Fraction(rate) + max(hold, 1 / Fraction(rate))), abs=1e-4)
    assert facts["codec"] == "h264"
    assert decoded.shape[1:] == (48, 50, 3)


@NEEDS_AV
def test_a_video_has_the_colours_of_its_palette(tmp_path):
    # Red, green, blue as BT.709 in limited range has them; BT.601's would be 81 90 240, 145 54 34, 41 240 110.
    exact = {
        (255, 0, 0): (63, 102, 240),
        (0, 255, 0): (173, 42, 26),
        (0, 0, 255): (32, 240, 118),
        (255, 255, 255): (235, 128, 128),
        (0, 0, 0): (16, 128, 128),
    }
    writer = open_writer(tmp_path / "a.mp4", np.array(list(exact), np.uint8), (4, 4), 10)
    assert [tuple(table[k] for table in writer._tables) for k in range(len(exact))] == list(exact.values())

    palette = np.vstack([list(exact), np.random.default_rng(0).integers(0, 256, (59, 3))]).astype(np.uint8)
    frames = np.stack([np.roll(np.arange(64, dtype=np.uint8), k).reshape(8, 8) for k in range(3)])
    frames = frames.repeat(24, axis=1).repeat(24, axis=2)
    decoded, _, facts = video_of(write(tmp_path / "a.mp4", frames, palette))
    assert facts["colours"] == (1, 1, 1, 1)  # BT.709 three times, limited range
    # Rounding Y, Cb and Cr costs up to two levels, the encoder some more near the borders of a colour.
    for frame, indices in zip(decoded, frames, strict=False):
        error = np.abs(frame - palette[indices]).reshape(8, 24, 8, 24, 3)[:, 6:-6, :, 6:-6]
        assert error.mean() < 1.5
        assert np.percentile(error, 99) < 6


@NEEDS_AV
def test_a_video_begins_before_it_is_loaded_and_can_be_scrubbed(tmp_path):
    import av

    frames = np.random.default_rng(0).integers(0, 2, (40, 32, 48)).astype(np.uint8)
    path = write(tmp_path / "a.mp4", frames, fps=8, hold_last_seconds=0)
    written = path.read_bytes()
    assert written.index(b"ftyp") < written.index(b"moov") < written.index(b"mdat")
    created = written[written.index(b"mvhd") + 8 :][:8]  # and when it was changed
    assert created == bytes(8)
    with av.open(str(path)) as container:
        key = [frame.time for frame in container.decode(video=0) if frame.key_frame]
    assert np.diff([*key, 5.0]).max() <= 1.0 + 1e-6
