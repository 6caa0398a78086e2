"""The figure of losses, against what it was given."""

import numpy as np
import pytest
from figure_checks import assert_nothing_clipped, height, pixels

from dynamics.pictures import (
    colours,
    losses_over_training,
)


def test_losses_are_medians_of_the_finite_seeds():
    rng = np.random.default_rng(0)
    steps = np.arange(1, 51) * 20
    d_loss, g_loss = rng.normal(1.4, 0.1, (8, 50)), rng.normal(0.7, 0.1, (8, 50))
    d_real, d_fake = rng.uniform(0.4, 0.6, (2, 8, 50))
    g_loss[3, 30:] = np.geomspace(1, 1e9, 20)
    g_loss[3, 45:] = np.nan
    equilibrium = {"D": 2 * np.log(2), "G": np.log(2)}
    figure = losses_over_training.losses_figure("made up", steps, d_loss, g_loss, d_real, d_fake, equilibrium)
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
    without = losses_over_training.losses_figure(
        "", steps, d_loss[others], g_loss[others], d_real[others], d_fake[others], equilibrium
    )
    assert losses.get_ylim() == without.axes[0].get_ylim()  # the diverged seed flattens nothing
    assert_nothing_clipped(figure)


@pytest.mark.parametrize("chance", [0.45, 0.622, None])
def test_the_line_of_d_is_where_its_means_are_at_equilibrium(chance):
    rng = np.random.default_rng(0)
    curves = rng.uniform(0.4, 0.6, (4, 2, 9))
    figure = losses_over_training.losses_figure("made up", np.arange(1, 10), *curves, {"D": 1.4}, chance=chance)
    level = [height(line)[0] for line in figure.axes[1].lines[2:]]
    assert level == ([] if chance is None else [chance])
    assert_nothing_clipped(figure)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_losses_of_one_seed_that_has_nothing_to_show(value):
    nothing = np.full((1, 3), value)
    figure = losses_over_training.losses_figure("", np.array([1, 2, 3]), nothing, nothing, nothing, nothing)
    assert np.isfinite(figure.axes[0].get_ylim()).all()
    assert ("1 of 1 seeds diverged" in figure.texts[1].get_text()) == (not np.isfinite(value))
    pixels(figure)
