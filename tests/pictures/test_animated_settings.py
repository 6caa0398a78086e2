"""Animations decoded frame by frame, against the arrays they came from."""

import dataclasses

import numpy as np
import pytest
from frames import frames_of
from matplotlib.colors import to_rgb
from scipy.stats import multivariate_normal

from dynamics.pictures import colours, density_maps
from dynamics.pictures.animation import (
    animated_settings,
    curve_strips,
    file_formats,
    palette_indices,
    pixel_text,
    scene_panel,
)
from dynamics.pictures.animation.animated_settings import animate, small_multiples
from dynamics.pictures.animation.frame_sheet import Sheet
from dynamics.pictures.animation.scene_layers import Scene
from dynamics.pictures.density_maps import Plane, grid_points
from dynamics.settings.catalogue.layers import VIEWS

HALF = 4.0
CENTRES = np.array([(2.0, 2.0), (-2.0, 2.0), (2.0, -2.0), (-2.0, -2.0)])
WHITE = np.array([255, 255, 255])
FULL_COLOUR = np.round(255 * np.array(to_rgb(colours.GENERATED)))
SINGLE = ([""], [""], HALF)


def scenes_of(planes):
    return {cell: Scene(plane) for cell, plane in planes.items()}


def mixture(std, resolution=128):
    points = grid_points(HALF, resolution)
    return np.mean([multivariate_normal(c, std**2).pdf(points) for c in CENTRES], axis=0)


def still(samples, density=None, bandwidth=0.1, note="", title="made up"):
    samples = np.asarray(samples, float)
    density = mixture(0.3) if density is None else density
    return Plane(title, density, samples, [note] * len(samples), bandwidth)


def at(sheet, cell, point, view=0):
    """Row and column of the pixel under a point of a panel."""
    x, y = sheet.at[cell][view]
    column, up = ((np.asarray(point) + HALF) / (2 * HALF) * sheet.side).astype(int)
    return y + sheet.side - 1 - up, x + column


def holds(picture, word):
    """Whether a patch of indices stands somewhere in a picture of indices, exactly."""
    windows = np.lib.stride_tricks.sliding_window_view(picture, word.shape)
    rows, columns = np.nonzero(word != word[0, 0])
    fits = windows[:, :, rows[0], columns[0]] == word[rows[0], columns[0]]
    return any((windows[place] == word).all() for place in zip(*np.nonzero(fits), strict=True))


def test_every_panel_of_every_frame_shows_its_own_samples_at_that_moment(tmp_path):
    # The lit place, one of a 4 × 3 lattice, says which panel and which moment it belongs to.
    down, across, moments = 2, 3, 4
    places = np.array([(x, y) for y in (-2.0, 0.0, 2.0) for x in (-3.0, -1.0, 1.0, 3.0)])

    def place(r, c, t):
        return (5 * r + 3 * c + t) % len(places)

    cells = [(r, c) for r in range(down) for c in range(across) if (r, c) != (1, 1)]
    nowhere = np.zeros((32, 32))
    nowhere[0, 0] = 1e-3  # a peak low enough for one place to be full colour, in a corner
    planes = {
        (r, c): still([np.tile(places[place(r, c, t)], (50, 1)) for t in range(moments)], nowhere, 0.15)
        for r, c in cells
    }
    rows, columns, steps = ["a", "b"], ["x", "y", "z"], [0, 10, 500, 1000]
    animate(tmp_path / "c.gif", scenes_of(planes), rows, columns, HALF, steps)
    frames, _ = frames_of(tmp_path / "c.gif")
    sheet = Sheet({cell: Scene(plane) for cell, plane in planes.items()}, rows, columns, HALF, steps)
    assert len(frames) == moments
    for t in range(moments):
        for r, c in cells:
            for k, point in enumerate(places):
                expected = FULL_COLOUR if k == place(r, c, t) else WHITE
                np.testing.assert_array_equal(frames[t][at(sheet, (r, c), point)], expected)
        # The missing cell is blank, below the tick labels that move up over it; the bar grows with the step.
        x, y = sheet.at[0, 1][0][0], sheet.at[1, 0][0][1]
        assert (frames[t][y + 20 : y + sheet.side + 4, x - 4 : x + sheet.side + 4] == 255).all()
        left, top, length, _ = sheet.bar
        bar = (frames[t][top + 2, left : left + length] == sheet.palette[palette_indices.BAR]).all(axis=1)
        assert bar.sum() == max(1, round(steps[t] / 1000 * length))


@pytest.mark.parametrize("clock", ["step", "samples"])
def test_each_frame_says_its_step(tmp_path, clock):
    scenes = {(0, 0): Scene(still(np.zeros((3, 10, 2))))}
    animate(tmp_path / "a.gif", scenes, *SINGLE, [7, 80, 900], clock=clock)
    frames, _ = frames_of(tmp_path / "a.gif")
    sheet = Sheet(scenes, *SINGLE, [7, 80, 900], clock=clock)
    for frame, step in zip(frames, (7, 80, 900), strict=True):
        word = sheet.palette[pixel_text.text_pixels(f"{clock} {step}", sheet.font, bold=True)]
        left, top = sheet.left, sheet.step_top
        np.testing.assert_array_equal(frame[top : top + word.shape[0], left : left + word.shape[1]], word)


