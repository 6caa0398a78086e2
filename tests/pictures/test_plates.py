"""Densities against closed forms, colours against eyes, and figures against what they were given."""

import os
import pickle
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.colors import to_rgb
from scipy.ndimage import gaussian_filter
from scipy.stats import multivariate_normal

from dynamics.pictures import colours, figures, plates, training_charts
from dynamics.pictures.plates import Plane, Score, forest_figure, generated_density, grid_points
from dynamics.pictures.training_charts import Clock, Line, Panel, Track
from dynamics.targets.registry import make_target

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


@pytest.mark.parametrize(("resolution", "cells"), [(20, 0.0), (20, 0.1), (78, 0.96), (150, 2.0), (31, 30.0)])
def test_smoothing_is_that_of_scipy(resolution, cells):
    points = np.random.default_rng(0).normal(size=(500, 2))
    cell = 2 * HALF / resolution
    rough, smooth = (generated_density(points, HALF, resolution, b) for b in (0.0, cells * cell))
    np.testing.assert_allclose(smooth, gaussian_filter(rough, cells, mode="reflect"), rtol=1e-12, atol=1e-15)


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
    assert density.max() / plates.smoothed_peak(perfect, HALF) == pytest.approx(1, abs=0.05)
    half_peak = plates.heat(np.array([0.0, 0.25, 1.0, 9.0]), 1.0)
    np.testing.assert_allclose(half_peak, [0, 0.5, 1, 1])


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"density": np.zeros((3, 4))}, "density"),
        ({"samples": np.zeros((1, 5, 3))}, "samples"),
        ({"notes": ["a", "b"]}, "notes"),
        ({"bandwidth": 0.0}, "bandwidth"),
        ({"modes": np.zeros((3, 3))}, "modes"),
    ],
)
def test_a_plane_says_what_does_not_fit(change, word):
    good = {"title": "", "density": np.ones((4, 4)), "samples": np.zeros((1, 5, 2)), "notes": [""]}
    with pytest.raises(ValueError, match=word):
        Plane(**{**good, "bandwidth": 0.1, **change})


@pytest.mark.parametrize(
    ("half_width", "step", "count"),
    [(4.0, 2.0, 1), (5.0, 2.0, 2), (1.0, 0.5, 1), (30.0, 20.0, 1), (0.3, 0.2, 1), (3.5, 2.0, 1), (8.5, 5.0, 1)],
)
def test_ticks_are_round_and_reach_beyond_the_middle(half_width, step, count):
    np.testing.assert_allclose(plates.plane_ticks(half_width), step * np.arange(-count, count + 1))


def test_every_plane_has_ticks():
    for half_width in np.geomspace(1e-2, 1e5, 500):
        ticks = plates.plane_ticks(half_width)
        assert 3 <= len(ticks) <= 9
        assert half_width / 3 < ticks[-1] < half_width
        assert ticks == [-tick for tick in reversed(ticks)]


def with_modes(centres, samples=((0.0, 0.0),), notes=("",)):
    samples = np.asarray(samples, float).reshape(len(notes), -1, 2)
    return Plane("", np.ones((64, 64)), samples, list(notes), 0.3, np.asarray(centres, float))


@pytest.mark.parametrize(
    ("target", "half_width", "seen"),
    [
        ("mixture_4", 3.5, (-2, 0, 2)),
        ("mixture_4", 6.0, (-2, 0, 2)),
        ("ring_8", 3.5, (-2, 0, 2)),
        ("ring_8_unit", 2.5, (-1, 0, 1)),
        ("grid_25", 5.5, (-4, -2, 0, 2, 4)),
        ("grid_25", 8.0, (-4, -2, 0, 2, 4)),
    ],
)
def test_ticks_stand_where_the_modes_are(target, half_width, seen):
    modes = make_target(target, 0.2).modes
    ticks = plates.plane_ticks(half_width, [with_modes(modes.centres)])
    np.testing.assert_allclose(ticks, seen)
    centres = np.unique(np.round(np.abs(modes.centres), 9))  # those between them, at 2 sin 45°, are no round numbers
    assert set(centres[centres == np.round(centres)]) <= set(ticks)


@pytest.mark.parametrize(
    ("centres", "half_width", "seen"),
    [
        ([(3, 3), (-3, 0)], 5.0, (-3, 0, 3)),
        ([(1.5, 0)], 3.5, (-1.5, 0, 1.5)),
        ([(1, 2), (3, 0)], 5.0, (-3, -2, -1, 0, 1, 2, 3)),
        ([(40, -20)], 60.0, (-40, -20, 0, 20, 40)),
        ([(1.37, 0.21)], 3.0, (-2, 0, 2)),  # none meets them
        ([(0, 0)], 3.0, (-2, 0, 2)),
        ([(9, 9)], 3.5, (-2, 0, 2)),  # outside
    ],
)
def test_modes_of_ones_own_have_ticks_too(centres, half_width, seen):
    np.testing.assert_allclose(plates.plane_ticks(half_width, [with_modes(centres)]), seen)


