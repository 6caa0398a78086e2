"""Densities against closed forms, colours against eyes, and figures against what they were given."""

import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb
from scipy.stats import multivariate_normal

import colours
import plotting
from plotting import Plane, Score, generated_density, grid_points

HALF = 4.0
CENTRES = np.array([(2.0, 2.0), (-2.0, 2.0), (2.0, -2.0), (-2.0, -2.0)])


def mixture(centres, std, resolution):
    points = grid_points(HALF, resolution)
    return np.mean([multivariate_normal(c, std**2).pdf(points) for c in centres], axis=0)


def plane(centres=CENTRES, std=0.3, moments=1, n=4000, title="mixture_4 · std 0.3"):
    """A member that covers the given ones of four modes, perfectly, at every moment."""
    rng = np.random.default_rng(0)
    centres = np.asarray(centres)
    samples = centres[np.arange(n) % len(centres)] + std * rng.normal(size=(moments, n, 2))
    return Plane(title, mixture(CENTRES, std, 128), samples, [f"{len(centres)} of 4 modes"] * moments, 0.1)


def pixels(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[:, :, :3].astype(int)


def pixel(image, axes, point):
    """The colour that a figure's pixels show at a point of an axes' data."""
    x, y = axes.transData.transform(point)
    return image[image.shape[0] - 1 - int(y), int(x)]


def height(line):
    return np.asarray(line.get_ydata(), float)


def assert_nothing_clipped(figure):
    """Every word and mark lies within the page."""
    figure.canvas.draw()
    box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 <= width
    assert box.y1 <= height


# --- densities


def test_grid_points_are_cell_centres_with_rows_of_ascending_y():
    points = grid_points(2.0, 4)
    np.testing.assert_allclose(points[0, :, 0], [-1.5, -0.5, 0.5, 1.5])
    np.testing.assert_allclose(points[:, 0, 1], [-1.5, -0.5, 0.5, 1.5])


@pytest.mark.parametrize("bandwidth", [0.01, 0.1, 1.0])
def test_density_integrates_to_the_share_of_points_inside(bandwidth):
    points = np.random.default_rng(0).uniform(-6, 6, (1000, 2))
    points[:5], points[5:8] = np.nan, np.inf
    inside = np.mean((np.abs(points) < HALF).all(axis=1))
    density = generated_density(points, HALF, 50, bandwidth)
    assert density.sum() * (2 * HALF / 50) ** 2 == pytest.approx(inside, rel=1e-12)


def test_density_of_nothing_is_zero():
    for points in (np.empty((0, 2)), np.full((3, 2), np.nan), np.full((3, 2), 1e30, np.float32)):
        assert not generated_density(points, HALF, 20, 0.1).any()


def test_density_of_one_point_is_the_smoothing_kernel_around_it():
    points = grid_points(HALF, 160)
    at = points[60, 100]
    kernel = multivariate_normal(at, 0.5**2).pdf(points)
    density = generated_density(at[None], HALF, 160, 0.5)
    # The kernel is cut at 4 std, where it has fallen to exp(-8) of its peak.
    np.testing.assert_allclose(density, kernel, atol=4e-4 * kernel.max())


def test_density_of_gaussian_samples_is_the_blurred_gaussian():
    std, bandwidth, n = 0.8, 0.3, 200_000
    density = generated_density(std * np.random.default_rng(1).normal(size=(n, 2)), HALF, 100, bandwidth)
    # Counting on cells adds the variance of a uniform cell.
    variance = std**2 + bandwidth**2 + (2 * HALF / 100) ** 2 / 12
    exact = multivariate_normal((0, 0), variance).pdf(grid_points(HALF, 100))
    sampling_error = np.sqrt(exact / (4 * np.pi * bandwidth**2 * n))  # of a kernel density, one std
    assert np.abs(density - exact).max() < 5 * sampling_error.max()


def test_a_perfect_generator_reaches_full_colour_and_no_more():
    perfect = plane(n=400_000)
    density = generated_density(perfect.samples[0], HALF, 128, perfect.bandwidth)
    # 400 000 points leave the four peaks within a few per cent; the square root halves that.
    assert density.max() / plotting.smoothed_peak(perfect, HALF) == pytest.approx(1, abs=0.05)
    half_peak = plotting.heat(np.array([0.0, 0.25, 1.0, 9.0]), 1.0)
    np.testing.assert_allclose(half_peak, [0, 0.5, 1, 1])


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"density": np.zeros((3, 4))}, "density"),
        ({"samples": np.zeros((1, 5, 3))}, "samples"),
        ({"notes": ["a", "b"]}, "notes"),
        ({"bandwidth": 0.0}, "bandwidth"),
    ],
)
def test_a_plane_says_what_does_not_fit(change, word):
    good = {"title": "", "density": np.ones((4, 4)), "samples": np.zeros((1, 5, 2)), "notes": [""]}
    with pytest.raises(ValueError, match=word):
        Plane(**{**good, "bandwidth": 0.1, **change})