@pytest.mark.parametrize("size", [150, 241, 640])
def test_a_member_with_two_of_four_modes_shows_two(tmp_path, size):
    rng = np.random.default_rng(0)
    samples = CENTRES[np.arange(4000) % 2] + 0.3 * rng.normal(size=(2, 4000, 2))
    samples[:, : scene_panel.POINTS] = 100.0  # the points that would be drawn as points lie elsewhere
    scenes = {(0, 0): Scene(still(samples, note="2 of 4 modes"))}
    animate(tmp_path / "a.gif", scenes, *SINGLE, [0, 1], size=size)
    sheet = Sheet(scenes, *SINGLE, [0, 1], size=size)
    for frame in frames_of(tmp_path / "a.gif")[0]:
        for centre in CENTRES[:2]:
            np.testing.assert_array_equal(frame[at(sheet, (0, 0), centre)], FULL_COLOUR)
        for empty in (*CENTRES[2:], (3.7, -3.7), (0.0, 0.0)):
            np.testing.assert_array_equal(frame[at(sheet, (0, 0), empty)], WHITE)
        # Contours: three circles around each mode, at 0.3, 0.6 and 0.9, and nothing within the first.
        row, column = at(sheet, (0, 0), CENTRES[3])
        cell = sheet.side / (2 * HALF)
        for radius in (0.3, 0.6, 0.9):
            assert frame[row, column + int(radius * cell) - 1 : column + int(radius * cell) + 3].min() < 150
        inside = frame[row, column : column + int(0.2 * cell)]
        assert (inside == 255).all()


@pytest.mark.parametrize(("size", "scale", "bandwidth"), [(150, 1, 0.3), (302, 1, 0.3), (302, 0.1, 0.06)])
def test_a_linear_generator_shows_its_normal_density(size, scale, bandwidth):
    latent = np.random.default_rng(0).normal(size=(1, 400_000, 2))
    peak = 0.9 / (2 * np.pi * (scale**2 + bandwidth**2))
    plane = still(scale * latent, density=np.full((16, 16), peak), bandwidth=bandwidth)
    (shown,) = scene_panel.ScenePanel(Scene(plane), ["density"], HALF, size).draw(0)
    exact = multivariate_normal((0, 0), scale**2 + bandwidth**2).pdf(grid_points(HALF, size))
    level = density_maps.heat(exact, peak)[::-1] * (palette_indices.HEATS - 1)
    if size > scene_panel.LARGE:  # its heat has blocks of two pixels
        level = level.reshape(size // 2, 2, size // 2, 2).mean((1, 3)).repeat(2, 0).repeat(2, 1)
    assert np.abs(shown - level).max() < 0.6  # half a level for rounding, the rest for sampling error


def test_samples_are_drawn_where_they_are():
    points = np.array([[(1.5, -2.5), (-3.0, 0.5), (9.0, 9.0), (np.nan, 0.0)]])
    scene = Scene(still(points, np.ones((8, 8))))
    for layers in (["density", "samples"], ["samples"]):
        (shown,) = scene_panel.ScenePanel(scene, layers, HALF, 400).draw(0)
        rows, columns = np.nonzero(shown == palette_indices.POINT)
        x, y = (columns + 0.5) / 50 - HALF, HALF - (rows + 0.5) / 50
        places = {(round(float(a), 1), round(float(b), 1)) for a, b in zip(x, y, strict=True)}
        assert places == {(1.5, -2.5), (-3.0, 0.5)}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38, HALF, -HALF])
@pytest.mark.parametrize("size", [120, 640])
def test_diverged_members_do_not_stop_an_animation(tmp_path, value, size):
    samples, pull = np.zeros((3, 40, 2), np.float32), np.ones((3, 9, 2), np.float32)
    d, vertices = np.full((3, 8, 8), 0.5, np.float32), np.zeros((3, 5, 5, 2), np.float32)
    samples[1:] = pull[1:] = vertices[1:, 2:] = value
    d[2:] = np.nan
    plane = Plane("lost", mixture(0.3, 64), samples, ["", "a note too long for so small a panel", "diverged"], 0.1)
    strip = curve_strips.Strip("loss", np.arange(3), [("D", np.array([1.0, value, np.nan]), colours.D)])
    scene = Scene(plane, "diverged", d, d, pull, (vertices, np.full((4, 4), 1 / 16)), [strip])
    for layers in (None, *([view, "samples", "arrows", "strip"] for view in VIEWS)):
        animate(tmp_path / "a.gif", {(0, 0): scene}, *SINGLE, [0, 1, 2], layers=layers, size=size)
        assert len(frames_of(tmp_path / "a.gif")[0]) == 3


