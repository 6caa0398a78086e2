"""Sizes of networks: against the tensors that networks are made of, and counted by hand."""

import pytest

from dynamics.games.networks import make_pair, plain_pair
from dynamics.settings.catalogue.games import ACTIVATIONS
from dynamics.settings.network_sizes import Layers, discriminator_sizes, generator_sizes, parameters, players
from dynamics.settings.setting import Setting

SETTINGS = [
    Setting(),
    Setting(latent_dim=3, hidden=5, layers=1, hidden_d=7, layers_d=3),
    Setting(packing=2, hidden=6, minibatch_std=1),
    Setting(hidden=6, norm="batch", activation="tanh", activation_d="maxout", pieces=3),
    *(Setting(hidden=9, activation=activation) for activation in ACTIVATIONS),
]


@pytest.mark.parametrize("setting", SETTINGS)
def test_sizes_are_those_of_the_tensors(setting):
    for network, layers in zip(make_pair([setting], [0]), players(setting), strict=True):
        assert [tuple(matrix.shape[1:]) for matrix in network.matrices] == layers.shapes
        assert sum(matrix.numel() for matrix in network.matrices) == layers.used
        assert network.flat.shape == (1, layers.width)
        assert layers.hidden_units == sum(layers.sizes[1:-1])


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_run_keeps_networks_with_normalisations_folded_in(setting):
    import torch

    z = torch.randn(1, 8, setting.latent_dim)
    flats = [
        (network.plain(z) if k == 0 else network.plain()).flat for k, network in enumerate(make_pair([setting], [0]))
    ]
    assert tuple(flat.shape[1] for flat in flats) == parameters(setting)
    pair = plain_pair(setting, *flats)
    for network, layers in zip(pair, players(setting), strict=True):
        assert network.shapes == layers.plain.shapes


def test_counted_by_hand():
    """G: (2 + 1) 64, (64 + 1) 64, (64 + 1) 2 numbers, rounded up to whole 64s; D: the last (64 + 1)."""
    g, d = players(Setting())
    assert (g.used, d.used) == (192 + 4160 + 130, 192 + 4160 + 65)
    assert parameters(Setting()) == (4544, 4480)
    assert (g.products, d.products) == (128 + 4096 + 128, 128 + 4096 + 64)
    maxout = Layers((2, 4, 1), "maxout", pieces=3, norm="batch", batch_std=True)
    assert maxout.weights == [(2, 12), (5, 1)]
    assert maxout.shapes == [(4, 12), (6, 1)]
    assert maxout.plain.shapes == [(3, 12), (6, 1)]
    assert (generator_sizes(3, 8, 2), discriminator_sizes(4, 8, 1)) == ((3, 8, 8, 2), (8, 8, 1))


def test_an_activation_that_there_is_not_is_an_error():
    with pytest.raises(KeyError, match="step"):
        _ = Layers((2, 4, 1), "step").weights
