"""The loop against plain GANs, against itself in other company, and against the rules of the game."""

import dataclasses

import numpy as np
import pytest
import torch
from plain_losses import PLAIN
from torch import nn

from dynamics.base.curves import Curves
from dynamics.base.streams import Streams
from dynamics.engine import fast
from dynamics.engine.reference import AutogradStack
from dynamics.engine.training import train_stack
from dynamics.games.losses import LOSSES
from dynamics.games.networks import ACTIVATIONS, make_pair
from dynamics.settings.setting import Setting
from dynamics.targets.registry import TARGETS, make_target

SMALL = Setting(mode="mixture_4", std=0.3, hidden=8, batch_size=16, d_steps=2)


def final(settings, seeds, steps, **how):
    *_, last = train_stack(settings, seeds, steps, [steps], evaluation=64, **how)
    return last


class PlainGAN:
    """What anybody would write: nn.Sequential, torch.optim.Adam, one GAN, the formulas with probabilities."""

    def __init__(self, setting, seed):
        G, D = make_pair([setting], [seed], dtype=torch.float64)
        self.G, self.D = self.copy(G, setting.activation), self.copy(D, setting.activation)
        betas = (setting.beta1, setting.beta2)
        self.g_optimizer = torch.optim.Adam(self.G.parameters(), lr=setting.generator_lr, betas=betas)
        self.d_optimizer = torch.optim.Adam(self.D.parameters(), lr=setting.discriminator_lr, betas=betas)
        self.setting, self.target = setting, make_target(setting.mode, setting.std)
        purposes = ("choice", "noise", "latent", "evaluation", "g_choice", "g_noise")
        self.streams = {purpose: Streams([seed], purpose) for purpose in purposes}

    @staticmethod
    def copy(stack, activation):
        module = {"relu": nn.ReLU, "leaky_relu": lambda: nn.LeakyReLU(0.2), "tanh": nn.Tanh, "silu": nn.SiLU}[
            activation
        ]
        layers = []
        for matrix in stack.matrices:
            linear = nn.Linear(matrix.shape[1] - 1, matrix.shape[2], dtype=torch.float64)
            linear.weight.data, linear.bias.data = matrix[0, :-1].T.clone(), matrix[0, -1].clone()
            layers += [linear, module()]
        return nn.Sequential(*layers[:-1])

    def latents(self, n, purpose="latent"):
        return torch.from_numpy(self.streams[purpose].normal(n, self.setting.latent_dim)[0]).double()

    def reals(self, choice, noise):
        return self.target.sample(self.setting.batch_size, self.streams[choice], self.streams[noise])[0].double()

    def losses(self):
        """D's of logits of real and fake points, and G's of fake ones; the relativistic ones are of pairs."""
        if self.setting.loss != "relativistic":
            return PLAIN[self.setting.loss]
        of_pairs = lambda above, below: -torch.sigmoid(above - below).log().mean()  # noqa: E731
        return of_pairs, lambda fake: of_pairs(fake, self.D(self.reals("g_choice", "g_noise")).squeeze(-1))

    def train(self, steps):
        D, G, s = self.D, self.G, self.setting
        of_d, of_g = (lambda *logits, of=of: of(*(x.squeeze(-1) for x in logits)) for of in self.losses())
        for step in range(steps):
            if step % s.g_steps == 0:
                for _ in range(s.d_steps):
                    fake = G(self.latents(s.batch_size)).detach()
                    real = self.reals("choice", "noise")
                    on_real, on_fake = D(real), D(fake)
                    self.d_loss = of_d(on_real, on_fake)
                    self.d_optimizer.zero_grad()
                    self.d_loss.backward()
                    self.d_optimizer.step()
            on_fake = D(G(self.latents(s.batch_size)))
            self.g_loss = of_g(on_fake)
            self.g_optimizer.zero_grad()
            self.g_loss.backward()
            self.g_optimizer.step()


# Both paths, and g_steps > 1 where only one of them applies. 1e-12 of numbers of order 1 to 10, in float64: rounding
# grows a hundredfold over 50 Adam steps, since Adam divides small gradients by their own size.
@pytest.mark.parametrize(("quick", "g_steps"), [(True, 1), (False, 1), (False, 2)])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_stack_of_eight_is_eight_plain_gans(loss, quick, g_steps):
    if quick and not LOSSES[loss].written_out:
        pytest.skip("not for the fast path")
    modes = ("mixture_4", "gaussian", "ring_8", "two_moons")
    settings = [
        dataclasses.replace(
            SMALL, loss=loss, g_steps=g_steps, mode=modes[m % 4], lr=1e-3 * (1 + m % 3), beta1=0.5 + 0.05 * m
        )
        for m in range(8)
    ]
    last = final(settings, range(8), 50, dtype=torch.float64, fast=quick)
    for m, setting in enumerate(settings):
        plain = PlainGAN(setting, m)
        plain.train(50)
        with torch.no_grad():
            samples = plain.G(plain.latents(64, "evaluation")).numpy()
        np.testing.assert_allclose(last.samples[m], samples, rtol=1e-12, atol=1e-12)
        expected = [plain.d_loss.item(), plain.g_loss.item()]
        np.testing.assert_allclose(last.curves[:2, m, -1], expected, rtol=1e-6)  # curves are kept in float32


@pytest.mark.parametrize("activation", [a for a in ACTIVATIONS if a in fast._ACTIVATIONS])
@pytest.mark.parametrize("shape", [{"layers": 1}, {"layers": 3, "latent_dim": 5}, {"optimizer": "sgd", "d_steps": 3}])
def test_the_fast_path_is_the_reference(activation, shape):
    settings = [dataclasses.replace(SMALL, activation=activation, **shape)] * 2
    a, b = (final(settings, [3, 4], 40, dtype=torch.float64, fast=quick, log_every=7) for quick in (True, False))
    np.testing.assert_allclose(a.samples, b.samples, rtol=0, atol=1e-12)
    np.testing.assert_allclose(a.curves, b.curves, rtol=1e-6)
    assert a.curves.shape == (4, 2, 6)  # five whole entries of 7 steps, and one of 5