@pytest.mark.parametrize(("half_width", "step"), [(4.0, 2.0), (5.0, 2.0), (1.0, 0.5), (30.0, 10.0), (0.3, 0.1)])
def test_ticks_are_round_and_at_most_halfway_out(half_width, step):
    np.testing.assert_allclose(plotting.plane_ticks(half_width), [-step, 0, step])


# --- figures


def test_losses_are_medians_of_the_finite_seeds():
    rng = np.random.default_rng(0)
    steps = np.arange(1, 51) * 20
    d_loss, g_loss = rng.normal(1.4, 0.1, (8, 50)), rng.normal(0.7, 0.1, (8, 50))
    d_real, d_fake = rng.uniform(0.4, 0.6, (2, 8, 50))
    g_loss[3, 30:] = np.geomspace(1, 1e9, 20)
    g_loss[3, 45:] = np.nan
    equilibrium = {"D": 2 * np.log(2), "G": np.log(2)}
    figure = plotting.losses_figure("made up", steps, d_loss, g_loss, d_real, d_fake, equilibrium)
    losses, chances = figure.axes
    np.testing.assert_allclose(height(losses.lines[0]), np.median(d_loss, axis=0))
    np.testing.assert_allclose(height(losses.lines[1]), np.nanmedian(g_loss, axis=0))
    np.testing.assert_allclose(height(chances.lines[1]), np.median(d_fake, axis=0))
    assert [line.get_color() for line in losses.lines[:2]] == [colours.D, colours.G]
    assert [line.get_color() for line in chances.lines[:2]] == [colours.REAL, colours.GENERATED]
    assert {2 * np.log(2), np.log(2)} <= {height(line)[0] for line in losses.lines[2:4]}
    assert chances.get_ylim() == (0, 1)
    assert "1 of 8 seeds diverged" in figure.texts[1].get_text()
    assert "off the axis" in figure.texts[1].get_text()
    others = np.arange(8) != 3
    without = plotting.losses_figure(
        "", steps, d_loss[others], g_loss[others], d_real[others], d_fake[others], equilibrium
    )
    assert losses.get_ylim() == without.axes[0].get_ylim()  # the diverged seed flattens nothing
    assert_nothing_clipped(figure)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_losses_of_one_seed_that_has_nothing_to_show(value):
    nothing = np.full((1, 3), value)
    figure = plotting.losses_figure("", np.array([1, 2, 3]), nothing, nothing, nothing, nothing)
    assert np.isfinite(figure.axes[0].get_ylim()).all()
    assert ("1 of 1 seeds diverged" in figure.texts[1].get_text()) == (not np.isfinite(value))
    pixels(figure)


def test_a_member_with_two_of_four_modes_lights_exactly_two():
    figure = plotting.frames_figure(plane(CENTRES[:2], moments=8), HALF, np.arange(8) * 100)
    colour, image = np.round(255 * np.array(to_rgb(colours.GENERATED))), pixels(figure)
    for axes in figure.axes:
        for centre in CENTRES[:2]:  # twice the real peak: full colour
            np.testing.assert_allclose(pixel(image, axes, centre), colour, atol=1)
        for empty in (*CENTRES[2:], (3.8, -3.8), (0, 0)):
            assert tuple(pixel(image, axes, empty)) == (255, 255, 255)
    assert_nothing_clipped(figure)


@pytest.mark.parametrize("moments", [1, 3, 9, 12])
def test_frames_say_their_steps_and_share_their_axes(moments):
    steps = np.arange(moments) * 250
    figure = plotting.frames_figure(plane(moments=moments, n=200), HALF, steps)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [f"step {step}" for step in steps]
    assert {axes.get_xlim() + axes.get_ylim() for axes in figure.axes} == {(-HALF, HALF, -HALF, HALF)}
    assert_nothing_clipped(figure)
    with pytest.raises(ValueError, match="steps"):
        plotting.frames_figure(plane(moments=moments), HALF, np.arange(moments + 1))


def test_contours_are_drawn_at_one_two_and_three_standard_deviations():
    std = 1.0
    density = multivariate_normal((0, 0), std**2).pdf(grid_points(HALF, 40))  # coarse on purpose
    figure = matplotlib.figure.Figure()
    axes = figure.add_subplot()
    plotting.draw_contours(axes, density, HALF, 1.0)
    radii = [np.linalg.norm(path.vertices, axis=1) for path in axes.collections[0].get_paths()]
    for radius, expected in zip(radii, (3, 2, 1), strict=True):
        np.testing.assert_allclose(radius, expected * std, atol=0.01)


def test_a_density_without_levels_has_no_contours():
    axes = matplotlib.figure.Figure().add_subplot()
    for density in (np.zeros((8, 8)), np.ones((8, 8))):
        plotting.draw_contours(axes, density, HALF, 1.0)
    assert not axes.collections


