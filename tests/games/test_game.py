"""Losses × penalties × update rules: stacks against single games, methods against their formulas and against none."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from torch import nn

from dynamics.base.curves import Curves
from dynamics.base.streams import Streams
from dynamics.engine.reference import AutogradStack
from dynamics.engine.training import train_stack
from dynamics.games.game import Game
from dynamics.games.losses import LOSSES, alpha_loss, make_loss
from dynamics.games.networks import MLP, discriminators, generators, make_pair
from dynamics.games.penalties import PENALTIES, Points, clip, noise_std
from dynamics.games.update_rules import UPDATES
from dynamics.settings.catalogue.names import NAMES
from dynamics.settings.messages import OptionError
from dynamics.settings.setting import Setting

SMALL = Setting(
    mode="mixture_4", std=0.3, hidden=5, batch_size=8, latent_dim=2, activation="tanh", unroll=2, lookahead_k=2
)
SINGLE = ["none", *PENALTIES, "r1+r2", "gp+spectral+instance_noise"]


def make(settings, seeds):
    return AutogradStack(settings, seeds, Curves(len(seeds), range(1, 100)), 16, torch.device("cpu"), torch.float64)


def trained(settings, seeds, steps=2):
    stack = make(settings, seeds)
    stack.begin()
    stack.advance(0, steps)
    return stack


def allowed(**options):
    """The setting, with one D step where more are refused; None where it is refused altogether."""
    for d_steps in (2, 1):
        try:
            return dataclasses.replace(SMALL, d_steps=d_steps, **options)
        except OptionError:
            pass
    return None


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("loss", LOSSES)
def test_a_stack_is_its_members_alone(loss, update):
    """Every loss × penalty × update rule that is allowed together, members of different weights, to 1e-12."""
    count = 0
    for penalty in SINGLE:
        base = allowed(loss=loss, update=update, penalty=penalty)
        if base is None:
            continue
        weight = 0.3 if penalty != "none" else None
        other = {"penalty_weight": weight, "lr": 3e-3, "alpha_d": 1.5, "alpha_g": 0.7, "mode": "ring_8", "slope": 0.5}
        settings = [base, dataclasses.replace(base, **other)]
        together = trained(settings, [3, 4])
        for m, (setting, seed) in enumerate(zip(settings, [3, 4], strict=True)):
            alone = trained([setting], [seed])
            # pairs leave D's constant open: its gradient is rounding, which Adam makes something of
            free = 1 if LOSSES[loss].facts.paired else 0
            for ours, theirs in ((together.G, alone.G), (together.D, alone.D)):
                a, b = (network.flat[row, : network.used - free] for network, row in ((ours, m), (theirs, 0)))
                torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12, msg=penalty)
            np.testing.assert_allclose(together.curves.sums[:, m], alone.curves.sums[:, 0], rtol=1e-10, atol=1e-12)
        count += 1
    assert count >= len(SINGLE) - 2


def test_what_is_refused_together():
    """Of 6 × 8 × 13: labels with losses that have none, consensus with unrolling; nothing else."""
    pairs = itertools.product(UPDATES, LOSSES, SINGLE)
    refused = {(u, x, p) for u, x, p in pairs if allowed(update=u, loss=x, penalty=p) is None}
    labels = set(itertools.product(UPDATES, ["hinge", "wasserstein", "relativistic"], ["label_smoothing"]))
    assert refused == labels | set(itertools.product(["unrolled"], LOSSES, ["consensus"]))


# --- methods against their formulas -----------------------------------------------------------------------------------


def sequential(stack, member=0):
    """A member of an MLP as nn.Sequential."""
    layers = []
    for matrix in stack.matrices:
        linear = nn.Linear(matrix.shape[1] - 1, matrix.shape[2], dtype=matrix.dtype)
        linear.weight.data, linear.bias.data = matrix[member, :-1].T.clone(), matrix[member, -1].clone()
        layers += [linear, nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def slopes(D, x):
    x = x.detach().requires_grad_()
    return torch.autograd.grad(D(x).sum(), x, create_graph=True)[0].norm(dim=1)


def by_hand(name, D, real, fake, batch, s):
    """D's loss with a penalty of weight s.penalties[name], as its paper has it."""
    w = s.penalties.get(name, 0)
    between = batch.uniform[0] * real + (1 - batch.uniform[0]) * fake if batch.uniform is not None else None
    if name == "instance_noise":
        real, fake = real + batch.noise[0][0], fake + batch.noise[1][0]
    on_real, on_fake = D(real), D(fake)
    label = 1 - (w if name == "label_smoothing" else 0)
    loss = nn.functional.binary_cross_entropy_with_logits(on_real, torch.full_like(on_real, label))
    loss = loss + nn.functional.binary_cross_entropy_with_logits(on_fake, torch.zeros_like(on_fake))
    return (
        loss
        + {
            "gp": lambda: w * (slopes(D, between) - s.slope).pow(2).mean(),
            "gp_one_sided": lambda: w * (slopes(D, between) - s.slope).clamp(min=0).pow(2).mean(),
            "r1": lambda: w / 2 * slopes(D, real).pow(2).mean(),
            "r2": lambda: w / 2 * slopes(D, fake).pow(2).mean(),
            "dragan": lambda: (
                w * (slopes(D, real + 0.5 * real.std(unbiased=False) * batch.normal[0]) - s.slope).pow(2).mean()
            ),
        }.get(name, lambda: 0.0)()
    )


