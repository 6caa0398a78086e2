"""A folder of PNGs for LaTeX: its frames, its timeline, its line to paste."""

import imageio.v3 as iio
import numpy as np
import pytest
from frame_checks import numbered, scenes, write

from dynamics.pictures.animation.file_formats import open_writer
from dynamics.pictures.animation.png_sequence import animate_line, sequence_files


@pytest.mark.parametrize("colours", [2, 100, 256])
def test_a_path_without_a_suffix_is_a_folder_of_frames_without_gaps(tmp_path, colours):
    palette = np.random.default_rng(1).integers(0, 256, (colours, 3)).astype(np.uint8)
    frames = scenes(colours)
    folder = write(tmp_path / "a", frames, palette)
    assert sorted(p.name for p in folder.iterdir()) == sorted(sequence_files(len(frames)))
    assert sequence_files(3) == ["0000.png", "0001.png", "0002.png", "timeline.txt"]
    for k, frame in enumerate(frames):
        np.testing.assert_array_equal(iio.imread(folder / f"{k:04d}.png", mode="RGB"), palette[frame])


def test_the_line_to_paste_shows_every_frame_at_its_rate(tmp_path):
    folder = write(tmp_path / "density-frames", numbered(11), fps=12.5, hold_last_seconds=4)
    line = animate_line(folder, "one/density-frames")
    assert line == (
        r"\animategraphics[width=\linewidth,loop,autoplay,controls,poster=last,timeline=one/density-frames/timeline.txt]"
        r"{12.5}{one/density-frames/}{0000}{0010}"
    )
    # a line a frame: its rate where that changes, and which of the pictures it is
    assert (folder / "timeline.txt").read_text() == ":12.5:0\n" + "".join(
        f"::{k}\n" for k in range(1, 10)
    ) + ":0.25:10\n"


def test_a_shorter_sequence_leaves_nothing_of_a_longer_one_and_nothing_else_goes(tmp_path):
    folder = write(tmp_path / "a", numbered(30))
    (folder / "mine.png").touch()
    (folder / "0040.png").touch()  # after a gap: not of the sequence
    write(folder, numbered(20))
    assert sorted(p.name for p in folder.iterdir()) == sorted([*sequence_files(20), "mine.png", "0040.png"])
    assert "{0000}{0019}" in (animate_line(folder, "a") or "")


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_leaves_the_sequence_before_or_none(tmp_path, error):
    def interrupted(folder):
        with open_writer(folder, np.zeros((2, 3), np.uint8), (4, 6), 10) as writer:
            for _ in range(5):
                writer.append(np.zeros((6, 4), np.uint8))
            raise error

    with pytest.raises(error):
        interrupted(tmp_path / "a")
    assert not list(tmp_path.iterdir())
    folder = write(tmp_path / "b", numbered(3))
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    with pytest.raises(error):
        interrupted(folder)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


@pytest.mark.parametrize(
    "timeline", [None, "", "\n", ":12:0\n::1\n::2\n", ":}\\input{x}{:0\n", ":12:1\n", "\u00e9:12:0", ":12:0\n" * 10**6]
)
def test_a_folder_that_holds_no_sequence_has_no_line(tmp_path, timeline):
    (tmp_path / "0000.png").touch()
    if timeline is not None:
        (tmp_path / "timeline.txt").write_text(timeline, encoding="utf-8")
    assert animate_line(tmp_path, "a") is None


def test_equal_frames_give_an_equal_sequence(tmp_path):
    one, two = (write(tmp_path / name, scenes(100)) for name in "ab")
    assert {p.name: p.read_bytes() for p in one.iterdir()} == {p.name: p.read_bytes() for p in two.iterdir()}
