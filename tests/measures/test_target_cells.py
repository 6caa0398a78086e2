"""Cells of a target and masses in them, against differences of normal cdfs."""

import math

import numpy as np
import pytest
import torch
from linear_players import gaussian_generator, jsd2, linear
from scipy import special

from dynamics.games.networks import generators
from dynamics.measures.generated_mass import binned, cut_to, landings
from dynamics.measures.target_cells import Cells, cells
from dynamics.targets.registry import make_target


@pytest.mark.parametrize("mode", ["gaussian", "ring_8", "checkerboard", "circles"])
def test_cells_tile_the_window_and_are_found(mode):
    grid = cells(make_target(mode))
    width = grid.half_width
    assert (grid.side**2).sum() == pytest.approx((2 * width) ** 2, rel=1e-12)
    assert np.array_equal(grid.of(*grid.centre.T), np.arange(len(grid.side)))
    x = np.random.default_rng(0).uniform(-width, width, (2, 5000))
    cell = grid.of(*x)
    assert (np.abs(x.T - grid.centre[cell]) <= grid.side[cell][:, None] / 2 * (1 + 1e-12)).all()
    far = grid.of(np.array([1e30, -1e30]), np.array([1e30, 0.0]))  # the border cells reach to infinity
    assert np.allclose(
        grid.centre[far] + [[1, 1], [-1, 0]] * grid.side[far][:, None] / 2,
        [[width, width], [-width, grid.centre[far[1], 1]]],
    )


@pytest.mark.parametrize(("mode", "std"), [("gaussian", None), ("mixture_4", None), ("ring_8", None), ("ring_8", 0.01)])
def test_masses_of_a_mixture_are_differences_of_normal_cdfs(mode, std):
    target = make_target(mode, std)
    grid = cells(target)
    exact = np.zeros_like(grid.p)
    for centre, weight in zip(target.modes.centres, target.modes.weights, strict=True):
        exact += weight * box_mass(grid, centre, target.std)
    assert exact.sum() == pytest.approx(1, abs=1e-12)
    assert np.abs(grid.p - exact).sum() < (2e-3 if std == 0.01 else 2e-4)
    assert grid.p.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(np.exp(grid.log_p), grid.p, rtol=1e-12)


def box_mass(grid: Cells, centre, std):
    """N(centre, std² I) in each cell; those at the border reach to infinity."""
    low, high = (grid.centre + sign * grid.side[:, None] / 2 for sign in (-1, 1))
    low[low < -grid.half_width * (1 - 1e-9)], high[high > grid.half_width * (1 - 1e-9)] = -np.inf, np.inf
    low, high = (low - centre) / std, (high - centre) / std
    return (special.ndtr(high) - special.ndtr(low)).prod(1)


@pytest.mark.parametrize("mode", ["gaussian", "mixture_4", "ring_8", "grid_25", "circles", "checkerboard", "two_moons"])
def test_cells_are_as_fine_as_the_target(mode):
    """The divergence of a target from itself at √2 times its std is all in its finest structure: merging the points
    of 4 × 4 Gauss-Legendre nodes a cell takes little off it."""
    target = make_target(mode)
    wide = make_target(mode, math.sqrt(2) * target.std)
    grid = cells(target)
    node, weight = np.polynomial.legendre.leggauss(4)
    offset = np.stack(np.meshgrid(node, node, indexing="ij"), -1)
    at = torch.from_numpy(grid.centre[:, None, None] + offset * grid.side[:, None, None, None] / 2)
    area = np.outer(weight, weight) / 4 * (grid.side**2)[:, None, None]
    p, g = (np.exp(t.log_prob(at).numpy().clip(-500)) * area for t in (target, wide))
    fine = jsd2(p, g)
    binned = jsd2(p.sum((1, 2)), g.sum((1, 2)))
    assert 0 <= fine - binned < 0.004
    assert binned > 0.7 * fine > 0.002  # the blurred edges of a checkerboard are little of it


