"""GIFs decoded frame by frame, by two readers, against the arrays they came from."""

import numpy as np
import pytest
from frames import frames_of
from matplotlib.colors import to_rgb
from scipy.stats import multivariate_normal

import animation
import colours
import plotting
from animation import density_gif
from plotting import Plane, grid_points

HALF = 4.0
CENTRES = np.array([(2.0, 2.0), (-2.0, 2.0), (2.0, -2.0), (-2.0, -2.0)])
WHITE = np.array([255, 255, 255])
FULL_COLOUR = np.round(255 * np.array(to_rgb(colours.GENERATED)))


def mixture(std, resolution=128):
    points = grid_points(HALF, resolution)
    return np.mean([multivariate_normal(c, std**2).pdf(points) for c in CENTRES], axis=0)


def still(samples, density=None, bandwidth=0.1, note=""):
    samples = np.asarray(samples, float)
    density = mixture(0.3) if density is None else density
    return Plane("made up", density, samples, [note] * len(samples), bandwidth)


def at(sheet, cell, point):
    """Row and column of the pixel under a point of a panel."""
    x, y = sheet.at[cell]
    size = sheet.panels[cell].size
    column, up = ((np.asarray(point) + HALF) / (2 * HALF) * size).astype(int)
    return y + size - 1 - up, x + column


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
    density_gif(tmp_path / "c.gif", planes, rows, columns, HALF, steps, panel_px=100)
    frames, _ = frames_of(tmp_path / "c.gif")
    sheet = animation.Sheet(planes, rows, columns, HALF, 100, "")
    assert len(frames) == moments
    for t in range(moments):
        for r, c in cells:
            for k, point in enumerate(places):
                expected = FULL_COLOUR if k == place(r, c, t) else WHITE
                np.testing.assert_array_equal(frames[t][at(sheet, (r, c), point)], expected)
        # The missing cell is blank, below the tick labels that move up over it; the bar grows with the step.
        x, y = sheet.at[0, 1][0], sheet.at[1, 0][1]
        assert (frames[t][y + 20 : y + 104, x - 4 : x + 104] == 255).all()
        left, top, length = sheet.bar
        bar = (frames[t][top + 2, left : left + length] == animation.palette()[animation.BAR]).all(axis=1)
        assert bar.sum() == max(1, round(steps[t] / 1000 * length))


def test_each_frame_says_its_step(tmp_path):
    plane = still(np.zeros((3, 10, 2)))
    density_gif(tmp_path / "a.gif", {(0, 0): plane}, [""], [""], HALF, [7, 80, 900], panel_px=200)
    frames, _ = frames_of(tmp_path / "a.gif")
    sheet = animation.Sheet({(0, 0): plane}, [""], [""], HALF, 200, "")
    for frame, step in zip(frames, (7, 80, 900), strict=True):
        word = animation.palette()[animation._word(f"step {step}", sheet.font, bold=True)]
        left, top = sheet.bar[0], sheet.bar[1] + 10
        shown = frame[top : top + word.shape[0], left : left + word.shape[1]]
        np.testing.assert_array_equal(shown, word[: shown.shape[0]])


@pytest.mark.parametrize("panel_px", [99, 200, 400])
def test_a_member_with_two_of_four_modes_shows_two(tmp_path, panel_px):
    rng = np.random.default_rng(0)
    samples = CENTRES[np.arange(4000) % 2] + 0.3 * rng.normal(size=(2, 4000, 2))
    samples[:, :300] = 100.0  # the points that would be drawn as points lie elsewhere
    plane = still(samples, note="2 of 4 modes")
    density_gif(tmp_path / "a.gif", {(0, 0): plane}, [""], [""], HALF, [0, 1], panel_px=panel_px)
    sheet = animation.Sheet({(0, 0): plane}, [""], [""], HALF, panel_px, "")
    for frame in frames_of(tmp_path / "a.gif")[0]:
        for centre in CENTRES[:2]:
            np.testing.assert_array_equal(frame[at(sheet, (0, 0), centre)], FULL_COLOUR)
        for empty in (*CENTRES[2:], (3.7, -3.7), (0.0, 0.0)):
            np.testing.assert_array_equal(frame[at(sheet, (0, 0), empty)], WHITE)
        # Contours: three circles around each mode, at 0.3, 0.6 and 0.9, and nothing within the first.
        row, column = at(sheet, (0, 0), CENTRES[3])
        cell = panel_px / (2 * HALF)
        for radius in (0.3, 0.6, 0.9):
            assert frame[row, column + int(radius * cell) - 1 : column + int(radius * cell) + 3].min() < 150
        inside = frame[row, column : column + int(0.25 * cell)]
        assert (inside == 255).all()


