"""Densities against closed forms, and contour lines where a Gaussian's deviations are."""

import numpy as np
import pytest
from figure_checks import HALF, pixels, plane
from scipy.ndimage import gaussian_filter
from scipy.stats import multivariate_normal

from dynamics.pictures import (
    density_axes,
    density_maps,
    figure_style,
)
from dynamics.pictures.density_maps import Plane, generated_density, grid_points


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
    assert density.max() / density_maps.smoothed_peak(perfect, HALF) == pytest.approx(1, abs=0.05)
    half_peak = density_maps.heat(np.array([0.0, 0.25, 1.0, 9.0]), 1.0)
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


def test_contours_are_drawn_at_one_two_and_three_standard_deviations():
    std = 1.0
    density = multivariate_normal((0, 0), std**2).pdf(grid_points(HALF, 40))  # coarse on purpose
    lines = density_maps.contour_lines(density, HALF)
    for line, expected in zip(lines, (3, 2, 1), strict=True):
        np.testing.assert_allclose(np.linalg.norm(line.vertices, axis=1), expected * std, atol=0.01)
    figure = figure_style.new_figure(4, 4, "")
    for left in (0, 0.5):  # the same lines in two places
        axes = figure.add_axes((left, 0, 0.5, 0.5), xlim=(-HALF, HALF), ylim=(-HALF, HALF))
        axes.set_axis_off()
        density_axes.draw_contours(axes, lines, 1.0)
    drawn = pixels(figure)[200:].sum(axis=2) < 3 * 128
    np.testing.assert_array_equal(drawn[:, :200], drawn[:, 200:])
    x, y = (np.flatnonzero(drawn[:, :200].any(axis=axis)) for axis in (0, 1))
    for ends in (x, y):  # 25 pixels a std
        assert (ends[0], ends[-1]) == pytest.approx((100 - 75, 100 + 75), abs=1.5)


def test_a_density_without_levels_has_no_contours():
    for density in (np.zeros((8, 8)), np.ones((8, 8))):
        assert density_maps.contour_lines(density, HALF) == []
