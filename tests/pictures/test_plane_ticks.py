"""Ticks of planes: round, where the modes are, with labels that have room."""

import numpy as np
import pytest
from figure_checks import with_modes

from dynamics.pictures import (
    comparison_figures,
    moments_figure,
    plane_ticks,
)
from dynamics.targets.registry import make_target


@pytest.mark.parametrize(
    ("half_width", "step", "count"),
    [(4.0, 2.0, 1), (5.0, 2.0, 2), (1.0, 0.5, 1), (30.0, 20.0, 1), (0.3, 0.2, 1), (3.5, 2.0, 1), (8.5, 5.0, 1)],
)
def test_ticks_are_round_and_reach_beyond_the_middle(half_width, step, count):
    np.testing.assert_allclose(plane_ticks.plane_ticks(half_width), step * np.arange(-count, count + 1))


def test_every_plane_has_ticks():
    for half_width in np.geomspace(1e-2, 1e5, 500):
        ticks = plane_ticks.plane_ticks(half_width)
        assert 3 <= len(ticks) <= 9
        assert half_width / 3 < ticks[-1] < half_width
        assert ticks == [-tick for tick in reversed(ticks)]


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
    ticks = plane_ticks.plane_ticks(half_width, [with_modes(modes.centres)])
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
    np.testing.assert_allclose(plane_ticks.plane_ticks(half_width, [with_modes(centres)]), seen)


def test_labels_that_would_touch_are_left_out():
    ticks = [-4.0, -2.0, 0.0, 2.0, 4.0]
    assert plane_ticks.labelled_ticks(ticks, 30, 10) == ticks
    assert plane_ticks.labelled_ticks(ticks, 10, 10) == [-4.0, 0.0, 4.0]
    assert plane_ticks.labelled_ticks(ticks, 5, 10) == [-4.0, 4.0]
    assert plane_ticks.labelled_ticks(ticks, 2, 10) == [0.0]


def test_printed_planes_have_the_ticks_of_their_modes():
    plane = with_modes([(2, 2), (-2, -2)], np.zeros((1, 5, 2)))
    (axes,) = moments_figure.frames_figure(plane, 3.5, [0]).axes
    assert [(t, w.get_text()) for t, w in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)] == [
        (-2, "−2"),
        (0, "0"),
        (2, "2"),
    ]
    figure = comparison_figures.comparison_figure(["a"], ["x"], {(0, 0): plane}, 3.5)
    assert figure.axes[0].get_yticks().tolist() == [-2, 0, 2]