@pytest.mark.parametrize(("down", "across"), [(1, 1), (2, 4), (4, 2), (7, 5), (1, 5)])
def test_pictures_fit_a_page_and_their_bytes_are_reproducible(tmp_path, down, across):
    rng = np.random.default_rng(0)
    density = mixture(1.2, 48)
    scenes = {
        (r, c): Scene(still(rng.normal(size=(2, 100, 2)), density, 0.3, f"{r} of {c} modes"), "still learning")
        for r in range(down)
        for c in range(across)
    }
    rows, columns = [f"mixture_4 · std {r}" for r in range(down)], [f"{c} D steps" for c in range(across)]
    for name in ("a.gif", "b.gif"):
        animate(tmp_path / name, scenes, rows, columns, HALF, [0, 1], title="A question?")
    frames, durations = frames_of(tmp_path / "a.gif")
    height, width = frames.shape[1:3]
    assert width == 640 if down == across == 1 else width <= 960
    assert height <= 1100
    assert height % 2 == width % 2 == 0
    assert durations == [80, 2000]
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.gif", "b.gif"]


@pytest.mark.parametrize("size", [480, 641, 1280])
def test_a_picture_is_as_wide_as_asked(size):
    scene = Scene(still(np.zeros((1, 5, 2)), mixture(1.2, 48)))
    for down, across in ((1, 1), (2, 3)):
        cells = {(r, c): scene for r in range(down) for c in range(across)}
        sheet = Sheet(cells, ["a"] * down, ["x"] * across, HALF, [0], size=size)
        assert sheet.canvas.shape[1] == size + size % 2
        assert all(x + sheet.side < size for places in sheet.at.values() for x, _ in places)
    with pytest.raises(ValueError, match="100 pixels are too narrow for 3 planes"):
        Sheet(cells, ["a"] * 2, ["x"] * 3, HALF, [0], size=100)


def test_verdicts_titles_and_notes_stand_in_every_frame():
    plane = Plane("seed 0", mixture(1.2, 48), np.zeros((2, 5, 2)), ["1 of 4 modes", "3 of 4 modes"], 0.3)
    scenes = {
        (0, k): Scene(dataclasses.replace(plane, title=f"seed {k}"), verdict)
        for k, verdict in enumerate(("collapsed", "still learning"))
    }
    sheet = Sheet(scenes, [""], [""] * 2, HALF, [0, 1], title="all seeds")
    for moment, note in enumerate(plane.notes):
        frame = sheet.frame(moment)
        for (r, c), scene in scenes.items():
            x, y = sheet.at[r, c][0]
            over = frame[y - sheet.head : y, x : x + sheet.side]
            for text, bold in ((f"seed {c}", True), (note, False), (f"ends: {scene.verdict}", False)):
                assert holds(over, pixel_text.text_pixels(text, sheet.over_font, bold)), text
        assert holds(frame[: sheet.top], pixel_text.text_pixels("all seeds", sheet.font, True))


def test_small_multiples_waste_little():
    for count in range(1, 65):
        rows, columns = small_multiples(count)
        assert rows * columns >= count
        assert rows * columns - count < columns  # no empty row
        assert rows * columns - count <= 3
        assert rows <= columns <= 2 * rows + 1
    assert [small_multiples(n) for n in (1, 4, 8, 12, 13, 64)] == [(1, 1), (2, 2), (2, 4), (3, 4), (3, 5), (8, 8)]
    with pytest.raises(ValueError, match="at least one"):
        small_multiples(0)


def test_what_does_not_fit_is_refused_before_anything_is_written(tmp_path):
    plane = still(np.zeros((2, 5, 2)))
    for planes, steps, word in (
        ({}, [0, 1], "at least one plane"),
        ({(0, 0): plane}, [0, 1, 2], "2 moments for 3 steps"),
        ({(1, 0): plane}, [0, 1], "outside"),
    ):
        with pytest.raises(ValueError, match=word):
            animate(tmp_path / "a.gif", scenes_of(planes), ["a"], ["x"], HALF, steps)
    assert not list(tmp_path.iterdir())


def test_an_interrupted_animation_leaves_no_file(tmp_path, monkeypatch):
    calls = iter([None, KeyboardInterrupt])
    draw = scene_panel.ScenePanel.draw

    def interrupted(self, moment):
        if error := next(calls):
            raise error
        return draw(self, moment)

    monkeypatch.setattr(scene_panel.ScenePanel, "draw", interrupted)
    with pytest.raises(KeyboardInterrupt):
        animate(tmp_path / "a.gif", scenes_of({(0, 0): still(np.zeros((3, 5, 2)))}), *SINGLE, [0, 1, 2])
    assert not list(tmp_path.iterdir())


def test_frames_are_drawn_one_at_a_time(tmp_path, monkeypatch):
    order = []
    frame, open_writer = Sheet.frame, file_formats.open_writer

    def drawn(self, moment):
        order.append("drawn")
        return frame(self, moment)

    def opened(*arguments):
        film = open_writer(*arguments)
        append = film.append
        film.append = lambda indices: (order.append("written"), append(indices))
        return film

    monkeypatch.setattr(Sheet, "frame", drawn)
    monkeypatch.setattr(animated_settings, "open_writer", opened)
    animate(tmp_path / "a.gif", scenes_of({(0, 0): still(np.zeros((5, 5, 2)))}), *SINGLE, range(5))
    assert order == ["drawn", "written"] * 5
