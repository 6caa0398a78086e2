"""Figures of planes and of compared scores, against what they were given."""

import numpy as np
import pytest
from figure_checks import CENTRES, HALF, assert_nothing_clipped, mixture, pixel, pixels, plane, with_modes
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb

from dynamics.pictures import (
    colours,
    comparison_figures,
    density_maps,
    moments_figure,
)
from dynamics.pictures.comparison_figures import ComparedScore, forest_figure
from dynamics.pictures.density_maps import Plane


def test_a_small_plane_says_what_lies_outside():
    assert density_maps.brief_note("3 of 4 modes") == "3 of 4 modes"
    assert (
        density_maps.brief_note("diverged at step 4, shown: step 3, 12 % outside") == "diverged at step 4, 12 % outside"
    )
    assert density_maps.brief_note("diverged at step 4, out of view") == "diverged at step 4, out of view"
    plane = with_modes([(2, 2)], np.zeros((1, 5, 2)), ["diverged at step 4, shown: step 3, 12 % outside"])
    for across in (1, 8):
        planes = {(0, c): plane for c in range(across)}
        figure = comparison_figures.comparison_figure(["a"], ["x"] * across, planes, 3.5)
        assert all("12 % outside" in axes.texts[0].get_text() for axes in figure.axes[:across])


def test_a_member_with_two_of_four_modes_lights_exactly_two():
    figure = moments_figure.frames_figure(plane(CENTRES[:2], moments=8), HALF, np.arange(8) * 100)
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
    figure = moments_figure.frames_figure(plane(moments=moments, n=200), HALF, steps)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [f"step {step}" for step in steps]
    assert {axes.get_xlim() + axes.get_ylim() for axes in figure.axes} == {(-HALF, HALF, -HALF, HALF)}
    assert_nothing_clipped(figure)
    with pytest.raises(ValueError, match="steps"):
        moments_figure.frames_figure(plane(moments=moments), HALF, np.arange(moments + 1))


def score(cells, seeds=8, null=4.0, **values):
    rng = np.random.default_rng(0)
    drawn = {cell: rng.normal(3, 0.5, seeds) for cell in cells} | values.pop("values", {})
    mean = dict.fromkeys(cells, 3.0)
    low, high = ({cell: m + d for cell, m in mean.items()} for d in (-0.2, 0.2))
    return ComparedScore("modes covered", "modes", drawn, mean, low, high, dict.fromkeys(cells, null))


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
    figure = comparison_figures.comparison_figure(rows, columns, planes, HALF, [score(cells)] * scores, "A question?")
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
    figure = comparison_figures.comparison_figure(
        ["a"], ["x", "y"], {}, HALF, [score(cells, seeds=6, null=4.0, values=wild)]
    )
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
    empty = ComparedScore("modes covered", "modes", {}, {}, {}, {}, {})
    figure = comparison_figures.comparison_figure(["a"], ["x"], {(0, 0): plane(n=50)}, HALF, [empty])
    pixels(figure)


def test_diverged_samples_are_left_out_of_figures():
    samples = np.full((2, 50, 2), np.nan, np.float32)
    samples[1, :20], samples[1, 20:] = np.inf, 3e38
    lost = Plane("lost", mixture(CENTRES, 0.3, 64), samples, ["", "diverged"], 0.1)
    figure = moments_figure.frames_figure(lost, HALF, [0, 1])
    assert tuple(pixel(pixels(figure), figure.axes[1], (0, 0))) == (255, 255, 255)


def test_many_settings_are_a_line_each():
    """Seeds and means of every setting stand on its own line, in the block of its target, whose axes they share."""
    cells = [(0, 0), (0, 1), (0, 2), (1, 1)]
    values = {cell: np.array([cell[0] + 0.1, cell[1] + 0.2]) for cell in cells}
    mean = {cell: value.mean() for cell, value in values.items()}
    score = ComparedScore("JSD", "nats", values, mean, mean, mean, dict.fromkeys(cells, 0.5))
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