def test_labels_that_would_touch_are_left_out():
    ticks = [-4.0, -2.0, 0.0, 2.0, 4.0]
    assert plates.labelled(ticks, 30, 10) == ticks
    assert plates.labelled(ticks, 10, 10) == [-4.0, 0.0, 4.0]
    assert plates.labelled(ticks, 5, 10) == [-4.0, 4.0]
    assert plates.labelled(ticks, 2, 10) == [0.0]


def test_printed_planes_have_the_ticks_of_their_modes():
    plane = with_modes([(2, 2), (-2, -2)], np.zeros((1, 5, 2)))
    (axes,) = plates.frames_figure(plane, 3.5, [0]).axes
    assert [(t, w.get_text()) for t, w in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)] == [
        (-2, "−2"),
        (0, "0"),
        (2, "2"),
    ]
    figure = plates.comparison_figure(["a"], ["x"], {(0, 0): plane}, 3.5)
    assert figure.axes[0].get_yticks().tolist() == [-2, 0, 2]


def test_a_small_plane_says_what_lies_outside():
    assert plates.brief("3 of 4 modes") == "3 of 4 modes"
    assert plates.brief("diverged at step 4, shown: step 3, 12 % outside") == "diverged at step 4, 12 % outside"
    assert plates.brief("diverged at step 4, out of view") == "diverged at step 4, out of view"
    plane = with_modes([(2, 2)], np.zeros((1, 5, 2)), ["diverged at step 4, shown: step 3, 12 % outside"])
    for across in (1, 8):
        planes = {(0, c): plane for c in range(across)}
        figure = plates.comparison_figure(["a"], ["x"] * across, planes, 3.5)
        assert all("12 % outside" in axes.texts[0].get_text() for axes in figure.axes[:across])


# --- figures


def test_losses_are_medians_of_the_finite_seeds():
    rng = np.random.default_rng(0)
    steps = np.arange(1, 51) * 20
    d_loss, g_loss = rng.normal(1.4, 0.1, (8, 50)), rng.normal(0.7, 0.1, (8, 50))
    d_real, d_fake = rng.uniform(0.4, 0.6, (2, 8, 50))
    g_loss[3, 30:] = np.geomspace(1, 1e9, 20)
    g_loss[3, 45:] = np.nan
    equilibrium = {"D": 2 * np.log(2), "G": np.log(2)}
    figure = training_charts.losses_figure("made up", steps, d_loss, g_loss, d_real, d_fake, equilibrium)
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
    without = training_charts.losses_figure(
        "", steps, d_loss[others], g_loss[others], d_real[others], d_fake[others], equilibrium
    )
    assert losses.get_ylim() == without.axes[0].get_ylim()  # the diverged seed flattens nothing
    assert_nothing_clipped(figure)


@pytest.mark.parametrize("chance", [0.45, 0.622, None])
def test_the_line_of_d_is_where_its_means_are_at_equilibrium(chance):
    rng = np.random.default_rng(0)
    curves = rng.uniform(0.4, 0.6, (4, 2, 9))
    figure = training_charts.losses_figure("made up", np.arange(1, 10), *curves, {"D": 1.4}, chance=chance)
    level = [height(line)[0] for line in figure.axes[1].lines[2:]]
    assert level == ([] if chance is None else [chance])
    assert_nothing_clipped(figure)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_losses_of_one_seed_that_has_nothing_to_show(value):
    nothing = np.full((1, 3), value)
    figure = training_charts.losses_figure("", np.array([1, 2, 3]), nothing, nothing, nothing, nothing)
    assert np.isfinite(figure.axes[0].get_ylim()).all()
    assert ("1 of 1 seeds diverged" in figure.texts[1].get_text()) == (not np.isfinite(value))
    pixels(figure)


def test_a_member_with_two_of_four_modes_lights_exactly_two():
    figure = plates.frames_figure(plane(CENTRES[:2], moments=8), HALF, np.arange(8) * 100)
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
    figure = plates.frames_figure(plane(moments=moments, n=200), HALF, steps)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [f"step {step}" for step in steps]
    assert {axes.get_xlim() + axes.get_ylim() for axes in figure.axes} == {(-HALF, HALF, -HALF, HALF)}
    assert_nothing_clipped(figure)
    with pytest.raises(ValueError, match="steps"):
        plates.frames_figure(plane(moments=moments), HALF, np.arange(moments + 1))


