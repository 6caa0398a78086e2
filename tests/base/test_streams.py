import math

import numpy as np
import pytest
import scipy.stats
import torch

from dynamics.base.streams import PURPOSES, Streams, spawn


def test_a_member_draws_alone_what_it_draws_among_others():
    alone = Streams([3], "latent").normal(50, 2)[0]
    for seeds in (range(4), range(64)):
        assert np.array_equal(Streams(seeds, "latent").normal(50, 2)[3], alone)


@pytest.mark.parametrize("draw", ["normal", "uniform"])
def test_a_stream_may_be_cut_anywhere(draw):
    whole = getattr(Streams([5, 6], "noise"), draw)(1283, 3)
    parts = Streams([5, 6], "noise")
    pieces = [getattr(parts, draw)(n, 3) for n in (1, 2, 99, 28, 1153)]
    assert np.array_equal(np.concatenate(pieces, 1), whole)


def splitmix(x):
    """The finaliser with Python's whole numbers: Steele, Lea & Flood 2014, figure 16."""
    mask = (1 << 64) - 1
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
    return x ^ (x >> 31)


def test_numbers_are_what_the_formula_says():
    stream = Streams([7], "latent")
    uniform, normal = stream.uniform(10)[0], Streams([7], "latent").normal(10)[0]
    for j in range(5):
        counter = splitmix((j + 1) * 0x9E3779B97F4A7C15 & (1 << 64) - 1)
        word = splitmix((counter + int(stream.keys[0])) & (1 << 64) - 1)
        upper, lower = word >> 32, word & 0xFFFFFFFF
        assert tuple(uniform[2 * j : 2 * j + 2]) == ((upper >> 8) / 2**24, (lower >> 8) / 2**24)
        radius, angle = math.sqrt(-2 * math.log((upper + 1) / 2**32)), 2 * math.pi * lower / 2**32
        expected = (radius * math.cos(angle), radius * math.sin(angle))
        np.testing.assert_allclose(normal[2 * j : 2 * j + 2], expected, rtol=1e-5, atol=1e-6)


def test_numbers_have_their_distributions():
    normal, uniform = Streams([0, 1], "noise").normal(200_000), Streams([0, 1], "choice").uniform(200_000)
    for row, name in ((normal[0], "norm"), (normal[1], "norm"), (uniform[0], "uniform"), (uniform[1], "uniform")):
        assert scipy.stats.kstest(row, name).pvalue > 0.001
        # in halves of words, in neighbours, and in squares, which share a radius but should not show it
        for values in (row, row**2):
            for lag in (1, 2, 3):
                assert abs(np.corrcoef(values[:-lag], values[lag:])[0, 1]) < 4.5 / 200_000**0.5
    cells = np.histogramdd(uniform[0].reshape(-1, 4), 8, [(0, 1)] * 4)[0].ravel()  # 4096 cells of 12.2 points
    assert scipy.stats.chisquare(cells).pvalue > 0.001


def test_purposes_and_seeds_are_independent():
    draws = np.concatenate([Streams([0, 1], purpose).normal(20_000) for purpose in PURPOSES])
    correlation = np.corrcoef(draws) - np.eye(len(draws))
    assert np.abs(correlation).max() < 5 / np.sqrt(20_000)  # five standard errors over 91 pairs
    draws = np.stack([spawn(seed, purpose).standard_normal(20_000) for seed in (0, 1) for purpose in PURPOSES])
    assert np.abs(np.corrcoef(draws) - np.eye(len(draws))).max() < 5 / np.sqrt(20_000)


def test_large_seeds_are_different_and_wrong_ones_refused():
    assert spawn(2**63 - 1, "latent").random() != spawn(2**63 - 2, "latent").random()
    with pytest.raises(ValueError, match="non-negative"):
        spawn(-1, "latent")
    with pytest.raises(ValueError, match="tuple"):
        spawn(0, "nothing")


def test_no_global_generator_is_touched():
    ours, theirs = np.random.get_state()[1].copy(), torch.get_rng_state()
    Streams([0], "noise").normal(10)
    assert np.array_equal(np.random.get_state()[1], ours)
    assert torch.equal(torch.get_rng_state(), theirs)