def test_a_members_course_does_not_depend_on_its_company():
    alone = final([SMALL], [3], 60)
    for seeds in (range(4), range(64)):
        among = final([SMALL] * len(seeds), seeds, 60)
        assert np.array_equal(among.samples[3], alone.samples[0])
        assert np.array_equal(among.curves[:, 3], alone.curves[:, 0])


def test_company_of_other_settings_and_odd_sizes_changes_no_bit():
    """Sizes that fill no vector register, settings that turn the optimisers' numbers into columns."""
    odd = Setting(mode="spiral", hidden=7, batch_size=13, layers=3, activation="tanh", beta1=0.5)
    others = [dataclasses.replace(odd, mode=mode, lr=lr) for mode, lr in (("pinwheel", 2e-3), ("spiral", 5e-4))]
    alone = final([odd], [3], 45)
    among = final([*others, odd, *others], [0, 1, 3, 3, 5], 45)
    assert np.array_equal(among.samples[2], alone.samples[0])
    assert np.array_equal(among.curves[:, 2], alone.curves[:, 0])


def test_the_reference_path_agrees_in_company_to_float_rounding():
    alone = final([SMALL], [3], 5, fast=False)
    among = final([SMALL] * 16, range(16), 5, fast=False)
    np.testing.assert_allclose(among.curves[:, 3], alone.curves[:, 0], rtol=1e-5)


@pytest.mark.parametrize("quick", [True, False])
def test_settings_with_one_seed_share_weights_data_and_noise(quick):
    """Only the std differs: the same modes, the same noise scaled, the same latents and start."""
    tight, wide = (dataclasses.replace(SMALL, std=std) for std in (0.1, 1.0))
    first = next(train_stack([tight, wide], [5, 5], 1, [0], evaluation=8, fast=quick))
    assert np.array_equal(first.samples[0], first.samples[1])
    assert torch.equal(first.D.flat[0], first.D.flat[1])


@pytest.mark.parametrize("quick", [True, False])
def test_a_member_that_diverges_touches_no_other(quick):
    wild = dataclasses.replace(SMALL, lr=1e30, optimizer="sgd", loss="lsgan")
    calm = dataclasses.replace(wild, lr=1e-3)
    together = final([calm, wild, calm], [0, 1, 2], 40, fast=quick)
    assert not np.isfinite(together.samples[1]).any()
    for m, seed in ((0, 0), (2, 2)):
        alone = final([calm], [seed], 40, fast=quick)
        np.testing.assert_allclose(together.samples[m], alone.samples[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("quick", [True, False])
def test_snapshots_do_not_change_training(quick):
    plain = final([SMALL] * 2, [0, 1], 70, fast=quick)
    looked = list(train_stack([SMALL] * 2, [0, 1], 70, [0, 1, 33, 70], evaluation=64, fast=quick))
    assert [s.step for s in looked] == [0, 1, 33, 70]
    assert np.array_equal(looked[-1].samples, plain.samples)
    assert np.array_equal(looked[-1].curves, plain.curves)
    assert [s.curves.shape[2] for s in looked] == [0, 1, 33, 70]


def check_looks(setting, steps=70):
    """The bits of both players and of every curve, whenever the stack is looked at: past a block's end, in remainders
    of every length."""
    seldom = final([setting] * 2, [0, 1], steps)
    for looks in (range(0, steps + 1, 7), [0, 1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 66, steps]):
        *_, often = train_stack([setting] * 2, [0, 1], steps, looks, evaluation=64)
        for ours, theirs in zip((often.G.flat, often.D.flat), (seldom.G.flat, seldom.D.flat), strict=True):
            assert torch.equal(ours, theirs)
        assert often.curves.tobytes() == seldom.curves.tobytes()


@pytest.mark.parametrize("batch", [1, 3, 13, 50, 64])
@pytest.mark.parametrize("loss", [name for name, loss in LOSSES.items() if not loss.facts.paired])
def test_looks_change_no_bit_of_any_loss_and_batch(loss, batch):
    check_looks(dataclasses.replace(SMALL, loss=loss, batch_size=batch, d_steps=1))


@pytest.mark.parametrize("mode", TARGETS)
def test_looks_change_no_bit_of_any_targets_points(mode):
    check_looks(dataclasses.replace(SMALL, mode=mode, std=None, batch_size=13, d_steps=3, activation="tanh"))


def test_each_step_changes_its_own_player_alone():
    stack = AutogradStack([SMALL], [0], Curves(1, [1]), 4, torch.device("cpu"), torch.float64)
    g, d = stack.G.flat.clone(), stack.D.flat.clone()
    stack.begin_round()
    assert torch.equal(stack.G.flat, g)
    assert not torch.equal(stack.D.flat, d)
    d = stack.D.flat.clone()
    stack.generator_step()
    assert torch.equal(stack.D.flat, d)
    assert not torch.equal(stack.G.flat, g)


def test_settings_of_different_structure_cannot_share_a_stack():
    with pytest.raises(ValueError, match="different structure"):
        next(train_stack([SMALL, dataclasses.replace(SMALL, hidden=9)], [0, 1], 1, [1]))


def test_no_global_generator_is_touched():
    before, ours = torch.get_rng_state(), np.random.get_state()[1].copy()
    list(train_stack([SMALL], [0], 2, [0, 2]))
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], ours)