def test_contours_are_drawn_at_one_two_and_three_standard_deviations():
    std = 1.0
    density = multivariate_normal((0, 0), std**2).pdf(grid_points(HALF, 40))  # coarse on purpose
    lines = plates.contour_lines(density, HALF)
    for line, expected in zip(lines, (3, 2, 1), strict=True):
        np.testing.assert_allclose(np.linalg.norm(line.vertices, axis=1), expected * std, atol=0.01)
    figure = figures.new_figure(4, 4, "")
    for left in (0, 0.5):  # the same lines in two places
        axes = figure.add_axes((left, 0, 0.5, 0.5), xlim=(-HALF, HALF), ylim=(-HALF, HALF))
        axes.set_axis_off()
        plates.draw_contours(axes, lines, 1.0)
    drawn = pixels(figure)[200:].sum(axis=2) < 3 * 128
    np.testing.assert_array_equal(drawn[:, :200], drawn[:, 200:])
    x, y = (np.flatnonzero(drawn[:, :200].any(axis=axis)) for axis in (0, 1))
    for ends in (x, y):  # 25 pixels a std
        assert (ends[0], ends[-1]) == pytest.approx((100 - 75, 100 + 75), abs=1.5)


def test_a_density_without_levels_has_no_contours():
    for density in (np.zeros((8, 8)), np.ones((8, 8))):
        assert plates.contour_lines(density, HALF) == []


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
    figure = plates.comparison_figure(rows, columns, planes, HALF, [score(cells)] * scores, "A question?")
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
    figure = plates.comparison_figure(["a"], ["x", "y"], {}, HALF, [score(cells, seeds=6, null=4.0, values=wild)])
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
    figure = plates.comparison_figure(["a"], ["x"], {(0, 0): plane(n=50)}, HALF, [empty])
    pixels(figure)


def test_diverged_samples_are_left_out_of_figures():
    samples = np.full((2, 50, 2), np.nan, np.float32)
    samples[1, :20], samples[1, 20:] = np.inf, 3e38
    lost = Plane("lost", mixture(CENTRES, 0.3, 64), samples, ["", "diverged"], 0.1)
    figure = plates.frames_figure(lost, HALF, [0, 1])
    assert tuple(pixel(pixels(figure), figure.axes[1], (0, 0))) == (255, 255, 255)


# --- scores over training

STEPS = np.arange(26) * 20


def courses(settings, seeds=8, snapshots=26, best=0.02):
    """JSD-like courses, a (seeds, snapshots) per setting, each falling at its own rate."""
    rng = np.random.default_rng(0)
    decay = np.exp(-np.linspace(0, 1, snapshots) * (3 + np.arange(settings)[:, None]))
    return list((best + 0.6 * decay)[:, None] * np.exp(rng.normal(0, 0.1, (settings, seeds, snapshots))))


def clocks(settings, count=3, end=500.0):
    """Equal generator steps, which are ever more updates and ever more seconds from setting to setting."""
    steps = np.linspace(0, end, 26)
    named = [
        Clock("generator steps", [steps] * settings),
        Clock("updates of D and G", [steps * (2 + i) for i in range(settings)]),
        Clock("seconds of one core", [steps * (1 + 0.3 * i) * 6e-4 for i in range(settings)]),
    ]
    return named[:count]


def tracks(settings, count=2, seeds=8):
    labels = ["JSD, nats", "Wasserstein-2, data units", "modes covered", "share of samples of high quality"]
    return [Track(label, courses(settings, seeds), (0.0165, 0.0014)) for label in labels[:count]]


def names(settings):
    return [f"{i + 1} D steps · lr 0.0001 · loss nonsaturating" for i in range(settings)]


def words(figure):
    return [text.get_text() for text in figure.texts]


def band(axes, which=0):
    """The outline (K, 2) of one of an axes' bands."""
    bands = [c for c in axes.collections if isinstance(c, PolyCollection)]
    return bands[which].get_paths()[0].vertices


def tick_labels(axis):
    """Labels of the major ticks that an axis shows."""
    low, high = sorted(axis.get_view_interval())
    return [t.label1 for t in axis.get_major_ticks() if low <= t.get_loc() <= high and t.label1.get_visible()]


def shown_labels(axis):
    return [label.get_text() for label in tick_labels(axis)]


