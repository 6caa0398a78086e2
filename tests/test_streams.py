import numpy as np
import pytest
import torch

from streams import PURPOSES, Streams, spawn


def test_a_member_draws_alone_what_it_draws_among_others():
    alone = Streams([3], "latent").normal(50, 2)[0]
    for seeds in (range(4), range(64)):
        assert np.array_equal(Streams(seeds, "latent").normal(50, 2)[3], alone)


@pytest.mark.parametrize("draw", ["normal", "uniform"])
def test_a_stream_is_consumed_number_by_number(draw):
    whole = getattr(Streams([5, 6], "noise"), draw)(128, 2)
    parts = Streams([5, 6], "noise")
    pieces = [getattr(parts, draw)(n, 2) for n in (1, 99, 28)]
    assert np.array_equal(np.concatenate(pieces, 1), whole)


def test_purposes_and_seeds_are_independent():
    draws = np.stack([spawn(seed, purpose).standard_normal(20_000) for seed in (0, 1) for purpose in PURPOSES])
    correlation = np.corrcoef(draws) - np.eye(len(draws))
    assert np.abs(correlation).max() < 5 / np.sqrt(20_000)  # five standard errors over 91 pairs


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
