"""Files against what they must become: places by one rule, ink by area, and one line for whatever is no such file."""

from __future__ import annotations

import io
import json
import math
import os
import struct
import subprocess
import sys
import unicodedata
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats

from dynamics.cli.app import main
from dynamics.reports.comparisons import setting_pairs
from dynamics.runner.loading import load
from dynamics.settings.messages import OptionError
from dynamics.settings.modes import is_file
from dynamics.settings.setting import Setting
from dynamics.store.folder import RunFolder
from dynamics.targets import cell_grid, file_copies, picture_files, point_files, user_files
from dynamics.targets.cell_grid import Grid
from dynamics.targets.file_copies import copy_into_run
from dynamics.targets.file_names import copy_path, mode_in_run, safe_name
from dynamics.targets.point_files import PointCloud
from dynamics.targets.registry import make_target, target_for
from dynamics.targets.user_files import read
from dynamics.targets.user_units import DataError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def csv(tmp_path: Path) -> Callable[[str | bytes], str]:
    def write(text: str | bytes) -> str:
        path = tmp_path / "points.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        user_files._read.cache_clear()  # a clock may not tell two writes apart
        return str(path)

    return write


@pytest.fixture
def png(tmp_path: Path) -> Callable[..., str]:
    def write(picture: Any, **how: Any) -> str:
        path = tmp_path / "picture.PNG"
        if isinstance(picture, bytes):
            path.write_bytes(picture)
        else:
            (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(path, **how)
        user_files._read.cache_clear()
        return str(path)

    return write


def points_of(path: str) -> np.ndarray:
    data = read(path)
    assert isinstance(data, PointCloud)
    return data.centres


def mass_of(path: str) -> np.ndarray:
    data = read(path)
    assert isinstance(data, Grid)
    assert data.mass.sum() == pytest.approx(1, abs=1e-12)
    assert data.mass.min() >= 0
    return data.mass


def places_of(data: Grid) -> np.ndarray:
    """Centres of the cells, (columns, rows, 2)."""
    return data.first + data.side * np.stack(np.indices(data.mass.shape), -1)


def refusal(path: str) -> str:
    """What is said of a file: one line that starts with its name."""
    with pytest.raises(DataError) as caught:
        read(path)
    message = str(caught.value)
    assert isinstance(caught.value, OptionError)  # which the command line answers with that line, and status 2
    assert message.startswith(f"{path}: ")
    assert len(message.splitlines()) == 1
    assert message.isprintable()
    return message.removeprefix(f"{path}: ")


def text(points: np.ndarray, separator: str = ",") -> str:
    return "".join(f"{x!r}{separator}{y!r}\n" for x, y in points.tolist())


def test_files_are_told_by_their_ends() -> None:
    assert all(map(is_file, ("a.csv", "A.CSV", "x/y.Png", ".png", "a.b.TOML")))
    assert not any(map(is_file, ("gaussian", "csv", "a.csv.gz", "a.jpg", "png")))


# --- rows -------------------------------------------------------------------------------------------------------------

FOUR = np.array([[-3.0, -1.5], [-3.0, 2.0], [1.25, 0.0], [3.0, 2.0]])  # in the order that points are kept in: y, x
FOUR = FOUR[np.lexsort(FOUR.T)]
ROWS = text(FOUR)


@pytest.mark.parametrize(
    "written",
    [
        ROWS,
        ROWS.rstrip("\n"),
        ROWS.replace(",", ";"),
        ROWS.replace(",", "\t"),
        ROWS.replace(",", " "),
        ROWS.replace(",", "   "),
        ROWS.replace(",", " , "),
        "x,y\n" + ROWS,
        '"x (mm)","y (mm)"\n' + ROWS,
        "\ufeffx,y\n" + ROWS,
        "\ufeff" + ROWS,
        "# made by hand, 1,2\n\n" + ROWS + "\n  # the end\n\n",
        "#1\nlänge;breite\n#2\n" + ROWS.replace(",", ";"),
        b"l\xe4nge,breite\n" + ROWS.encode(),  # Latin 1: the line is not looked at
        ROWS.replace("\n", "\r\n"),
        ROWS.replace("\n", "\r"),
        ROWS.replace("2.0", "+.2E+1"),
        "".join(reversed(ROWS.splitlines(keepends=True))),
    ],
)
def test_ways_to_write_the_same_points(csv: Callable[[str | bytes], str], written: str | bytes) -> None:
    np.testing.assert_array_equal(points_of(csv(written)), FOUR)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_blocks_are_seamless(csv: Callable[[str | bytes], str], monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    """Cut wherever it may be, a file has the same points, and its lines the same numbers."""
    rows = np.random.default_rng(0).uniform(-4, 4, (60, 2)).round(3)
    rows[:2] = [[-4, -4], [4, 4]]
    written = "# one\nx;y\n" + text(rows, ";")
    for block in (7, 16, 64, 101):
        monkeypatch.setattr(point_files, "_BLOCK", block)
        points = points_of(csv(written.replace("\n", end)))
        np.testing.assert_array_equal(points, rows[np.lexsort(rows.T)])
        assert "line 63 has 1 column;" in refusal(csv((written + "5\n").replace("\n", end)))


def test_points_that_fit_stay_and_others_are_scaled_by_one_factor(csv: Callable[[str | bytes], str]) -> None:
    rng = np.random.default_rng(1)
    inside = rng.uniform(-4, 4, (50, 2))
    assert np.array_equal(points_of(csv(text(inside))), inside[np.lexsort(inside.T)])
    assert read(csv(text(inside))).note == "50 points, as they are"
    for factor, shift in ((10.0, 0.0), (1e-3, 0.0), (1.0, 40.0), (1e90, 5e90), (1e-90, 0.0)):
        other = points_of(csv(text(inside * factor + shift)))
        span = np.ptp(other, axis=0)
        assert span.max() == pytest.approx(8)
        np.testing.assert_allclose((other.max(0) + other.min(0)) / 2, 0, atol=1e-9)
        # the same shape: y over x as it was, and the same order of points
        assert span[1] / span[0] == pytest.approx(np.ptp(inside[:, 1]) / np.ptp(inside[:, 0]))
    narrow = [[0.0, 0.0], [1.9, 0.0], [0.0, 0.5]]
    np.testing.assert_allclose(points_of(csv(text(np.array(narrow))))[0], [-4, -0.25 * 8 / 1.9], rtol=1e-12)
    assert read(csv(text(np.array(narrow)))).note == "3 points, moved by (-0.95, -0.25) and scaled by 4.21053"


def test_scott_s_rule(csv: Callable[[str | bytes], str]) -> None:
    rows = np.random.default_rng(2).normal(size=(300, 2)).clip(-4, 4)
    kde = stats.gaussian_kde(rows.T)
    # the root mean square of scipy's two stds of a kernel
    expected = math.sqrt(np.trace(kde.covariance) / 2)
    assert read(csv(text(rows))).std == pytest.approx(expected, rel=1e-12)
    line = np.stack([np.linspace(-2, 2, 30), np.zeros(30)], -1)
    assert read(csv(text(line))).std == pytest.approx(math.sqrt(line.var(0, ddof=1)[0] / 2) * 30 ** (-1 / 6))
    close = np.concatenate([[[-4.0, 0.0]], np.tile([[4.0, 0.0]], (10**5, 1))])  # the rule says 0.003
    assert read(csv(text(close))).std == pytest.approx(cell_grid.SMOOTH * 8 / 256)


def test_one_place_has_no_std(csv: Callable[[str | bytes], str]) -> None:
    for rows in ("3,5\n", "3,5\n" * 7, "3,5\n" * 3000):
        data = read(csv(rows))
        assert isinstance(data, PointCloud)
        assert data.std is None
        np.testing.assert_array_equal(data.centres, np.zeros_like(data.centres))  # in the middle


def test_many_points_are_counted_where_they_are(csv: Callable[[str | bytes], str]) -> None:
    """Moments of the grid are those of the points, up to half a cell each; and no order, no separator matters."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(5000, 2)) * [2.0, 0.7] + [10, 20]
    data = read(csv(text(rows)))
    assert isinstance(data, Grid)
    factor = 8 / np.ptp(rows, axis=0).max()
    placed = (rows - (rows.max(0) + rows.min(0)) / 2) * factor
    assert data.side == pytest.approx(8 / 256)
    assert data.mass.shape[0] == 256
    places = places_of(data).reshape(-1, 2)
    # each point to the nearest centre, by brute force
    nearest = (
        np.abs(placed[:, None, 0] - places_of(data)[:, 0, 0]).argmin(1),
        np.abs(placed[:, None, 1] - places_of(data)[0, :, 1]).argmin(1),
    )
    count = np.zeros(data.mass.shape)
    np.add.at(count, nearest, 1)
    np.testing.assert_allclose(data.mass, count / 5000, atol=1e-15)
    mean = data.mass.ravel() @ places
    spread = data.mass.ravel() @ (places - mean) ** 2 * 5000 / 4999
    assert data.std == pytest.approx(math.sqrt(spread.mean()) * 5000 ** (-1 / 6), rel=1e-9)
    np.testing.assert_allclose(spread, placed.var(0, ddof=1) + data.side**2 / 12, rtol=0.01)
    other = read(csv("x y\n" + text(rng.permutation(rows), " ")))
    assert isinstance(other, Grid)
    assert np.array_equal(other.mass, data.mass)
    assert other.std == data.std
    assert other.note == data.note


@pytest.mark.parametrize("rows", [np.linspace([-4, 0], [4, 0], 3001), np.linspace([0, -4], [0, 4], 3001)])
def test_points_on_a_line_need_one_row_of_cells(csv: Callable[[str | bytes], str], rows: np.ndarray) -> None:
    mass = mass_of(csv(text(rows)))
    assert sorted(mass.shape) == [1, 256]
    assert np.ptp(mass) < 1.5 / 3001  # 11 or 12 points a cell


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("", "is empty"),
        ("\n\n", "has no points"),
        ("x,y\n", "has no points"),
        ("# 1,2\n", "has no points"),
        ("1\n2\n", "line 1 has 1 column; a line is x and y"),
        ("x,y\n1,2\n\n#\n1,2,3\n", "line 5 has 3 columns"),
        ("1,2\n1,2,\n", "line 2 has 3 columns"),
        ("1,2\n1;2\n", "line 2 has 1 column"),
        ("1,2\n3,abc\n", "line 2: 'abc' is no number"),
        ("x,y\nx,y\n1,2\n", "line 2: 'x' is no number"),
        ("1,2\n,2\n", "line 2: '' is no number"),
        ("1,2\n1_0,2\n", "line 2: '1_0' is no number"),
        ("1,2\n0x10,2\n", "line 2: '0x10' is no number"),
        ("1,2\n\u0661,2\n", r"line 2: '\u0661' is no number"),
        ("x;y\n1,5;2,5\n", "line 2: '1,5' is no number; a line is x and y, with a decimal point"),
        ("1,2\nnan,2\n", "line 2: nan must be a finite number"),
        ("nan,2\n1,2\n", "line 1: nan must be a finite number"),
        ("1,2\n1,-inf\n", "line 2: -inf must be a finite number"),
        ("1,2\n1,1e400\n", "line 2: 1e400 must be a finite number of at most 1e+100"),
        ("1,2\n1,1e101\n", "line 2: 1e101 must be"),
        ("1,2\n" * 5000 + "1,2 3\n", "line 5001: '2 3' is no number"),
        ("0,0\n1e-310,0\n", "spans only 1e-310"),
        ("x,y\n" + "1" * 10**5, "line 2 is longer than 4096 bytes"),
        ("1,2\n" + "a" * 9000 + ",1\n", "line 2: 'aaa"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is no text in UTF-8"),
        ("1,2\n".encode("utf-16"), "is no text in UTF-8"),
        (b"1,2\n\xff\xfe,2\n", r"line 2: '\ufffd\ufffd' is no number"),
    ],
)
def test_rows_that_are_refused(
    csv: Callable[[str | bytes], str], monkeypatch: pytest.MonkeyPatch, written: str | bytes, message: str
) -> None:
    if "longer" in message:
        monkeypatch.setattr(point_files, "_BLOCK", 5000)
    assert message in refusal(csv(written))


def test_what_is_no_file_of_rows(tmp_path: Path, csv: Callable[[str | bytes], str]) -> None:
    assert "No such file" in refusal(str(tmp_path / "none.csv"))
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    assert "is a folder" in refusal(str(folder))
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)  # opening it would wait for ever
    assert "not a plain file" in refusal(str(pipe))
    huge = tmp_path / "huge.csv"
    huge.touch()
    os.truncate(huge, user_files.MOST_BYTES + 1)  # takes no room
    assert "has 1000 MB; 1 byte to 1000 MB" in refusal(str(huge))
    with pytest.raises(DataError, match=r"^'line\\nbreak\.csv': cannot be read"):
        read("line\nbreak.csv")
    with pytest.raises(DataError, match="cannot be read"):
        read("nul\0.csv")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_a_file_that_may_not_be_read(csv: Callable[[str | bytes], str]) -> None:
    path = csv("1,2\n3,4\n")
    os.chmod(path, 0)
    assert "Permission denied" in refusal(path)


def test_most_rows(csv: Callable[[str | bytes], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(point_files, "MOST_ROWS", 2500)
    assert isinstance(read(csv("x,y\n" + text(np.linspace([-4, 0], [4, 4], 2500)))), Grid)
    assert "more than 2500 rows" in refusal(csv(text(np.linspace([-4, 0], [4, 4], 2501))))


def test_a_file_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("1,2\n3,4\n")
    first = read(str(path))
    assert read(str(path)) is first
    path.write_text("1,2\n3,4\n-1,0\n")  # another size
    second = read(str(path))
    assert len(points_of(str(path))) == 3
    os.utime(path, ns=(0, 10**18))  # another time
    assert read(str(path)) is not second


# --- pictures ---------------------------------------------------------------------------------------------------------


def grey(columns: int, rows: int, *dark: tuple[int, int, int, int]) -> np.ndarray:
    """White, with black boxes (left, top, right, bottom) in pixels."""
    picture = np.full((rows, columns), 255, np.uint8)
    for left, top, right, bottom in dark:
        picture[top:bottom, left:right] = 0
    return picture


def test_two_black_squares_have_half_each_where_they_are(png: Callable[..., str]) -> None:
    """The left one is the upper one; a pixel is 4 × 4 cells."""
    path = png(grey(64, 32, (3, 2, 7, 6), (50, 24, 54, 28)))
    data = read(path)
    assert isinstance(data, Grid)
    assert data.mass.shape == (256, 128)
    x, y = places_of(data)[..., 0], places_of(data)[..., 1]
    pixel = 8 / 64
    for left, top in ((3, 2), (50, 24)):
        inside = (np.abs(x - (-4 + (left + 2) * pixel)) < 2 * pixel) & (np.abs(y - (2 - (top + 2) * pixel)) < 2 * pixel)
        assert inside.sum() == 16**2
        np.testing.assert_allclose(data.mass[inside], 0.5 / 16**2, rtol=1e-12)


@pytest.mark.parametrize("shape", [(2, 1), (1, 2), (3, 7), (100, 100), (255, 256), (257, 300), (1000, 613), (5, 2000)])
def test_mass_is_shared_by_area(png: Callable[..., str], shape: tuple[int, int]) -> None:
    """Against an exact reference: the mass left of and below any edge of cells, from the picture's own sums."""
    columns, rows = shape
    picture = np.random.default_rng(0).integers(0, 256, (rows, columns)).astype(np.uint8)
    data = read(png(picture))
    assert isinstance(data, Grid)
    longer = max(shape)
    assert max(data.mass.shape) == 256
    np.testing.assert_allclose(data.first + data.side * (np.array(data.mass.shape) - 1) / 2, 0, atol=1e-12)
    ink = 255.0 - picture.astype(float)
    for axis, length in ((0, columns), (1, rows)):
        line = ink.sum(axis) if axis == 0 else ink.sum(1)[::-1]  # by x; by y, upward
        sums = np.concatenate([[0], line.cumsum()]) / ink.sum()
        edges = data.first[axis] + data.side * (np.arange(data.mass.shape[axis]) + 0.5)
        pixels = edges * longer / 8 + length / 2
        np.testing.assert_allclose(
            data.mass.sum(1 - axis).cumsum(), np.interp(pixels, np.arange(length + 1), sums), atol=1e-12
        )


def test_bands_do_not_matter(png: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    path = png(np.random.default_rng(1).integers(0, 256, (301, 170)).astype(np.uint8))
    whole = mass_of(path)
    monkeypatch.setattr(picture_files, "_BLOCK", 170 * 7 + 3)
    user_files._read.cache_clear()
    np.testing.assert_allclose(mass_of(path), whole, rtol=1e-12, atol=1e-18)


def test_colour_alpha_palette_and_16_bits(png: Callable[..., str]) -> None:
    """Left and right half: of these pixels the ink is as stated, of 255, and mass is in proportion."""

    def share(picture: Image.Image, **how: Any) -> float:
        return float(mass_of(png(picture, **how))[:128].sum())

    def halves(mode: str, left: Any, right: Any) -> Image.Image:
        picture = Image.new(mode, (8, 4), right)
        picture.paste(left, (0, 0, 4, 4))
        return picture

    assert share(halves("L", 0, 128)) == pytest.approx(255 / (255 + 127))
    # 299 R + 587 G + 114 B, in thousandths: pure red is 76, pure green 150
    assert share(halves("RGB", (255, 0, 0), (0, 255, 0))) == pytest.approx(179 / (179 + 105))
    assert share(halves("RGBA", (0, 0, 0, 255), (0, 0, 0, 0))) == 1
    assert share(halves("RGBA", (0, 0, 0, 255), (0, 0, 0, 51))) == pytest.approx(5 / 6)
    assert share(halves("RGBA", (255, 255, 255, 128), (9, 9, 9, 255))) == 0
    assert share(halves("LA", (0, 255), (0, 51))) == pytest.approx(5 / 6)
    assert share(halves("1", 0, 1)) == 1
    assert share(halves("L", 0, 40), transparency=0) == 0  # black is clear
    palette = halves("P", 0, 1)
    palette.putpalette([255, 255, 255, 0, 0, 0])
    assert share(palette) == 0
    deep = np.full((4, 8), 65535, np.uint16)
    deep[:, :4], deep[:, 4:] = 0, 65535 - 257 * 51
    assert share(Image.fromarray(deep)) == pytest.approx(5 / 6)


def test_clear_colours_of_palettes_and_16_bits_are_paper(png: Callable[..., str]) -> None:
    palette = Image.new("P", (8, 4), 1)
    palette.putpalette([0, 0, 0, 60, 60, 60])
    palette.paste(0, (0, 0, 4, 4))
    assert mass_of(png(palette, transparency=b"\x00\xff"))[:128].sum() == 0
    deep = np.full((4, 8), 1000, np.uint16)
    deep[:, :4] = 20
    clear = struct.pack(">H", 20)
    buffer = io.BytesIO()
    Image.fromarray(deep).save(buffer, "png")
    head, tail = buffer.getvalue()[:33], buffer.getvalue()[33:]
    chunk = struct.pack(">I", 2) + b"tRNS" + clear + struct.pack(">I", zlib.crc32(b"tRNS" + clear))
    assert mass_of(png(head + chunk + tail))[:128].sum() == 0


def test_an_inverted_picture_is_the_negative_s(png: Callable[..., str]) -> None:
    """To the bit, in 8 and 16 bits and of one bit; and what is transparent has no mass either way."""
    ink = np.random.default_rng(0).integers(0, 256, (40, 60), dtype=np.uint8)
    for picture, negative in (
        (ink, 255 - ink),
        (257 * ink.astype(np.uint16), 65535 - 257 * ink.astype(np.uint16)),
        (ink > 100, ink <= 100),
    ):
        expected = mass_of(png(negative))
        grid = read(png(picture), invert=True)
        assert isinstance(grid, Grid)
        np.testing.assert_allclose(grid.mass, expected, rtol=0, atol=1e-18)
    clear = np.zeros((40, 60, 4), np.uint8)
    clear[10:20, 30:50] = 255  # a white box on nothing
    assert refusal(png(clear)).startswith("is all white or transparent; dark pixels are where the target has its mass")
    box = read(png(clear), invert=True)
    assert isinstance(box, Grid)
    np.testing.assert_array_equal(box.mass, mass_of(png(grey(60, 40, (30, 10, 50, 20)))))
    black = png(np.zeros((9, 9), np.uint8))
    with pytest.raises(DataError, match="is all black or transparent; light pixels are where the target has its mass"):
        read(black, invert=True)


@pytest.mark.parametrize(
    ("dark", "words"),
    [
        (0.0, "dark is dense: 0.08 % of the picture, on"),
        (0.2, "dark is dense: 20 % of the picture, on"),
        (0.8, "dark is dense: 80 % of the picture (--invert makes light dense), on"),
    ],
)
def test_the_share_that_is_dense_is_said(png: Callable[..., str], dark: float, words: str) -> None:
    """The mean darkness: of white strokes on black it is most, and that is asked about."""
    picture = np.full((30, 40), 255, np.uint8)
    picture.ravel()[: int(dark * picture.size)] = 0
    picture.ravel()[-1] = 0 if dark == 0 else 255
    assert words in read(png(picture)).note
    if dark:
        light = f"light is dense: {100 * (1 - dark):.0f} % of the picture, on"
        assert light in read(png(picture), invert=True).note


def test_invert_is_a_setting(png: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Alone it is 1; in a sweep both are told apart, by name, label and what is said of them; in run.json it stands."""
    path = png(grey(60, 40, (10, 10, 20, 30)))
    asked = []
    for arguments in (
        ["--invert"],
        ["--invert", "--seeds", "2"],
        ["--invert=1"],
        ["--invert", "1"],
        ["--invert", "0,1"],
    ):
        assert main(["--mode", path, "--dry-run", "--json", *arguments]) == 0
        plan = json.loads(capsys.readouterr().out)
        asked.append([s["invert"] for s in plan["settings"]])
    assert asked == [[1], [1], [1], [1], [0, 1]]
    assert [s["folder"] for s in plan["settings"]] == [
        "picture.PNG-std0.05-d2",
        "picture.PNG_inverted-std0.05-d2",
    ]
    assert {name: words["note"][16:] for name, words in plan["targets"].items()} == {
        "picture.PNG": "dark is dense: 8.33 % of the picture, on 256 × 171 cells of 0.03125",
        "picture.PNG inverted": "light is dense: 92 % of the picture, on 256 × 171 cells of 0.03125",
    }
    both = [Setting(mode=path, invert=invert) for invert in (0, 1)]
    dark, light = map(target_for, both)
    assert dark is make_target(path)
    x = torch.tensor([[-2.0, 0.0], [2.0, 0.0]], dtype=torch.float64)  # in the box, and out of it
    assert dark.log_prob(x)[0] > dark.log_prob(x)[1] + 5
    assert light.log_prob(x)[1] > light.log_prob(x)[0] + 5
    assert main(["--mode", "mixture_4", "--invert", "--dry-run"]) == 2
    assert "--invert 1, --mode mixture_4: only a picture, NAME.png, has light and dark" in capsys.readouterr().err
    with pytest.raises(ValueError, match="only a picture can be inverted"):
        make_target("mixture_4", invert=True)
    out = tmp_path / "run"
    quick = [
        "--steps",
        "20",
        "--hidden",
        "8",
        "--batch-size",
        "16",
        "--frames",
        "2",
        "--snapshots",
        "2",
        "--workers",
        "1",
    ]
    assert main([*quick, "--mode", path, "--invert", "0,1", "--out", str(out), "--quiet"]) == 0
    for name in ("picture.PNG-std0.05-d2", "picture.PNG_inverted-std0.05-d2"):
        assert (out / name / "density.gif").stat().st_size
    assert "picture.PNG inverted: 60 × 40 pixels, light is dense" in (out / "report.md").read_text()
    assert [s["invert"] for s in json.loads((out / "run.json").read_text())["settings"]] == [0, 1]
    results = load(RunFolder.open(out))
    assert [label for label, _ in results.labels] == ["picture.PNG · std 0.05", "picture.PNG inverted · std 0.05"]
    assert results.null[0]["spread"] != results.null[1]["spread"]
    # two targets, as two modes are: each has its setting, and they are not compared
    assert len(results.targets) == 2
    assert setting_pairs(results.study.settings) == []
    capsys.readouterr()
    assert main(["render", str(out), "--workers", "1", "--quiet"]) == 0


def header(columns: int, rows: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


def animation() -> bytes:
    buffer = io.BytesIO()
    frames = [Image.new("L", (9, 9), shade) for shade in (0, 99)]
    frames[0].save(buffer, "png", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def encoded(picture: Image.Image, format: str = "png") -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"1,2\n3,4\n", "is no PNG file"),
        (encoded(Image.new("L", (9, 9)), "gif"), "is no PNG file"),
        (header(0, 5), "has 0 × 5 pixels"),
        (encoded(Image.new("L", (1, 1))), "has 1 × 1 pixels; at least two"),
        (header(10**5, 10**5), "has 100000 × 100000 pixels; at most 40 million"),
        (header(40_000, 100), "and 32768 a side"),
        (header(5, 5), "is a broken PNG file"),
        (encoded(Image.effect_noise((99, 99), 50))[:-3000], "is a broken PNG file"),
        (encoded(Image.new("L", (9, 9), 255)), "is all white or transparent"),
        (encoded(Image.new("RGBA", (9, 9), (0, 0, 0, 0))), "is all white or transparent"),
        (animation(), "is an animation"),
    ],
)
def test_pictures_that_are_refused(png: Callable[..., str], content: bytes, message: str) -> None:
    assert message in refusal(png(content))


# --- memory -----------------------------------------------------------------------------------------------------------

PEAK = """
import resource, sys
sys.path.insert(0, {root!r})
import numpy, PIL.Image, PIL.PngImagePlugin
from dynamics.targets import user_files
user_files.read({small!r})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
user_files.read({large!r})
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def peak(small: str, large: str) -> float:
    """MiB by which reading a large file raises the memory of a process that has read a small one."""
    code = PEAK.format(root=str(ROOT), small=small, large=large)
    return float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


def test_memory_does_not_grow_with_rows(tmp_path: Path) -> None:
    """A million rows, 17 MB of text, 16 MB as numbers; ten million take 18 s and, measured once, as little more."""
    part = text(np.random.default_rng(0).normal(size=(50_000, 2)).round(5)).encode()
    for name, times in (("small.csv", 3), ("large.csv", 20)):
        (tmp_path / name).write_bytes(part * times)
    assert peak(str(tmp_path / "small.csv"), str(tmp_path / "large.csv")) < 4


def test_memory_of_a_picture_is_four_bytes_a_pixel(tmp_path: Path) -> None:
    """Ten million pixels with alpha: 38 MiB, where all as numbers would be 76 MiB for the luminance alone."""
    small, large = Image.new("RGBA", (99, 99), "black"), Image.new("RGBA", (5000, 2000), "black")
    for name, picture in (("small.png", small), ("large.png", large)):
        picture.save(tmp_path / name, compress_level=1)
    assert peak(str(tmp_path / "small.png"), str(tmp_path / "large.png")) < 70


# --- copies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "points.csv",
        "My Points (2), new.CSV",
        "a.b.c.png",
        "conduct.csv",
        "COM.png",
        "é ü ñ.csv",
        "点.png",
        "x y .csv",
        "_.csv",
    ],
)
def test_most_names_stay(name: str) -> None:
    assert safe_name(name) == safe_name(f"/some/where/{name}") == safe_name(f"../{name}") == name


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("=cmd().csv", "_cmd()-"),
        ("-x.csv", "_x-"),
        ("+1.csv", "_1-"),
        ("@a.csv", "_a-"),
        (".hidden.csv", "_hidden-"),
        (".csv", "_-"),
        (" a.csv", "_a-"),
        ("CON.csv", "_CON-"),
        ("nul.csv", "_nul-"),
        ("Lpt1.tar.csv", "_Lpt1.tar-"),
        ("com¹ .csv", "_com¹ -"),
        ("a:b.csv", "a_b-"),
        ('a<b>c"d|e?f*g.csv', "a_b_c_d_e_f_g-"),
        ("a\\..\\b.csv", "a_.._b-"),
        ("$x^2$.csv", "_x^2_-"),
        ("a\0b.csv", "a_b-"),
        ("two\nlines\x1b[31m.csv", "two_lines_[31m-"),
        ("\u202egnp.csv", "_gnp-"),  # shown from right to left
        ("\udcff.csv", "_-"),  # no text
        ("x" * 300 + ".csv", "x" * 80 + "-"),
        ("é" * 51 + ".csv", "é" * 40 + "-"),
        ("€" * 60 + ".csv", "€" * 26 + "-"),
    ],
)
def test_odd_names_are_changed_and_stay_apart(name: str, begins: str) -> None:
    safe = safe_name(name)
    assert safe.startswith(begins)
    assert len(safe) == len(begins) + 12
    assert safe == safe_name(name) == safe_name(safe)
    assert safe != safe_name(name[:-4] + "x" + name[-4:])