def assert_nothing_overlaps(figure):
    """No two words of a figure meet: titles, remarks, legends' entries, labels, tick labels."""
    figure.draw_without_rendering()
    texts = list(figure.texts)
    for legend in [*figure.legends, *(axes.get_legend() for axes in figure.axes)]:
        texts += legend.get_texts() if legend else []
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            texts += [axis.label, *tick_labels(axis)]
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    places = [axes.get_window_extent() for axes in figure.axes]
    for k, box in enumerate(boxes):
        for other in boxes[k + 1 :]:
            assert not box.overlaps(other)
    for legend in figure.legends:
        assert not any(legend.get_window_extent().overlaps(place) for place in places)


def test_curves_are_medians_of_the_seeds_on_every_clock():
    values, other = courses(3), courses(3, seeds=5)
    values[1][2, 7:] = np.nan
    values[1][3, 9] = np.inf
    on = clocks(3)
    given = [Track("JSD, nats", values, (0.0165, 0.0014)), Track("critic gap, nats", other, (np.nan, np.nan))]
    figure = training_charts.curves_figure("mixture_4 · std 0.2", ["1 D step", "2 D steps", "5 D steps"], on, given)
    for axes, (track, clock) in zip(figure.axes, [(t, c) for t in (values, other) for c in on], strict=True):
        for i, line in enumerate(axes.lines[:3]):
            finite = np.where(np.isfinite(track[i]), track[i], np.nan)
            np.testing.assert_allclose(height(line), np.nanmedian(finite, axis=0))
            np.testing.assert_allclose(line.get_xdata(), clock.at[i])
            assert line.get_color() == colours.COLUMNS[i]
            assert line.get_markevery() == [25]  # the dot that ends it
            corners = band(axes, i)
            assert corners[:, 1].min() == pytest.approx(np.nanpercentile(finite, 25, axis=0).min())
            assert corners[:, 1].max() == pytest.approx(np.nanpercentile(finite, 75, axis=0).max())
    assert words(figure)[0] == "mixture_4 · std 0.2"
    # 19 + 1 of 3 × 8 × 26 + 3 × 5 × 26 values
    assert words(figure)[1] == "median of 5 to 8 seeds, band: middle half · 2.0 % of values not finite and left out"
    assert_nothing_clipped(figure)
    assert_nothing_overlaps(figure)


def test_what_is_not_defined_is_not_called_lost():
    """An empty line among others, and one that begins later. What is lost stays so, and is told."""
    nan = np.nan
    for line, undefined in (
        ([[nan, nan, nan], [nan, nan, nan]], [0, 0, 0]),
        ([[nan, nan, 1.0], [nan, nan, 2.0]], [1, 1, 0]),
        ([[1.0, nan, nan], [2.0, nan, nan]], [0, 0, 0]),
        ([[nan, 1.0], [2.0, 3.0]], [0, 0]),
        ([[np.inf, 1.0], [np.inf, 3.0]], [0, 0]),
    ):
        assert training_charts._undefined(np.array(line)).tolist() == [bool(u) for u in undefined]
    empty = training_charts._remarks([np.array([[nan, nan], [nan, nan]]), np.array([[nan, 1.0], [nan, 2.0]])], [], [])
    assert empty == ["median of 2 seeds, band: middle half"]
    lost = training_charts._remarks([np.array([[1.0, nan], [1.0, 2.0]])], [], [])
    assert lost[1] == "25.0 % of values not finite and left out"


def test_a_perfect_generator_is_a_dashed_line_in_its_band_where_it_has_the_score():
    given = [Track("JSD, nats", courses(1), (0.0165, 0.0014)), Track("critic gap, nats", courses(1), (np.nan, np.nan))]
    figure = training_charts.curves_figure("", ["1 D step"], clocks(1, 1), given)
    has, has_not = figure.axes
    (line,) = has.lines[1:]
    np.testing.assert_allclose(height(line), 0.0165)
    assert line.get_linestyle() == "--"
    (rectangle,) = has.patches
    assert rectangle.get_y() == pytest.approx(0.0165 - 2 * 0.0014)
    assert rectangle.get_height() == pytest.approx(4 * 0.0014)
    assert not has_not.lines[1:]
    assert not has_not.patches
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["1 D step", "perfect generator"]
    without = training_charts.curves_figure("", ["1 D step"], clocks(1, 1), given[1:])
    assert [text.get_text() for text in without.legends[0].get_texts()] == ["1 D step"]