@pytest.mark.parametrize("panel_px", [150, 302])
def test_an_identity_generator_shows_the_latent_density(panel_px):
    latent = np.random.default_rng(0).normal(size=(1, 400_000, 2))
    latent[:, :200] = 50.0  # none of those that are drawn as points
    plane = still(latent, density=np.full((16, 16), 0.2), bandwidth=0.3)  # uniform: no contour lines
    panel = animation.Panel(plane, HALF, panel_px, 200)
    exact = multivariate_normal((0, 0), 1 + 0.3**2).pdf(grid_points(HALF, panel_px))
    level = plotting.heat(exact, 0.2)[::-1] * (animation.LEVELS - 1)
    # Half a level for rounding; the rest for sampling error, and for the root's slope where mass is faint.
    assert np.abs(panel.draw(0) - level)[level > 1].max() < 0.8
    assert np.abs(panel.draw(0) - level).max() < 1.3


def test_samples_are_drawn_where_they_are():
    points = np.array([[(1.5, -2.5), (-3.0, 0.5), (9.0, 9.0), (np.nan, 0.0)]])
    panel = animation.Panel(still(points, np.ones((8, 8))), HALF, 400, 4)
    rows, columns = np.nonzero(panel.draw(0) == animation.POINT)
    x, y = (columns + 0.5) / 50 - HALF, HALF - (rows + 0.5) / 50
    found = {(round(float(a), 1), round(float(b), 1)) for a, b in zip(x, y, strict=True)}
    assert found == {(1.5, -2.5), (-3.0, 0.5)}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38, HALF, -HALF])
@pytest.mark.parametrize("panel_px", [80, 320])
def test_diverged_samples_do_not_stop_an_animation(tmp_path, value, panel_px):
    samples = np.zeros((3, 40, 2), np.float32)
    samples[1:] = value
    plane = Plane("lost", mixture(0.3, 64), samples, ["", "a note too long for so small a panel", "diverged"], 0.1)
    density_gif(tmp_path / "a.gif", {(0, 0): plane}, [""], [""], HALF, [0, 1, 2], panel_px=panel_px)
    assert len(frames_of(tmp_path / "a.gif")[0]) == 3


@pytest.mark.parametrize(("down", "across"), [(1, 1), (2, 4), (4, 2), (7, 5), (1, 5)])
def test_pictures_fit_a_page_and_their_bytes_are_reproducible(tmp_path, down, across):
    rng = np.random.default_rng(0)
    density = mixture(1.2, 48)
    planes = {
        (r, c): still(rng.normal(size=(2, 100, 2)), density, 0.3, f"{r} of {c} modes")
        for r in range(down)
        for c in range(across)
    }
    rows, columns = [f"mixture_4 · std {r}" for r in range(down)], [f"{c} D steps" for c in range(across)]
    for name in ("a.gif", "b.gif"):
        density_gif(tmp_path / name, planes, rows, columns, HALF, [0, 1], title="A question?")
    frames, durations = frames_of(tmp_path / "a.gif")
    height, width = frames.shape[1:3]
    assert width == 640 if down == across == 1 else width <= 960
    assert height <= 1100
    assert height % 2 == width % 2 == 0
    assert durations == [80, 2000]
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.gif", "b.gif"]


def test_what_does_not_fit_is_refused_before_anything_is_written(tmp_path):
    plane = still(np.zeros((2, 5, 2)))
    for planes, steps, word in (
        ({}, [0, 1], "at least one plane"),
        ({(0, 0): plane}, [0, 1, 2], "2 moments for 3 steps"),
        ({(1, 0): plane}, [0, 1], "outside"),
    ):
        with pytest.raises(ValueError, match=word):
            density_gif(tmp_path / "a.gif", planes, ["a"], ["x"], HALF, steps)
    assert not list(tmp_path.iterdir())


def test_an_interrupted_animation_leaves_no_file(tmp_path, monkeypatch):
    calls = iter([None, KeyboardInterrupt])
    draw = animation.Panel.draw

    def interrupted(self, moment):
        if error := next(calls):
            raise error
        return draw(self, moment)

    monkeypatch.setattr(animation.Panel, "draw", interrupted)
    with pytest.raises(KeyboardInterrupt):
        density_gif(tmp_path / "a.gif", {(0, 0): still(np.zeros((3, 5, 2)))}, [""], [""], HALF, [0, 1, 2])
    assert not list(tmp_path.iterdir())
