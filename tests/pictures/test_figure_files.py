"""Figures as files: equal ones are equal bytes, whole, in every format."""

import os
import pickle
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from figure_checks import HALF, clocks, names, plane, tracks

from dynamics.pictures import figure_files, moments_figure, settings_over_training

ROOT = Path(__file__).parents[2]


def calls():
    """Functions that draw and their arguments: a figure with a heat map, and one with many words."""
    curves = ("mixture_4 · std 0.2", names(3), clocks(3, 1), tracks(3, 1))
    return [(moments_figure.frames_figure, (plane(n=500), HALF, [0])), (settings_over_training.curves_figure, curves)]


def drawings():
    return [figure(*arguments) for figure, arguments in calls()]


SAVE = """
import pathlib, pickle, sys
from dynamics.pictures.figure_files import save
for i, (figure, arguments) in enumerate(pickle.load(sys.stdin.buffer)):
    for suffix in ("png", "pdf", "svg"):
        save(figure(*arguments), pathlib.Path(sys.argv[1]) / f"{i}.{suffix}", dpi=80)
"""


def test_equal_figures_are_equal_files_in_every_format_and_process(tmp_path):
    for folder, seed in (("a", "1"), ("b", "2")):
        (tmp_path / folder).mkdir()
        environment = os.environ | {
            "PYTHONHASHSEED": seed,  # sets in other orders
            "SOURCE_DATE_EPOCH": f"{seed}000000000",  # another date, if one were written
            "PYTHONPATH": str(ROOT),
        }
        command = [sys.executable, "-c", SAVE, str(tmp_path / folder)]
        subprocess.run(command, env=environment, input=pickle.dumps(calls()), check=True)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == ["0.pdf", "0.png", "0.svg", "1.pdf", "1.png", "1.svg"]
    heads = {"png": b"\x89PNG\r\n\x1a\n", "pdf": b"%PDF-1.", "svg": b"<?xml"}
    for name in files:
        one, other = ((tmp_path / folder / name).read_bytes() for folder in "ab")
        assert one == other
        assert one.startswith(heads[name[-3:]])
        for entry in (b"Software", b"CreationDate", b"ModDate", b"Creator", b"Producer", b"dc:date", b"atplotlib v"):
            assert entry not in one


def test_pdf_ends_whole_and_holds_its_fonts(tmp_path):
    figure_files.save(drawings()[1], tmp_path / "a.pdf")
    data = (tmp_path / "a.pdf").read_bytes()
    assert data.rstrip().endswith(b"%%EOF")
    start = int(data.rsplit(b"startxref", 1)[1].split()[0])
    assert data[start:].startswith(b"xref")
    assert b"/FontFile2" in data  # TrueType, within the file
    assert b"/Type3" not in data


def test_svg_is_xml_that_needs_neither_fonts_nor_files(tmp_path):
    svg, link = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
    for figure, images in zip(drawings(), (1, 0), strict=True):
        size = 72 * figure.get_size_inches()
        with matplotlib.rc_context({"svg.fonttype": "none", "svg.image_inline": False}):  # a user's style
            figure_files.save(figure, tmp_path / "a.svg")
        assert [p.name for p in tmp_path.iterdir()] == ["a.svg"]  # no picture beside it
        root = ET.parse(tmp_path / "a.svg").getroot()
        assert root.tag == f"{svg}svg"
        np.testing.assert_allclose([float(v) for v in root.get("viewBox").split()[2:]], size, rtol=1e-6)
        pictures = list(root.iter(f"{svg}image"))
        assert bool(pictures) == bool(images)
        assert all(picture.get(link).startswith("data:image/png;base64,") for picture in pictures)
        assert all(e.get(link, "#").startswith("#") for e in root.iter() if e.tag != f"{svg}image")
        assert not list(root.iter(f"{svg}text"))  # words are outlines
        assert not list(root.iter("{http://purl.org/dc/elements/1.1/}date"))


@pytest.mark.parametrize("name", ["a.jpg", "a", "a.png.gz"])
def test_other_suffixes_are_refused_before_anything_is_written(name, tmp_path):
    figure = moments_figure.frames_figure(plane(n=50), HALF, [0])
    with pytest.raises(ValueError, match=r"\.png, \.pdf, \.svg"):
        figure_files.save(figure, tmp_path / name)
    assert not list(tmp_path.iterdir())
    figure_files.save(figure, tmp_path / "a.PNG")  # the figure is still whole
    assert (tmp_path / "a.PNG").read_bytes().startswith(b"\x89PNG")


def test_saving_twice_gives_equal_bytes_and_leaves_nothing_else(tmp_path):
    for name in ("a.png", "b.png"):
        figure_files.save(moments_figure.frames_figure(plane(n=500), HALF, [0]), tmp_path / name, dpi=80)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert b"Software" not in (tmp_path / "a.png").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_a_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(b"old")
    figure = moments_figure.frames_figure(plane(n=50), HALF, [0])

    def fail(path, **_):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(KeyboardInterrupt):
        figure_files.save(figure, tmp_path / "a.png")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"a.png": b"old"}


def test_a_users_style_changes_nothing_and_is_left_alone(tmp_path):
    figure_files.save(moments_figure.frames_figure(plane(n=50), HALF, [0]), tmp_path / "a.png", dpi=60)
    with matplotlib.rc_context({"font.size": 20, "savefig.bbox": "tight", "axes.facecolor": "black"}):
        figure_files.save(moments_figure.frames_figure(plane(n=50), HALF, [0]), tmp_path / "b.png", dpi=60)
        assert matplotlib.rcParams["font.size"] == 20
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_drawing_needs_neither_pyplot_nor_torch_nor_scipy():
    code = (
        "import importlib, pkgutil, sys, dynamics.pictures as pictures\n"
        "for module in pkgutil.walk_packages(pictures.__path__, 'dynamics.pictures.'):\n"
        "    importlib.import_module(module.name)\n"
        "print({'torch', 'matplotlib.pyplot', 'scipy'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