def test_rows_share_their_scores_axis_and_columns_their_clock_from_zero_to_the_last_end():
    on = clocks(4)
    figure = training_charts.curves_figure("", names(4), on, tracks(4, 3))
    grid = np.reshape(figure.axes, (3, 3))
    for row in grid:
        assert len({axes.get_ylim() for axes in row}) == 1
        assert [bool(axes.get_ylabel()) for axes in row] == [True, False, False]
    for column, clock in zip(grid.T, on, strict=True):
        assert {axes.get_xlim() for axes in column} == {(0, 1.02 * max(at[-1] for at in clock.at))}
        assert [axes.get_xlabel() for axes in column] == ["", "", clock.label]
    figure.canvas.draw()
    for (row, column), axes in np.ndenumerate(grid):
        assert bool(shown_labels(axes.xaxis)) == (row == 2)
        assert bool(shown_labels(axes.yaxis)) == (column == 0)


@pytest.mark.parametrize(
    ("settings", "across", "count"), [(1, 1, 1), (5, 2, 3), (12, 1, 4), (12, 3, 2), (12, 3, 4), (1, 3, 1)]
)
def test_curves_leave_room_for_every_word(settings, across, count):
    figure = training_charts.curves_figure(
        "swiss_roll · std 0.2", names(settings), clocks(settings, across), tracks(settings, count)
    )
    listed = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sorted(listed) == sorted([*names(settings), "perfect generator"])
    assert_nothing_clipped(figure)
    assert_nothing_overlaps(figure)


def test_twelve_settings_are_told_apart_and_listed_in_reading_order():
    figure = training_charts.curves_figure("", names(12), clocks(12, 3), tracks(12, 1))
    figure.canvas.draw()
    (legend,) = figure.legends
    looks = {(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines[:12]}
    assert len(looks) == 12
    at = {text.get_text(): text.get_window_extent() for text in legend.get_texts()}
    read = sorted(at, key=lambda name: (-round(at[name].y0), at[name].x0))
    assert read == [*names(12), "perfect generator"]
    drawn = {text.get_text(): handle for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True)}
    for name, line in zip(names(12), figure.axes[0].lines, strict=False):
        assert drawn[name].get_color() == line.get_color()
        assert drawn[name].get_linestyle() == line.get_linestyle()


def test_a_setting_off_a_clock_is_left_out_there_alone():
    on = clocks(3)
    on[2].at[1][:] = np.nan
    on[1].at[0][20:] = np.nan  # the clock stopped: the line ends there
    figure = training_charts.curves_figure("", names(3), on, tracks(3, 1))
    assert [len(axes.lines) for axes in figure.axes] == [4, 4, 3]
    assert [line.get_color() for line in figure.axes[2].lines[:2]] == [colours.COLUMNS[0], colours.COLUMNS[2]]
    assert figure.axes[1].lines[0].get_markevery() == [19]
    assert words(figure)[1].endswith("seconds of one core not known for 1 of 3 settings")
    on = [Clock("seconds", [np.full(26, np.nan)] * 3)]
    nowhere = training_charts.curves_figure("", names(3), on, tracks(3, 1))
    assert [text.get_text() for text in nowhere.axes[0].texts] == ["nothing to show"]


@pytest.mark.parametrize("end", [1e-4, 0.3, 7.0, 2500.0, 1e4, 123456.0, 1e6, 1e8])
def test_clocks_of_any_length_have_short_ticks_that_say_where_they_are(end):
    figure = training_charts.curves_figure("", names(2), clocks(2, 1, end) * 3, tracks(2, 1))
    figure.canvas.draw()
    units = {"k": 1e3, "M": 1e6}
    for axes in figure.axes:
        labels, at = shown_labels(axes.xaxis), axes.get_xticks()
        at = at[(at >= 0) & (at <= axes.get_xlim()[1])]
        assert len(at) >= 3
        assert at[-1] > 0.6 * end
        for label, value in zip(labels, at, strict=True):
            assert len(label) <= 6
            read = float(label.rstrip("kM").replace("−", "-")) * units.get(label[-1], 1)
            assert read == pytest.approx(value, rel=1e-9, abs=1e-12)
    assert_nothing_overlaps(figure)


def test_a_setting_that_diverges_flattens_no_curve_and_start_and_end_stay_on_the_axis():
    values = courses(4)
    values[3][:5, 13:] = np.geomspace(1, 1e12, 13)  # most of its seeds
    calm = training_charts.curves_figure("", names(4), clocks(4, 1), [Track("JSD, nats", courses(4), (0.0165, 0.0014))])
    figure = training_charts.curves_figure("", names(4), clocks(4, 1), [Track("JSD, nats", values, (0.0165, 0.0014))])
    (low, high), (axes,) = figure.axes[0].get_ylim(), figure.axes
    assert high < 2 * calm.axes[0].get_ylim()[1]
    # 13 of 4 × 26 medians, less those that are on the axis yet
    off = np.mean([(height(line) > high) | (height(line) < low) for line in axes.lines[:4]])
    assert f"{100 * off:.1f} % of medians off the axes" in words(figure)[1]
    assert 0.1 < off <= 13 / 104
    for line in axes.lines[:4]:
        assert low < height(line)[0] < high
    assert low < 0.0165 < high
    assert np.abs(band(axes, 3)[:, 1]).max() < 150 * high  # what viewers of vector graphics can bear


