"""What D's weights must be they are wherever any update rule looks: from the first step on, ahead, back and between."""

import dataclasses

import numpy as np
import pytest
import torch

from dynamics.base.curves import Curves
from dynamics.engine.reference import AutogradStack
from dynamics.engine.training import train_stack
from dynamics.games.networks import MLP, discriminators
from dynamics.games.update_rules import UPDATES
from dynamics.settings.messages import OptionError
from dynamics.settings.setting import Setting
from dynamics.theory.two_number_games import make_game, plain, play

SMALL = Setting(
    mode="mixture_4", std=0.3, hidden=6, batch_size=8, activation="tanh", unroll=2, lookahead_k=2, lr=0.05, d_steps=2
)
BOUNDS = (0.05, 0.2)


def settings_of(update, penalty, **options):
    """Two members' settings, of weights 0.05 and 0.2 for clip, 0.5 and 2 for spectral."""
    options = {"update": update, "d_steps": 1 if update == "extragradient" else 2} | options
    weights = BOUNDS if penalty == "clip" else (0.5, 2.0)
    return [dataclasses.replace(SMALL, penalty=penalty, penalty_weight=w, **options) for w in weights]


def make(settings, dtype=torch.float64, seeds=(0, 1)):
    return AutogradStack(settings, seeds, Curves(len(seeds), range(1, 100)), 16, torch.device("cpu"), dtype)


def watched(stack, look):
    """Have `look` called with D's parameters whenever a loss is taken of a D."""
    for name in ("d_loss", "g_loss"):
        loss = getattr(stack.game, name)

        def looked(g, d, batch, *, loss=loss, **how):
            look(d.detach().clone())
            return loss(g, d, batch, **how)

        setattr(stack.game, name, looked)
    return stack


WAYS = {
    "both": {},
    "D alone": {"train": "d"},
    "G alone": {"train": "g"},
    "after a warm-up": {"warmup": 3},
    "consensus too": {"consensus": True},
    "momentum": {"optimizer": "momentum"},
}


def asked(update, penalty, way):
    options = dict(WAYS[way])
    try:
        settings = settings_of(update, penalty, **{k: v for k, v in options.items() if k != "consensus"})
        if options.get("consensus"):
            settings = [
                dataclasses.replace(s, penalty=f"{penalty}:{s.penalties[penalty]}+consensus:0.1", penalty_weight=None)
                for s in settings
            ]
    except OptionError:
        pytest.skip("refused")
    return settings


# --- clip: the box ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("update", UPDATES)
def test_no_rule_looks_at_a_d_outside_its_box(update, way):
    """Not at the present one, not at those of what it remembers or looks ahead to; players that were given included."""
    seen = []
    bounds = torch.tensor(BOUNDS, dtype=torch.float64)[:, None]
    for given in (False, True):
        stack = watched(make(asked(update, "clip", way)), seen.append)
        start = torch.linspace(-3, 3, stack.D.width, dtype=torch.float64).repeat(2, 1) if given else None
        stack.begin((None, start))
        seen.append(stack.D.flat.clone())
        for step in range(9):
            stack.advance(step, step + 1)
            seen += [stack.D.flat.clone(), stack.networks()[1].flat]
            seen += [tensor for tensor in stack.game.rule.state if tensor.shape == stack.D.flat.shape][:1]  # D's, first
    assert len(seen) > 50
    assert all((d.abs() <= bounds).all() for d in seen)
    assert any((d.abs() == bounds).any(1).all() for d in seen)  # it is the box of either that holds them


def test_lookahead_keeps_the_box_for_good():
    """Single precision, the bound as it is there; the slow weights begin in the box and stay, to the last bit."""
    setting = dataclasses.replace(
        SMALL, penalty="clip:0.01", update="lookahead", lookahead_k=5, hidden=16, lr=1e-3, activation="relu"
    )
    most = np.float32(0.01)
    snapshots = list(train_stack([setting], [0], 60, range(61), evaluation=4))
    assert len(snapshots) == 61
    for snapshot in snapshots:
        assert np.abs(snapshot.D.flat.detach().numpy()).max() <= most, snapshot.step


