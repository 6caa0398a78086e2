"""Films of pictures in files: their frames exactly, and no more memory for more of them."""

import tracemalloc

import numpy as np
import pytest
from PIL import Image

from dynamics.pictures.animation.films_of_files import write_film

SIDE = 200


def pictures(folder, count, kind="P"):
    """Pictures in files that share a palette of three colours, or have colours of their own."""
    random, files = np.random.default_rng(0), []
    for k in range(count):
        if kind == "P":
            picture = Image.fromarray(random.integers(0, 3, (SIDE, SIDE), np.uint8))
            picture.putpalette([255, 255, 255, 200, 10, 20, 3, 4, 5])
        else:
            picture = Image.fromarray(random.integers(0, 256, (SIDE, SIDE, 3), np.uint8))
        files.append(folder / f"{kind}{k}.png")
        picture.save(files[-1])
    return files


def peak(path, files):
    """Bytes held at once while a film is written."""
    tracemalloc.start()
    try:
        write_film(path, files, 10)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("kind", "name"), [("P", "f.gif"), ("P", "f.webp"), ("P", "f.apng"), ("RGB", "f.mp4")])
def test_more_frames_are_no_more_memory(tmp_path, kind, name):
    """Forty frames more, kept, would be 40 · 200² bytes as indices; threads that pack hold a few, by chance."""
    if name.endswith("mp4"):
        pytest.importorskip("av")
    files = pictures(tmp_path, 52, kind)
    peak(tmp_path / name, files[:12])  # imports, and what is kept for good
    few, many = peak(tmp_path / name, files[:12]), peak(tmp_path / name, files)
    assert many - few < 30 * SIDE**2


@pytest.mark.parametrize("kind", ["P", "RGB"])
@pytest.mark.parametrize("name", ["f.gif", "f.webp", "f.apng"])
def test_frames_are_the_pictures(tmp_path, kind, name):
    """A shared palette exactly, in a GIF too; other colours exactly where the format has them."""
    files = pictures(tmp_path, 3, kind)
    write_film(tmp_path / name, files, 10)
    with Image.open(tmp_path / name) as film:
        assert film.n_frames == 3
        for k, file in enumerate(files):
            film.seek(k)
            with Image.open(file) as picture:
                away = np.abs(np.asarray(film.convert("RGB"), int) - np.asarray(picture.convert("RGB"), int))
            assert away.max() == 0 or (kind == "RGB" and name == "f.gif")


def test_pictures_of_two_palettes_keep_their_colours(tmp_path):
    """Index 1 is red in one, green in the other: indices alone would show one of them wrongly."""
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    for file, colour in zip(files, ([255, 0, 0], [0, 255, 0]), strict=True):
        picture = Image.new("P", (8, 8), 1)
        picture.putpalette([255, 255, 255, *colour])
        picture.save(file)
    write_film(tmp_path / "f.webp", files, 10)
    with Image.open(tmp_path / "f.webp") as film:
        for k, colour in enumerate(((255, 0, 0), (0, 255, 0))):
            film.seek(k)
            assert film.convert("RGB").getpixel((3, 3)) == colour


def test_no_pictures_are_no_film(tmp_path):
    with pytest.raises(ValueError, match="a film needs a frame"):
        write_film(tmp_path / "f.gif", [], 10)