def test_a_fast_start_is_not_taken_for_wild():
    """A GAN that converges at once: 3 interquartile ranges end far below where it began."""
    values = [np.r_[0.69, 0.3, 0.02 + 0.001 * np.sin(np.arange(98))][None] * np.ones((8, 1))]
    on = [Clock("generator steps", [np.arange(100)])]
    figure = training_charts.curves_figure("", names(1), on, [Track("JSD, nats", values, (0.0165, 0.0014))])
    assert figure.axes[0].get_ylim()[1] > 0.69


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, 1e6, 1e300])
def test_curves_and_scores_of_one_value_or_none(value):
    nothing = np.full((1, 5), value)
    on, null = [Clock("generator steps", [np.arange(5)])], (np.nan, np.nan)
    label = "Jensen–Shannon divergence from the real density, nats"
    curves = training_charts.curves_figure("", ["1 D step"], on, [Track(label, [nothing], null)])
    scores = training_charts.scores_figure("", np.arange(5), [Panel(label, [Line("JSD", nothing, colours.D)])])
    for figure in (curves, scores):
        assert_nothing_clipped(figure)
        if value != 1e300:  # nine digits a number there
            assert_nothing_overlaps(figure)
        assert ("nothing to show" in [text.get_text() for text in figure.axes[0].texts]) == (not np.isfinite(value))
        assert words(figure)[1].startswith("one seed")
        assert ("100.0 % of values not finite" in words(figure)[1]) == (not np.isfinite(value))


def test_one_snapshot_is_a_visible_dot():
    point = np.array([[0.5]])
    on = [Clock("generator steps", [np.array([10.0])])]
    curves = training_charts.curves_figure("", ["1 D step"], on, [Track("JSD, nats", [point], (0.0, 0.0))])
    scores = training_charts.scores_figure(
        "", np.array([10]), [Panel("JSD, nats", [Line("", point, colours.COLUMNS[0])])]
    )
    colour = np.round(255 * np.array(to_rgb(colours.COLUMNS[0])))
    for figure in (curves, scores):
        axes, image = figure.axes[0], pixels(figure)
        x, y = axes.transData.transform((10, 0.5)).astype(int)
        around = image[image.shape[0] - y - 5 : image.shape[0] - y + 5, x - 5 : x + 5]
        assert (np.abs(around - colour).max(axis=2) <= 2).sum() >= 6


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"names": ["a"]}, "generator steps: 2 arrays for 1 settings"),
        ({"names": []}, "need"),
        ({"clocks": []}, "need"),
        ({"tracks": [Track("JSD", courses(1), (0, 0))]}, "JSD: 1 arrays for 2"),
        ({"tracks": [Track("JSD", courses(2, snapshots=25), (0, 0))]}, "does not fit generator steps"),
        ({"tracks": [Track("JSD", [v[0] for v in courses(2)], (0, 0))]}, "does not fit generator steps"),
    ],
)
def test_curves_say_what_does_not_fit(change, word):
    good = {"title": "", "names": names(2), "clocks": clocks(2, 1), "tracks": tracks(2)}
    with pytest.raises(ValueError, match=word):
        training_charts.curves_figure(**{**good, **change})


def panels(rng, seeds=8):
    """Panels as of a setting with every group of scores, (seeds, 26) each."""

    def around(level, spread=0.1):
        return level * np.exp(rng.normal(0, spread, (seeds, 26)))

    optimal, loss = around(4.0), around(0.8)
    return [
        Panel(
            "G's loss, nats",
            [
                Line("G's loss", loss, colours.G),
                Line("against the best D", optimal, colours.GENERATED),
                Line("owed to D", loss - optimal, colours.D),
            ],
        ),
        Panel("critic gap, nats", [Line("", around(0.5), colours.D)]),
        Panel("slope of D, per data unit", [Line("mean", around(1), colours.D), Line("largest", around(3), colours.D)]),
        Panel("agreement of D, cosine", [Line("with the best D", np.tanh(rng.normal(0, 1, (seeds, 26))), colours.D)]),
        Panel("gradients", [Line("of D", around(0.7), colours.D), Line("of G", around(5), colours.G)]),
        Panel("sliced Wasserstein-2, data units", [Line("all samples", around(1), colours.REAL)]),
    ]