def test_spellings_of_one_name_are_one() -> None:
    assert safe_name("e\u0301.csv") == "\xe9.csv"


def test_a_copy_is_whole_and_made_once(tmp_path: Path, csv: Callable[[str | bytes], str]) -> None:
    path = csv("1,2\n3,4\n" * 300_000)  # more than a block
    copy = copy_into_run(path, str(tmp_path / "run"))
    assert copy == copy_path(path, str(tmp_path / "run")) == f"{tmp_path}/run/./targets/points.csv"
    assert mode_in_run(copy) == "targets/points.csv"
    assert mode_in_run(path) == path
    assert mode_in_run("mixture_4") == "mixture_4"
    assert Path(copy).read_bytes() == Path(path).read_bytes()
    assert [p.name for p in (tmp_path / "run" / "targets").iterdir()] == ["points.csv"]
    before = os.stat(copy)
    assert copy_into_run(path, str(tmp_path / "run")) == copy_into_run(copy, str(tmp_path / "run")) == copy
    assert os.stat(copy) == before
    assert np.array_equal(mass_of(copy), mass_of(path))
    csv("1,2\n3,5\n" * 300_000)
    with pytest.raises(FileExistsError, match="another file is there already"):
        copy_into_run(path, str(tmp_path / "run"))
    assert os.stat(copy) == before