def score(cells, seeds=8, null=4.0, **values):
    rng = np.random.default_rng(0)
    drawn = {cell: rng.normal(3, 0.5, seeds) for cell in cells} | values.pop("values", {})
    mean = dict.fromkeys(cells, 3.0)
    low, high = ({cell: m + d for cell, m in mean.items()} for d in (-0.2, 0.2))
    return Score("modes covered", "modes", drawn, mean, low, high, dict.fromkeys(cells, null))


@pytest.mark.parametrize(
    ("down", "across", "scores"), [(1, 1, 0), (1, 1, 1), (4, 2, 4), (8, 6, 2), (1, 6, 2), (8, 1, 1)]
)
def test_comparison_puts_every_setting_in_its_place(down, across, scores):
    missing = {(0, 3), (7, 5), (2, 0), (3, 1)}
    cells = [(r, c) for r in range(down) for c in range(across) if (r, c) not in missing]
    planes = dict.fromkeys(cells, Plane("", mixture(CENTRES, 0.5, 32), np.zeros((1, 9, 2)), [""], 0.4))
    rows, columns = (
        [f"mixture_4 · std {r / 5}" for r in range(down)],
        [f"{c + 1} D steps" for c in range(across)],
    )
    figure = plotting.comparison_figure(rows, columns, planes, HALF, [score(cells)] * scores, "A question?")
    assert len(figure.axes) == len(cells) + scores
    assert {axes.get_xlim() + axes.get_ylim() for axes in figure.axes[: len(cells)]} == {(-HALF, HALF) * 2}
    for cell, axes in zip(cells, figure.axes, strict=False):  # a row's planes at the height of its lanes
        for other in figure.axes[len(cells) :]:
            lane = other.transData.transform((3, cell[0] + 0.5))[1]
            assert lane == pytest.approx(axes.transAxes.transform((0, 0.5))[1], abs=0.01)
    assert_nothing_clipped(figure)


def test_scores_show_seeds_means_and_the_perfect_generator():
    cells = [(0, 0), (0, 1)]
    wild = {(0, 1): np.array([3.0, 2.5, 1e9, np.nan])}
    figure = plotting.comparison_figure(["a"], ["x", "y"], {}, HALF, [score(cells, seeds=6, null=4.0, values=wild)])
    (axes,) = figure.axes
    _, high = axes.get_xlim()
    assert high < 10  # 1e9 does not set the scale ...
    dots = [c.get_offsets() for c in axes.collections if isinstance(c, PathCollection)]
    drawn = np.concatenate(dots)
    assert np.isclose(drawn[:, 0], high).sum() == 1  # ... but stands at the edge
    assert len(drawn) == 6 + 3 + 2  # finite seeds and two means
    assert ((drawn[:, 1] > 0) & (drawn[:, 1] < 1)).all()
    nulls = [s for c in axes.collections if hasattr(c, "get_segments") for s in c.get_segments() if s[0, 0] == 4]
    assert [tuple(s[:, 1]) for s in nulls] == [(0.0, 0.5), (0.5, 1.0)]


def test_a_score_that_no_setting_has_stays_empty():
    empty = Score("modes covered", "modes", {}, {}, {}, {}, {})
    figure = plotting.comparison_figure(["a"], ["x"], {(0, 0): plane(n=50)}, HALF, [empty])
    pixels(figure)


def test_diverged_samples_are_left_out_of_figures():
    samples = np.full((2, 50, 2), np.nan, np.float32)
    samples[1, :20], samples[1, 20:] = np.inf, 3e38
    lost = Plane("lost", mixture(CENTRES, 0.3, 64), samples, ["", "diverged"], 0.1)
    figure = plotting.frames_figure(lost, HALF, [0, 1])
    assert tuple(pixel(pixels(figure), figure.axes[1], (0, 0))) == (255, 255, 255)


def test_saving_twice_gives_equal_bytes_and_leaves_nothing_else(tmp_path):
    for name in ("a.png", "b.png"):
        plotting.save(plotting.frames_figure(plane(n=500), HALF, [0]), tmp_path / name, dpi=80)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert b"Software" not in (tmp_path / "a.png").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_a_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(b"old")
    figure = plotting.frames_figure(plane(n=50), HALF, [0])

    def fail(path, **_):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(KeyboardInterrupt):
        plotting.save(figure, tmp_path / "a.png")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"a.png": b"old"}


def test_a_users_style_changes_nothing_and_is_left_alone(tmp_path):
    plotting.save(plotting.frames_figure(plane(n=50), HALF, [0]), tmp_path / "a.png", dpi=60)
    with matplotlib.rc_context({"font.size": 20, "savefig.bbox": "tight", "axes.facecolor": "black"}):
        plotting.save(plotting.frames_figure(plane(n=50), HALF, [0]), tmp_path / "b.png", dpi=60)
        assert matplotlib.rcParams["font.size"] == 20
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_drawing_needs_neither_pyplot_nor_torch():
    code = "import animation, sys; print({'torch', 'matplotlib.pyplot'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