@pytest.mark.parametrize("count", range(1, 7))
def test_scores_are_medians_below_one_another_on_one_clock(count):
    given = panels(np.random.default_rng(0))[:count]
    figure = training_charts.scores_figure("mixture_4 · std 0.2 · 5 D steps", STEPS, given)
    assert len(figure.axes) == count
    tops = [axes.get_position().y1 for axes in figure.axes]
    assert tops == sorted(tops, reverse=True)
    for panel, axes in zip(given, figure.axes, strict=True):
        assert " ".join(axes.get_ylabel().split()) == panel.label
        for line, drawn in zip(panel.lines, axes.lines, strict=False):
            np.testing.assert_allclose(height(drawn), np.median(line.values, axis=0))
            np.testing.assert_allclose(drawn.get_xdata(), STEPS)
            assert drawn.get_color() == line.colour
        for k, line in enumerate(panel.lines):
            low, high = np.percentile(line.values, [25, 75], axis=0)
            assert band(axes, k)[:, 1].min() == pytest.approx(low.min())
            assert band(axes, k)[:, 1].max() == pytest.approx(high.max())
        legend = axes.get_legend()
        listed = [text.get_text() for text in legend.get_texts()] if legend else [""]
        assert listed == [line.name for line in panel.lines]
        looks = {(drawn.get_color(), drawn.get_linestyle()) for drawn in axes.lines[: len(panel.lines)]}
        assert len(looks) == len(panel.lines)  # two lines of one colour differ in their dashes
        assert axes.get_xlim() == (0, 500)
        assert axes.get_xlabel() == ("generator steps" if axes is figure.axes[-1] else "")
    assert words(figure) == ["mixture_4 · std 0.2 · 5 D steps", "median of 8 seeds, band: middle half"]
    assert_nothing_clipped(figure)
    assert_nothing_overlaps(figure)


def scale_of(values):
    return training_charts.scores_figure("", STEPS, [Panel("gradients", [Line("of D", values, colours.D)])]).axes[0]


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        (np.linspace(1, 30, 26), "linear"),  # 30-fold, yet half of it is above a tenth of the largest
        (np.geomspace(1, 1000, 26), "log"),
        (np.r_[np.zeros(13), np.geomspace(1, 1000, 13)], "log"),
        (np.geomspace(1e-5, 1e195, 26), "log"),
        (np.geomspace(1, 1000, 26) - 2, "linear"),  # negative
        (np.zeros(26), "linear"),
        (np.full(26, np.nan), "linear"),
    ],
)
def test_an_axis_is_logarithmic_where_a_linear_one_would_crush_half_of_it(values, scale):
    axes = scale_of(values[None])
    assert axes.get_yscale() == scale
    low, high = axes.get_ylim()
    shown = values[np.isfinite(values) & ((values > 0) | (scale == "linear"))]
    assert ((shown > low) & (shown < high)).all()
    pixels(axes.figure)
    assert len(shown_labels(axes.yaxis)) >= 3


@pytest.mark.parametrize(
    ("least", "fold"), [(1e-9, 11), (0.02, 11), (3.0, 60), (0.02, 60), (0.02, 1e4), (1e-9, 1e4), (3.0, 1e12)]
)
def test_logarithmic_ticks_are_few_and_legible(least, fold):
    values = np.r_[np.full(14, least), np.geomspace(least, least * fold, 12)]
    figure = training_charts.scores_figure("", STEPS, [Panel("gradients", [Line("of D", values[None], colours.D)])] * 6)
    figure.canvas.draw()
    assert figure.axes[0].get_yscale() == "log"
    assert len(shown_labels(figure.axes[0].yaxis)) >= 2
    assert_nothing_clipped(figure)
    assert_nothing_overlaps(figure)


def test_wild_scores_flatten_nothing():
    values = np.tanh(np.random.default_rng(0).normal(0, 1, (8, 26)))
    calm = scale_of(values).get_ylim()
    values[:7, 11] = -1e12
    low, high = scale_of(values).get_ylim()
    assert high - low < 3 * (calm[1] - calm[0])
    positive = np.exp(np.random.default_rng(0).normal(0, 0.1, (8, 26)))
    positive[:7, 20:] = 1e300
    for values in (positive, np.geomspace(1e-5, 1e295, 26)[None]):
        axes = scale_of(values)
        pixels(axes.figure)  # and nothing overflows
        assert "of medians off the axes" in words(axes.figure)[1]


def test_scores_say_what_does_not_fit():
    with pytest.raises(ValueError, match="panel"):
        training_charts.scores_figure("", STEPS, [])
    with pytest.raises(ValueError, match=r"of D: \(8, 25\) does not fit 26 steps"):
        scale_of(np.ones((8, 25)))