def masses_in(G, grid):
    """A generator's mass g (C,) in the cells as they are, and g × mean position (C, 2)."""
    ((x, y, weights),) = landings(G, 1)
    return binned(grid.of(x, y), x, y, weights, len(grid.p))


@pytest.mark.parametrize(("latent_dim", "within"), [(2, 0.012), (1, None), (5, 0.05)])
def test_masses_of_a_linear_generator(latent_dim, within):
    grid = cells(make_target("gaussian"))
    if within is None:  # a line: half of its mass on either side of its middle
        G = linear(generators([0], latent_dim=1, layers=0), ([[0.3, 0.9]], [2.0, 2.0]))
        mass, moment = masses_in(G, grid)
        np.testing.assert_allclose(moment.sum(0), [2, 2], atol=1e-4)
        off = (grid.centre - 2) @ [0.9, -0.3] / math.hypot(0.9, 0.3)  # distance from the line
        assert mass[np.abs(off) > grid.side].sum() == 0
        assert mass.sum() == pytest.approx(1)
        return
    mass, moment = masses_in(gaussian_generator((1.5, 2.5), 0.8, latent_dim), grid)
    exact = box_mass(grid, [1.5, 2.5], 0.8)
    assert mass.sum() == pytest.approx(1, abs=1e-12)
    assert np.abs(mass - exact).sum() / 2 < within  # total variation
    np.testing.assert_allclose(moment.sum(0), [1.5, 2.5], atol=2e-3)


def test_a_crowded_cell_is_cut_into_quarters_with_their_own_mass():
    """All points in one cell: it is cut up to four times, and every square has the target's mass in it."""
    grid = cells(make_target("gaussian"))
    home = grid.of(np.array([1.0]), np.array([2.5]))[0]
    rng = np.random.default_rng(0)
    x, y = grid.centre[home][:, None] + grid.side[home] * rng.uniform(-0.5, 0.5, (2, 5000))
    squares, mass, moment = cut_to(grid, x, y, np.full(5000, 1 / 5000))
    within = (np.abs(squares.centre - grid.centre[home]) < grid.side[home] / 2).all(1) & (squares.p > 0)
    assert np.count_nonzero(within) >= 5000 / 100
    exact = box_mass(Cells(grid.half_width, grid.table, squares, grid.closed, ()), [2, 2], 1.2)
    np.testing.assert_allclose(squares.p[within], exact[within], rtol=1e-4)
    np.testing.assert_allclose(squares.log_p[within], np.log(exact[within]), atol=1e-4)
    assert squares.p.sum() == pytest.approx(1, abs=1e-12)
    assert mass[within].sum() == pytest.approx(1, abs=1e-12)
    counted = [
        ((np.abs(np.stack([x, y], 1) - centre) <= side / 2).all(1).mean())
        for centre, side in zip(squares.centre[within], squares.side[within], strict=True)
    ]
    np.testing.assert_allclose(mass[within], counted, atol=1e-12)
    np.testing.assert_allclose(moment.sum(0), [x.mean(), y.mean()], atol=1e-12)


def test_few_points_are_spread_over_the_square_that_they_are_few_in():
    """A single point in a mode of ring_8, cut finely: its mass lies evenly in a square of the coarsest level."""
    grid = cells(make_target("ring_8"))
    squares, mass, moment = cut_to(grid, np.array([2.001]), np.array([0.001]), np.ones(1))
    assert squares is grid.squares
    side = 2 * grid.half_width / 32
    corner = np.floor(np.array([2.001, 0.001]) / side) * side
    within = (np.abs(grid.centre - corner - side / 2) < side / 2).all(1)
    assert np.count_nonzero(within) > 50
    np.testing.assert_allclose(mass[within], (grid.side[within] / side) ** 2, rtol=1e-12)
    assert mass.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(moment[within], mass[within, None] * grid.centre[within], rtol=1e-12)