FIRST_ROUNDS = {  # (θ, ψ) of the Wasserstein Dirac game from (1, 1) at rate 0.2, ψ clipped to 0.5: by hand
    "alternating": [(1.06, 0.3), (1.0776, 0.088)],
    "simultaneous": [(1.1, 0.3), (1.16, 0.08)],
    "extragradient": [(1.06, 0.28), (1.0736, 0.0568)],
    "optimistic": [(1.1, 0.3), (1.12, 0.06)],
    "unrolled": None,  # of a linear game: as below
    "lookahead": [(1.03, 0.4), (1.0494, 0.297)],
}


@pytest.mark.parametrize("update", [name for name, known in FIRST_ROUNDS.items() if known])
def test_the_first_rounds_begin_in_the_box(update):
    """D first. Alternating: ψ = 0.5 − 0.2, θ = 1 + 0.2 ψ; simultaneous: θ = 1 + 0.2 · 0.5; lookahead, of one round and
    a half kept: half-way between 0.5 and 0.3, not between 1 and 0.5."""
    setting = plain("wasserstein", penalty="clip:0.5", update=update, lookahead_k=1, lookahead_alpha=0.5)
    path = play(make_game([setting], np.array([(1.0, 1.0)])), 2)[:, 0]
    np.testing.assert_allclose(path, [(1.0, 0.5), *FIRST_ROUNDS[update]], rtol=1e-12)


def test_every_rule_has_its_first_rounds():
    assert set(FIRST_ROUNDS) == set(UPDATES)


def test_unrolled_steps_are_clipped_as_they_are_seen():
    """ψ = 0.5 − 0.2 θ first. Then G sees ψ fall by 0.2 θ a step, for two steps, and stay once it is at the bound: from
    θ = 3, ψ = −0.1 is seen at −0.5, where G's slope is −ψ alone."""
    for theta, seen in ((0.5, 0.4 - 4 * 0.2 * 0.5), (3.0, -0.5)):
        setting = plain("wasserstein", penalty="clip:0.5", update="unrolled", unroll=2)
        path = play(make_game([setting], np.array([(theta, 1.0)])), 1)[:, 0]
        # L_G = −θ (ψ − 2hθ), of slope −(ψ − 4hθ); at the bound −θ · (−0.5), of slope 0.5
        np.testing.assert_allclose(path[1], (theta + 0.2 * seen, 0.5 - 0.2 * theta), rtol=1e-12)


# --- spectral: the norm ----------------------------------------------------------------------------------------------


def weights_of(D, flat):
    return [matrix[:, :inputs] for matrix, (inputs, _) in zip(D.layers(flat), D.weights, strict=True)]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("update", UPDATES)
def test_every_d_that_a_rule_looks_at_is_normalised_by_its_own_directions(update, way):
    """u = W v / |W v| at the W that is looked at: so the σ by which it is divided, u W v = |W v|, is one that W has."""
    worst = []

    def look(d):
        for (u, v), weight in zip(stack.D.directions, weights_of(stack.D, d), strict=True):
            image = (weight @ v).transpose(1, 2)
            worst.append(float((u - image / image.norm(dim=2, keepdim=True)).abs().max()))

    stack = watched(make(asked(update, "spectral", way)), look)
    stack.begin()
    stack.advance(0, 9)
    assert len(worst) > 50
    assert max(worst) < 1e-12


@pytest.mark.parametrize("update", ["simultaneous", "optimistic", "unrolled", "extragradient"])
def test_looking_elsewhere_leaves_ds_directions(update):
    """A G step does not move D, nor what its norm goes by; where both move at once D's go on from its own."""
    stack = make(settings_of(update, "spectral"))
    stack.begin()
    for step in range(5):
        stack.game.rule.begin()
        before = [vector.clone() for vector in stack.game.directions]
        stack.game.made = step
        stack.game.rule.step()
        if update == "extragradient":
            aside = MLP([2, 6, 6, 1], (0, 1), "weights_d", activation="tanh", spectral=(0.5, 2.0), dtype=torch.float64)
            aside.directions = list(zip(before[::2], before[1::2], strict=True))
            before = [vector for pair in aside.followed(stack.D.flat) for vector in pair]
        assert all(torch.equal(a, b) for a, b in zip(before, stack.game.directions, strict=True))