# --- files


def calls():
    """Functions of plotting and their arguments: a figure with a heat map, and one with many words."""
    curves = ("mixture_4 · std 0.2", names(3), clocks(3, 1), tracks(3, 1))
    return [(plates.frames_figure, (plane(n=500), HALF, [0])), (training_charts.curves_figure, curves)]


def drawings():
    return [figure(*arguments) for figure, arguments in calls()]


SAVE = """
import pathlib, pickle, sys
from dynamics.pictures import figures
for i, (figure, arguments) in enumerate(pickle.load(sys.stdin.buffer)):
    for suffix in ("png", "pdf", "svg"):
        figures.save(figure(*arguments), pathlib.Path(sys.argv[1]) / f"{i}.{suffix}", dpi=80)
"""


def test_equal_figures_are_equal_files_in_every_format_and_process(tmp_path):
    for folder, seed in (("a", "1"), ("b", "2")):
        (tmp_path / folder).mkdir()
        environment = os.environ | {
            "PYTHONHASHSEED": seed,  # sets in other orders
            "SOURCE_DATE_EPOCH": f"{seed}000000000",  # another date, if one were written
            "PYTHONPATH": str(Path(plates.__file__).parents[2]),
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
        for said in (b"Software", b"CreationDate", b"ModDate", b"Creator", b"Producer", b"dc:date", b"atplotlib v"):
            assert said not in one


def test_pdf_ends_whole_and_holds_its_fonts(tmp_path):
    figures.save(drawings()[1], tmp_path / "a.pdf")
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
            figures.save(figure, tmp_path / "a.svg")
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
    figure = plates.frames_figure(plane(n=50), HALF, [0])
    with pytest.raises(ValueError, match=r"\.png, \.pdf, \.svg"):
        figures.save(figure, tmp_path / name)
    assert not list(tmp_path.iterdir())
    figures.save(figure, tmp_path / "a.PNG")  # the figure is still whole
    assert (tmp_path / "a.PNG").read_bytes().startswith(b"\x89PNG")


def test_saving_twice_gives_equal_bytes_and_leaves_nothing_else(tmp_path):
    for name in ("a.png", "b.png"):
        figures.save(plates.frames_figure(plane(n=500), HALF, [0]), tmp_path / name, dpi=80)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert b"Software" not in (tmp_path / "a.png").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_a_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(b"old")
    figure = plates.frames_figure(plane(n=50), HALF, [0])

    def fail(path, **_):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(KeyboardInterrupt):
        figures.save(figure, tmp_path / "a.png")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"a.png": b"old"}


def test_a_users_style_changes_nothing_and_is_left_alone(tmp_path):
    figures.save(plates.frames_figure(plane(n=50), HALF, [0]), tmp_path / "a.png", dpi=60)
    with matplotlib.rc_context({"font.size": 20, "savefig.bbox": "tight", "axes.facecolor": "black"}):
        figures.save(plates.frames_figure(plane(n=50), HALF, [0]), tmp_path / "b.png", dpi=60)
        assert matplotlib.rcParams["font.size"] == 20
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_drawing_needs_neither_pyplot_nor_torch_nor_scipy():
    code = (
        "import sys, dynamics.pictures.render, dynamics.pictures.training_charts\n"
        "import dynamics.pictures.animation.animations\n"
        "print({'torch', 'matplotlib.pyplot', 'scipy'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_many_settings_are_a_line_each():
    """Seeds and means of every setting stand on its own line, in the block of its target, whose axes they share."""
    cells = [(0, 0), (0, 1), (0, 2), (1, 1)]
    values = {cell: np.array([cell[0] + 0.1, cell[1] + 0.2]) for cell in cells}
    mean = {cell: value.mean() for cell, value in values.items()}
    score = Score("JSD", "nats", values, mean, mean, mean, dict.fromkeys(cells, 0.5))
    figure = forest_figure(["one", "two"], ["a", "b", "c"], [score, score])
    first, _, second, _ = figure.axes
    assert [label.get_text() for label in first.get_yticklabels()] == ["a", "b", "c"]
    assert [label.get_text() for label in second.get_yticklabels()] == ["b"]
    means = first.collections[3].get_offsets()  # lines, perfect, intervals, means, then each setting's seeds
    np.testing.assert_allclose(means, [(mean[0, column], column + 0.5) for column in range(3)])
    for column, seeds in enumerate(first.collections[4:7]):
        places = seeds.get_offsets()
        np.testing.assert_allclose(places[:, 0], values[0, column])
        assert (np.floor(places[:, 1]) == column).all()