@pytest.mark.parametrize("name", ["gp", "gp_one_sided", "r1", "r2", "dragan", "instance_noise", "label_smoothing"])
def test_what_d_descends_is_the_papers_formula(name):
    setting = dataclasses.replace(SMALL, penalty=f"{name}:0.4", slope=0.1)
    game = make([setting], [5]).game
    batch = game.d_batch()
    D = sequential(game.D)
    loss = by_hand(name, D, batch.real[0], game.G(batch.z)[0].detach(), batch, setting)
    torch.testing.assert_close(game.d_loss(game.g, game.d, batch)[0], loss, rtol=1e-12, atol=1e-12)
    gradients = torch.autograd.grad(loss, list(D.parameters()))
    ours = game.D.layers(game.gradient("d", game.g, game.d, batch))
    for matrix, weight, bias in zip(ours, gradients[::2], gradients[1::2], strict=True):
        torch.testing.assert_close(matrix[0, :-1], weight.T, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(matrix[0, -1], bias, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", [name for name, entry in PENALTIES.items() if entry.term])
def test_gradients_of_penalties(name):
    """First and second derivatives in D's parameters and in the fake points."""
    D = discriminators([0, 1], hidden=3, activation="tanh", dtype=torch.float64)
    draw = torch.Generator().manual_seed(0)
    real, fake, normal = (torch.randn(2, 3, 2, dtype=torch.float64, generator=draw) for _ in range(3))
    uniform = torch.rand(2, 3, 1, dtype=torch.float64, generator=draw)
    flat = D.flat[:, : D.used].clone() * 3  # steeper than 1 in places, so that one-sided penalties do something

    def term(flat, fake):
        whole = torch.cat([flat, flat.new_zeros(2, D.width - D.used)], 1)
        points = Points(real, fake, uniform, normal, torch.tensor([[0.2], [0.1]], dtype=torch.float64))
        return PENALTIES[name].term(lambda x: D.at(whole, x).squeeze(-1), points)

    inputs = (flat.requires_grad_(), fake.requires_grad_())
    assert torch.autograd.gradcheck(term, inputs)
    assert torch.autograd.gradgradcheck(term, inputs)


def test_a_flat_discriminator_has_finite_penalties():
    """All ReLUs dead: |∇D| = 0, where a norm has no derivative, and no second one, which unrolling needs."""
    D = discriminators([0], hidden=4)
    D.flat.fill_(-1)
    points = Points(*torch.ones(2, 1, 5, 2), torch.full((1, 5, 1), 0.5), torch.ones(1, 5, 2))
    for name, entry in PENALTIES.items():
        if entry.term:
            d = D.flat.clone().requires_grad_()
            value = entry.term(lambda x, d=d: D.at(d, x).squeeze(-1), points).sum()
            (gradient,) = torch.autograd.grad(value, d, create_graph=True)
            assert torch.isfinite(gradient).all(), name
            (second,) = torch.autograd.grad(gradient.square().sum() + 0 * d.sum(), d)
            assert torch.isfinite(second).all(), name


def test_consensus_adds_the_slope_of_the_squared_gradients():
    setting = dataclasses.replace(SMALL, hidden=3, penalty="consensus:0.7")
    game = make([setting], [1]).game
    batch = game.d_batch()

    def energy(g, d):
        of_d, of_g = game.field(g.clone().requires_grad_(), d.clone().requires_grad_(), batch)
        return 0.5 * (of_d.square().sum() + of_g.square().sum()).item()

    for player in "gd":
        plain = dataclasses.replace(setting, penalty="none")
        without = Game(game.G, game.D, [plain], game.source).gradient(player, game.g, game.d, batch)
        added = game.gradient(player, game.g, game.d, batch) - without
        for index in (0, 5, 11):  # central differences of the energy
            step = torch.zeros_like(getattr(game, player))
            step[0, index] = 1e-5
            at = {"g": game.g, "d": game.d}
            up, down = (energy(**{**at, player: at[player] + sign * step}) for sign in (1, -1))
            assert added[0, index].item() == pytest.approx(0.7 * (up - down) / 2e-5, rel=1e-5, abs=1e-9)


def test_clipped_weights_and_annealed_noise():
    flat = torch.tensor([[-2.0, 0.3, 5.0]]).repeat(2, 1)
    assert clip(flat, torch.tensor([0.5, 0.0])).tolist() == [[-0.5, pytest.approx(0.3), 0.5], flat[1].tolist()]
    assert trained([dataclasses.replace(SMALL, penalty="clip:0.05")], [0]).D.flat.abs().max() <= 0.05
    std = torch.tensor([0.5, 2.0])
    assert [noise_std(std, step, 10).tolist() for step in (0, 5, 10, 99)] == [[0.5, 2], [0.25, 1], [0, 0], [0, 0]]
    assert noise_std(std, 99, 0) is std


def test_alpha_losses_tend_to_the_logarithm():
    real, fake = torch.randn(2, 1, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    log = LOSSES["nonsaturating"]
    for alpha in (1 - 1e-6, 1.0, 1 + 1e-6):
        loss = make_loss([Setting(loss="alpha", alpha_d=alpha, alpha_g=alpha)])
        tolerance = 0 if alpha == 1 else 1e-5
        torch.testing.assert_close(
            loss.discriminator(real, fake), log.discriminator(real, fake), rtol=0, atol=tolerance
        )
        torch.testing.assert_close(loss.generator(fake), log.generator(fake), rtol=0, atol=tolerance)


@pytest.mark.parametrize("alpha", [0.5, 2.0, 7.0])
def test_alpha_losses_are_their_formula(alpha):
    """α/(α − 1) (1 − p^((α − 1)/α)) of the probability p of the right answer; slopes and optimum follow from it."""
    one = torch.tensor([alpha], dtype=torch.float64)
    t = torch.linspace(-3, 3, 13, dtype=torch.float64).unsqueeze(0).requires_grad_()
    for saturating in (False, True):
        loss = alpha_loss(one, one, saturating=saturating)

        def term(p):
            return alpha / (alpha - 1) * (1 - p ** ((alpha - 1) / alpha))

        p = torch.sigmoid(t)
        torch.testing.assert_close(loss.discriminator(t, t), (term(p) + term(1 - p)).mean(-1))
        g = -term(1 - p) if saturating else term(p)
        torch.testing.assert_close(loss.generator(t), g.mean(-1))
        real, fake, slope = (torch.empty_like(t) for _ in range(3))
        loss.discriminator_slopes(t.detach(), t.detach(), real, fake)
        torch.testing.assert_close(real, torch.autograd.grad(term(p).sum(), t, retain_graph=True)[0])
        torch.testing.assert_close(fake, torch.autograd.grad(term(1 - p).sum(), t, retain_graph=True)[0])
        loss.generator_slope(t.detach(), slope)
        torch.testing.assert_close(slope, torch.autograd.grad(g.sum(), t, retain_graph=True)[0])
        # where D's loss with weights e^t and 1 of the two terms is stationary
        best = loss.optimal_logit(t.detach())
        loss.discriminator_slopes(best, best, real, fake)
        torch.testing.assert_close(real * t.detach().exp() + fake, torch.zeros_like(t), rtol=0, atol=1e-12)


# --- switched on and off ----------------------------------------------------------------------------------------------


def final(setting, fast=None):
    *_, last = train_stack([setting] * 2, [0, 1], 6, [6], evaluation=32, fast=fast)
    return last


@pytest.mark.parametrize("fast", [None, False])
@pytest.mark.parametrize("name", PENALTIES)
def test_a_weight_of_0_is_no_penalty_bit_for_bit(name, fast):
    without = final(SMALL, fast)
    for options in ({"penalty": f"{name}:0"}, {"penalty": name, "penalty_weight": 0.0}):
        zero = final(dataclasses.replace(SMALL, **options), fast)
        assert np.array_equal(zero.samples, without.samples)
        assert np.array_equal(zero.curves, without.curves)
    usual = dataclasses.replace(SMALL, penalty=f"{name}:0.02", slope=0.0)
    assert not np.array_equal(final(usual).D.flat, final(SMALL, fast=False).D.flat)


@pytest.mark.parametrize("fast", [None, False])
def test_unrolling_by_0_steps_is_alternating_bit_for_bit(fast):
    a, b = final(SMALL, fast), final(dataclasses.replace(SMALL, update="unrolled", unroll=0), fast)
    assert np.array_equal(a.samples, b.samples)
    assert np.array_equal(a.curves, b.curves)
    # and the rule itself, which settings never ask for so: the same numbers, without a step to look through
    looked = make([dataclasses.replace(SMALL, update="unrolled")], [0])
    looked.game.unroll = 0
    looked.advance(0, 2)
    assert torch.equal(looked.G.flat, trained([SMALL], [0]).G.flat)


@pytest.mark.parametrize("fast", [None, False])
def test_packs_of_1_are_plain_bit_for_bit(fast):
    a, b = final(SMALL, fast), final(dataclasses.replace(SMALL, packing=1), fast)
    assert np.array_equal(a.samples, b.samples)


def test_packed_points_are_judged_together():
    """D of a pack is D of its points side by side: of equal points, that of (x, x)."""
    game = make([dataclasses.replace(SMALL, packing=2)], [0]).game
    batch = game.d_batch()
    assert game.D.sizes[0] == 4
    points = game._points(game.g, batch)
    assert torch.equal(points.real[0, 1], torch.cat([batch.real[0, 2], batch.real[0, 3]]))
    D = sequential(game.D)
    fake = game.G(batch.z)[0].reshape(4, 4)
    expected = nn.functional.softplus(-D(points.real[0])).mean() + nn.functional.softplus(D(fake)).mean()
    torch.testing.assert_close(game.d_loss(game.g, game.d, batch)[0], expected, rtol=1e-12, atol=1e-12)


def test_looking_back_with_a_share_of_1_is_alternating():
    a, b = (trained([s], [0], 5) for s in (SMALL, dataclasses.replace(SMALL, update="lookahead", lookahead_alpha=1.0)))
    torch.testing.assert_close(a.G.flat, b.G.flat, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("loss", ["nonsaturating", "minimax", "alpha_minimax", "wasserstein", "lsgan"])
def test_unrolling_differentiates_through_ds_steps(loss):
    """G's gradient is that of its loss after D's steps, as central differences of the whole see it. In a zero-sum game
    that is the value (Metz et al. 2017, eq. 9), −(D's loss), with its real term: D's steps depend on G."""
    setting = dataclasses.replace(SMALL, hidden=3, update="unrolled", optimizer="sgd", lr=0.5, unroll=3, loss=loss)
    game = make([setting], [2]).game
    batch = game.g_batch()

    def unrolled(g):
        d = game.d.clone()
        for _ in range(3):
            d = d - 0.5 * game.gradient("d", g, d, batch, record=False)
        if loss in ("minimax", "alpha_minimax", "wasserstein"):
            return -game.d_loss(g, d, batch).item()
        return game.g_loss(g, d, batch).item()

    before = game.g.clone()
    game.g_batch = lambda: batch
    game.rule.step()
    d = game.d.clone()
    for _ in range(3):
        d = d - 0.5 * game.gradient("d", before, d, batch, record=False)
    assert game.g_mean.item() == pytest.approx(game.g_loss(before, d, batch).item(), rel=1e-12)  # as it is told of
    for index in (0, 4, 10):
        step = torch.zeros_like(before)
        step[0, index] = 1e-5
        slope = (unrolled(before + step) - unrolled(before - step)) / 2e-5
        assert (before - game.g)[0, index].item() / 0.5 == pytest.approx(slope, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize(("train", "still"), [("d", "G"), ("g", "D")])
@pytest.mark.parametrize("update", UPDATES)
def test_a_player_that_does_not_learn_stays(update, train, still):
    setting = allowed(update=update, train=train)
    if setting is None:
        pytest.skip("refused")
    start, end = make([setting], [0]), trained([setting], [0])
    other = {"G": "D", "D": "G"}[still]
    assert torch.equal(getattr(start, still).flat, getattr(end, still).flat)
    assert not torch.equal(getattr(start, other).flat, getattr(end, other).flat)
    assert np.isfinite(end.curves.sums[:, :, :2]).all()
    assert (end.curves.sums[:, :, :2] != 0).all()  # its loss is looked at all the same


def test_warming_up_is_training_d_alone():
    alone = make([SMALL], [0])
    for _ in range(7):
        alone.game.rule.descend_d()
    warm = make([dataclasses.replace(SMALL, train="g", warmup=7)], [0])
    warm.begin()
    assert torch.equal(warm.D.flat, alone.D.flat)
    assert torch.equal(warm.G.flat, alone.G.flat)


def test_what_a_rule_remembers_begins_where_the_game_does():
    """Looking back, with next to no share of the way kept, is back at the players that the game began with: those that
    were given, D after its warm-up. The average of G's weights begins there too."""
    setting = dataclasses.replace(SMALL, update="lookahead", lookahead_alpha=1e-12, warmup=4, ema=1 - 1e-12)
    given = make([SMALL], [9]).G.flat
    stack = make([setting], [0])
    stack.begin((given, None))
    begun = stack.D.flat.clone()
    assert torch.equal(stack.G.flat, given)
    stack.advance(0, 2)  # --lookahead-k rounds
    torch.testing.assert_close(stack.G.flat, given, rtol=0, atol=1e-11)
    torch.testing.assert_close(stack.D.flat, begun, rtol=0, atol=1e-11)
    torch.testing.assert_close(stack.average.flat, given, rtol=0, atol=1e-11)
    stack.advance(2, 3)
    assert (stack.G.flat - given).abs().max() > 1e-4


def test_a_stream_is_made_once(monkeypatch):
    made = []
    monkeypatch.setattr("dynamics.engine.reference.Streams", lambda *how: made.append(how[1]) or Streams(*how))
    make([SMALL], [0]).advance(0, 5)
    assert sorted(made) == ["choice", "evaluation", "latent", "noise"]


def test_a_fixed_data_set_is_drawn_from():
    setting = dataclasses.replace(SMALL, data_size=5, batch_size=400)
    stack = make([setting] * 2, [0, 1])
    points = torch.cat([stack.reals(), stack.g_reals()], 1)
    for m in range(2):
        distinct = torch.unique(points[m], dim=0)
        assert len(distinct) == 5
        assert {tuple(p) for p in distinct.tolist()} == {tuple(p) for p in stack.data[m].tolist()}
    assert not torch.equal(stack.data[0], stack.data[1])


def test_the_average_of_weights_is_exponential():
    setting = dataclasses.replace(SMALL, ema=0.75)
    stack, weights = make([setting], [0]), []
    start = stack.G.flat.clone()
    for step in range(4):
        stack.advance(step, step + 1)
        weights.append(stack.G.flat.clone())
    expected = 0.75**4 * start + sum(0.25 * 0.75 ** (3 - k) * w for k, w in enumerate(weights))
    torch.testing.assert_close(stack.average.flat, expected, rtol=1e-12, atol=1e-14)
    averaged = stack.samples(stack.averaged())
    np.testing.assert_allclose(
        averaged[0], sequential(MLP.of(expected, stack.G.sizes, "tanh"))(stack.fixed_z[0]).detach()
    )
    assert trained([SMALL], [0]).averaged() is None


# --- networks ---------------------------------------------------------------------------------------------------------


def test_batch_normalisation_is_torchs_and_folds():
    setting = dataclasses.replace(SMALL, norm="batch", layers=3)
    G, _ = make_pair([setting] * 2, [0, 1], dtype=torch.float64)
    draw = torch.Generator().manual_seed(0)
    G.flat[:, : G.used] = torch.randn(2, G.used, dtype=torch.float64, generator=draw)  # γ, β other than 1, 0
    z = torch.randn(2, 40, 2, dtype=torch.float64, generator=draw)
    for m in range(2):
        x = z[m]
        for layer, matrix in enumerate(G.layers(G.flat)):
            inputs = G.weights[layer][0]
            x = x @ matrix[m, :inputs]
            if layer < 3:
                x = torch.tanh(nn.functional.batch_norm(x, None, None, matrix[m, -2], matrix[m, -1], training=True))
            else:
                x = x + matrix[m, -1]
        torch.testing.assert_close(G(z)[m], x, rtol=1e-12, atol=1e-12)
    plain = G.plain(z)
    assert plain.norm == "none"
    torch.testing.assert_close(plain(z), G(z), rtol=1e-11, atol=1e-11)


def test_spectral_normalisation_follows_the_largest_singular_value():
    setting = dataclasses.replace(SMALL, penalty="spectral:0.8", hidden=30)
    off = dataclasses.replace(SMALL, hidden=30)
    _, D = make_pair([setting] * 2, [0, 1], dtype=torch.float64)
    _, without = make_pair([off] * 2, [0, 1], dtype=torch.float64)
    assert torch.equal(D.flat, without.flat)
    x = torch.randn(2, 9, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(D.plain()(x), D(x), rtol=1e-12, atol=1e-12)
    for _ in range(3000):
        D.follow()
    for matrix in D.plain().layers(D.plain().flat):
        norms = torch.linalg.matrix_norm(matrix[:, :-1], 2)
        torch.testing.assert_close(norms, torch.full((2,), 0.8, dtype=torch.float64), rtol=1e-6, atol=0)
    assert D.plain().spectral is None


def test_maxout_is_the_largest_piece():
    setting = dataclasses.replace(SMALL, activation_d="maxout", pieces=3, hidden_d=4)
    _, D = make_pair([setting], [0], dtype=torch.float64)
    x = torch.randn(1, 6, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    h = x[0]
    first, second, last = (matrix[0] for matrix in D.layers(D.flat))
    for matrix in (first, second):
        h = (h @ matrix[:-1] + matrix[-1]).reshape(6, 4, 3).max(2).values
    torch.testing.assert_close(D(x)[0], h @ last[:-1] + last[-1], rtol=1e-12, atol=1e-12)


def test_the_last_layer_sees_how_much_the_batch_varies():
    setting = dataclasses.replace(SMALL, minibatch_std=1)
    _, D = make_pair([setting], [0], dtype=torch.float64)
    x = torch.randn(1, 6, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    first, second, last = (matrix[0] for matrix in D.layers(D.flat))
    h = torch.tanh(torch.tanh(x[0] @ first[:-1] + first[-1]) @ second[:-1] + second[-1])
    spread = (h.var(0, unbiased=False) + 1e-8).sqrt().mean()
    expected = h @ last[:-2] + spread * last[-2] + last[-1]
    torch.testing.assert_close(D(x)[0], expected, rtol=1e-12, atol=1e-12)
    # real and fake points each see their own: judged together they would see each other
    game = make([setting], [0]).game
    batch = game.d_batch()
    on_real, on_fake = (game.D(x).squeeze(-1) for x in (batch.real, game.G(batch.z)))
    torch.testing.assert_close(game.d_loss(game.g, game.d, batch), LOSSES["minimax"].discriminator(on_real, on_fake))


def test_initial_weights_have_their_gain_and_their_last_layer():
    plain, wide = (generators([0], hidden=200, init="orthogonal", gain=gain, dtype=torch.float64) for gain in (1, 1.4))
    torch.testing.assert_close(wide.matrices[1][:, :-1], 1.4 * plain.matrices[1][:, :-1])
    D = discriminators([0], hidden=512, layers=3, init="he_glorot", dtype=torch.float64)
    bounds = [(6 / 2) ** 0.5, (6 / 512) ** 0.5, (6 / 512) ** 0.5, (6 / 513) ** 0.5]
    for matrix, bound in zip(D.matrices, bounds, strict=True):
        assert 0.95 * bound < matrix[0, :-1].abs().max() <= bound


def test_every_update_rule_and_penalty_trains_on():
    """Some steps of each, from float32 stacks as studies train them: finite, and G has moved."""
    for name, value in [*(("update", u) for u in NAMES["update"]), *(("penalty", p) for p in NAMES["penalty"])]:
        setting = dataclasses.replace(SMALL, d_steps=1, hidden=16, batch_size=32, **{name: value})
        *_, last = train_stack([setting], [0], 25, [25], evaluation=32)
        assert np.isfinite(last.samples).all(), value
        assert np.isfinite(last.curves).all(), value