def norms(D):
    return torch.stack([torch.linalg.matrix_norm(weight, 2) for weight in weights_of(D, D.flat)], 1)


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("train", ["both", "g"])
def test_d_begins_with_the_norm_that_is_asked_for(given, train):
    """Exactly, in every layer: whether it is drawn or was given, and if it never learns."""
    stack = make(settings_of("alternating", "spectral", train=train))
    start = 5 * discriminators([7, 8], hidden=6, dtype=torch.float64).flat if given else None
    stack.begin((None, start))
    known = torch.tensor([[0.5] * 3, [2.0] * 3], dtype=torch.float64)
    torch.testing.assert_close(norms(stack.networks()[1]), known, rtol=1e-12, atol=0)
    if train == "g":
        stack.advance(0, 5)
        torch.testing.assert_close(norms(stack.networks()[1]), known, rtol=1e-12, atol=0)


def test_a_d_that_was_kept_begins_as_the_function_that_it_was():
    """`--from` gives the weights that an earlier run's D had in use. Once its directions have settled their norms are
    what is asked for, and normalising them once more changes nothing."""
    settings = settings_of("alternating", "spectral")
    earlier = make(settings)
    earlier.begin()
    earlier.advance(0, 20)
    for _ in range(3000):
        earlier.D.follow()
    kept = earlier.networks()[1].flat.clone()
    later = make(settings, seeds=(5, 6))
    later.begin((None, kept))
    torch.testing.assert_close(later.networks()[1].flat, kept, rtol=1e-9, atol=1e-12)


def test_looking_back_keeps_the_norm():
    """Back by nearly all of a long way: the norm goes by the directions of where D is then, not of where it was."""
    settings = settings_of("lookahead", "spectral", lookahead_k=40, lookahead_alpha=1e-9, lr=0.3)
    stack = make(settings)
    stack.begin()
    begun = stack.D.flat.clone()
    stack.advance(0, 40)
    torch.testing.assert_close(stack.D.flat, begun, rtol=0, atol=1e-6)
    away = make(settings)
    away.begin()
    away.advance(0, 39)
    assert (away.D.flat - begun).abs().max() > 1
    known = torch.tensor([[0.5] * 3, [2.0] * 3], dtype=torch.float64)
    stale = norms_by(stack.D, away.game.directions)
    assert (stale / known).max() > 2  # what forgetting to follow would leave
    for _ in range(200):
        stack.D.follow()
    torch.testing.assert_close(norms(stack.networks()[1]), known, rtol=1e-9, atol=0)


def norms_by(D, directions):
    """The norms of a D's layers as they would be in use by other directions."""
    kept = D.directions
    D.directions = list(zip(directions[::2], directions[1::2], strict=True))
    try:
        return norms(D.plain())
    finally:
        D.directions = kept


def test_exact_directions_are_each_members_own():
    """Bit for bit; a member that is not finite keeps its directions and touches no other."""
    settings = settings_of("alternating", "spectral") * 2
    together = make(settings, torch.float32, seeds=(0, 1, 2, 3))
    together.begin()
    for m in range(4):
        alone = make([settings[m]], torch.float32, seeds=(m,))
        alone.begin()
        for a, b in zip(together.game.directions, alone.game.directions, strict=True):
            assert torch.equal(a[m], b[0])
    kept = [vector.clone() for vector in together.game.directions]
    together.D.flat[1, 3], together.D.flat[2] = torch.nan, discriminators([9], hidden=6).flat[0]
    together.game.begin()
    for before, after in zip(kept, together.game.directions, strict=True):
        assert torch.equal(before[[0, 3]], after[[0, 3]])
    for before, after in zip(kept[:2], together.game.directions[:2], strict=True):  # of the first layer
        assert torch.equal(before[1], after[1])
        assert not torch.equal(before[2], after[2])