def test_what_cannot_be_copied(
    tmp_path: Path, csv: Callable[[str | bytes], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = str(tmp_path / "run")
    with pytest.raises(DataError, match="No such file"):
        copy_into_run(str(tmp_path / "none.csv"), run)
    with pytest.raises(DataError, match="is empty"):
        copy_into_run(csv(""), run)
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    with pytest.raises(DataError, match="not a plain file"):
        copy_into_run(str(pipe), run)
    path = csv("1,2\n" * 9)
    real, sizes = user_files.stamp, iter([36, 40])
    monkeypatch.setattr(file_copies, "stamp", lambda path: (next(sizes), real(path)[1]))
    with pytest.raises(DataError, match="changes while it is read"):
        copy_into_run(path, run)
    monkeypatch.setattr(file_copies, "stamp", lambda path: (12, 0))  # it grows
    with pytest.raises(DataError, match="changes while it is read"):
        copy_into_run(path, run)
    assert not list((tmp_path / "run").rglob("*.*"))  # and nothing half done


# --- whatever comes ---------------------------------------------------------------------------------------------------

hypothesis = pytest.importorskip("hypothesis")
strategies = hypothesis.strategies
many = hypothesis.settings(
    max_examples=int(os.environ.get("FUZZ", "50")),
    deadline=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
)


def holds_or_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    user_files._read.cache_clear()
    data, message = None, ""
    try:
        data = read(str(path))
    except DataError as error:
        message = str(error)
    if data is None:
        assert message.startswith(f"{path}: ")
        assert message.isprintable()
        assert len(message) < 200 + len(str(path))
    elif isinstance(data, PointCloud):
        assert np.isfinite(data.centres).all()
        assert np.abs(data.centres).max() <= 4
        assert data.std is None or point_files.LEAST_STD <= data.std < 10
    else:
        assert data.mass.min() >= 0
        assert data.mass.sum() == pytest.approx(1)
        assert max(data.mass.shape) == cell_grid.CELLS


numbers = strategies.floats().map(repr) | strategies.integers().map(str) | strategies.text(max_size=6)
lines = strategies.lists(numbers, min_size=1, max_size=3).flatmap(
    lambda fields: strategies.sampled_from([",", ";", "\t", " ", ", "]).map(lambda by: by.join(fields))
)
tables = strategies.tuples(
    strategies.lists(lines | strategies.sampled_from(["", "#", "x,y", "1,2", "3,4"]), max_size=8),
    strategies.sampled_from(["\n", "\r\n", "\r"]),
    strategies.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
).map(lambda t: t[1].join(t[0]).encode(t[2], errors="replace"))


@many
@hypothesis.given(content=strategies.binary(max_size=200) | tables)
def test_any_rows_hold_or_are_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    holds_or_is_refused(tmp_path / "any.csv", content)


@many
@hypothesis.given(
    pairs=strategies.lists(
        strategies.tuples(*[strategies.floats(-1e100, 1e100, allow_subnormal=True)] * 2), min_size=1, max_size=9
    ),
    separator=strategies.sampled_from([",", ";", "\t", " "]),
)
def test_any_finite_points_are_read_as_they_were_written(
    tmp_path: Path, pairs: list[tuple[float, float]], separator: str
) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(text(np.array(pairs), separator))
    (block,) = point_files._blocks(str(path))
    np.testing.assert_array_equal(block, np.array(pairs))
    holds_or_is_refused(path, path.read_bytes())


@many
@hypothesis.given(line=lines)
def test_the_fast_way_takes_no_more_than_the_slow_one(line: str) -> None:
    """A line that numpy's reader takes is one that is told, field by field, to be two numbers, the same ones."""
    separator = next((s for s in ";\t," if s in line), None)
    try:
        block = point_files._parsed("a.csv", 1, [line], separator)
    except DataError:
        return
    if len(block):
        assert tuple(block[0]) == point_files._pair("a.csv", 1, line, separator)


WHOLE = [
    encoded(Image.effect_noise((20, 13), 60)),
    encoded(Image.new("RGBA", (6, 9), (9, 99, 200, 100))),
    encoded(Image.new("1", (70, 3))),
    animation(),
]


@strategies.composite
def broken_pictures(draw: Any) -> bytes:
    """A PNG with bytes changed, cut out or put in; half of them with their chunks' checksums put right again."""
    content = bytearray(draw(strategies.sampled_from(WHOLE)))
    for _ in range(draw(strategies.integers(1, 4))):
        at = draw(strategies.integers(0, len(content) - 1))
        kind = draw(strategies.sampled_from(["change", "cut", "insert"]))
        piece = draw(strategies.binary(min_size=1, max_size=4))
        content[at : at + (0 if kind == "insert" else len(piece))] = b"" if kind == "cut" else piece
        content = content or bytearray(b"\x89")
    if draw(strategies.booleans()):
        at = 8
        while at + 12 <= len(content):
            end = at + 8 + int.from_bytes(content[at : at + 4], "big")
            if end + 4 > len(content):
                break
            content[end : end + 4] = struct.pack(">I", zlib.crc32(content[at + 4 : end]))
            at = end + 4
    return bytes(content)


@many
@hypothesis.given(content=strategies.binary(max_size=60) | broken_pictures())
def test_any_picture_holds_or_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    holds_or_is_refused(tmp_path / "any.png", content)


@many
@hypothesis.given(stem=strategies.text(max_size=120), suffix=strategies.sampled_from([".csv", ".PNG", ".toml"]))
def test_any_name_becomes_one_that_every_system_takes(stem: str, suffix: str) -> None:
    safe = safe_name(stem + suffix)
    assert safe.isprintable()
    assert not set(safe) & set('<>:"/\\|?*$')
    assert safe[0] not in "-=+@.~ "
    assert safe.endswith(suffix)
    assert len(safe.encode()) <= 100
    assert safe_name(safe) == safe
    assert unicodedata.normalize("NFC", safe) == safe
    assert safe != safe_name(stem + "_" + suffix)


@many
@hypothesis.given(stem=strategies.text(max_size=12).filter(lambda stem: not set(stem) & {"/", "\0"}))
def test_any_file_that_there_can_be_is_kept(tmp_path: Path, stem: str) -> None:
    path = tmp_path / f"{stem}.csv"
    try:
        path.write_text("1,2\n3,4\n")
    except (OSError, UnicodeEncodeError):
        return
    try:
        copy = copy_into_run(str(path), str(tmp_path / "run"))
        assert np.array_equal(points_of(copy), points_of(str(path)))
        assert mode_in_run(copy) == f"targets/{safe_name(stem + '.csv')}"
    finally:
        path.unlink()
