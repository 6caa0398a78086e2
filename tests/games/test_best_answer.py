"""What options do to the optimum and the equilibrium of a game, against the game's own loss and against integrals."""

import itertools
import math

import numpy as np
import pytest
import torch

from dynamics.games.best_answer import blurred, equilibrium, log_ratio, noise_stds, noise_transform, smoothing
from dynamics.games.game import Batch, Game
from dynamics.games.losses import LOSSES, make_loss
from dynamics.settings.setting import Setting
from dynamics.targets.registry import TARGETS, make_target
from dynamics.theory.two_number_games import FixedSource

LABELLED = ["nonsaturating", "minimax", "lsgan", "alpha", "alpha_minimax"]
ONE = torch.ones(1, 1, dtype=torch.float64)


def labelled(loss, **how):
    alphas = {"alpha_d": 0.6, "alpha_g": 1.7} if loss.startswith("alpha") else {}
    return Setting(loss=loss, **alphas, **how)


# --- the optimum with smoothed labels ---------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LABELLED)
@pytest.mark.parametrize(("p", "q"), [(1.0, 1.0), (0.2, 1.3), (2.0, 0.1), (0.5, 1e-9), (1e-9, 1.0)])
def test_no_output_is_better_than_the_optimum_where_labels_are_smoothed(loss, p, q):
    """p [(1 − w) a(d) + w b(d)] + q b(d), with a and b as the loss has them, over a grid of outputs d."""
    w = 0.15
    setting = labelled(loss, penalty=f"label_smoothing:{w}")
    made = make_loss([setting])
    ratio = torch.tensor([[math.log(p) - math.log(q)]], dtype=torch.float64)
    best = made.optimal_logit(log_ratio(ratio, smoothing([setting])))
    d = torch.cat([best, torch.linspace(-25, 25, 50001, dtype=torch.float64)[None]], 1).T  # (D, 1)
    zero = torch.zeros_like(d)
    made = make_loss([setting] * len(d))
    real, fake = made.discriminator(d, zero), made.discriminator(zero, d)
    values = p * ((1 - w) * real + w * fake) + q * fake
    assert values[0] <= values.min() + 1e-12 * abs(values[0])
    assert values[0] >= values[1:].min() - 1e-6


def test_the_best_discriminator_says_so_much_less():
    """(1 − w) p / ((1 − w) p + w p + q) = (1 − w) p / (p + q)."""
    ratio = torch.linspace(-40, 40, 81, dtype=torch.float64).expand(2, -1)
    probability = torch.sigmoid(log_ratio(ratio, torch.tensor([0.1, 0.0], dtype=torch.float64)))
    torch.testing.assert_close(probability[0], 0.9 * torch.sigmoid(ratio[0]), rtol=1e-12, atol=0)
    torch.testing.assert_close(probability[1], torch.sigmoid(ratio[1]), rtol=1e-14, atol=0)
    assert log_ratio(ratio, torch.zeros(2)) is ratio


# --- noise ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def users_mixture(tmp_path):
    """Modes of other weights and shapes, in the plane's units."""
    path = tmp_path / "own.toml"
    path.write_text(
        "centres = [[2, 1], [-2, -2]]\nweights = [3, 1]\ncovariances = [[[0.5, 0.2], [0.2, 0.3]], [[0.16, 0], [0, 1]]]"
    )
    return str(path)


@pytest.mark.parametrize("mode", [*(mode for mode in TARGETS if mode != "pinwheel"), "own"])
def test_a_target_with_noise_is_the_integral_of_its_density_with_noise(mode, users_mixture):
    """∫ p(x − u) N(u; 0, s² I) du, by Gauss–Hermite points."""
    target, deviation = make_target(users_mixture) if mode == "own" else make_target(mode, 0.4), 0.3
    node, weight = np.polynomial.hermite_e.hermegauss(40)
    weight /= weight.sum()
    x = np.random.default_rng(0).uniform(-3, 3, (6, 2))
    u = deviation * np.stack(np.meshgrid(node, node, indexing="ij"), -1)
    at = torch.from_numpy(x[:, None, None] - u)
    expected = (target.log_prob(at).exp().numpy() * np.outer(weight, weight)).sum((1, 2))
    wide = blurred(target, deviation)
    np.testing.assert_allclose(wide.log_prob(torch.from_numpy(x)).exp().numpy(), expected, rtol=1e-4)
    assert wide.std == pytest.approx(math.hypot(target.std, deviation))
    assert blurred(target, 0.0) is target


def test_the_pinwheel_with_noise_has_no_closed_form():
    assert blurred(make_target("pinwheel"), 0.3) is None
    assert blurred(make_target("pinwheel"), 0.0) is make_target("pinwheel")


def test_noise_is_that_of_the_next_step():
    settings = [Setting(penalty=f"instance_noise:{w}", anneal=200) for w in (0.5, 2.0)]
    assert [noise_stds(settings, step).tolist() for step in (0, 50, 200, 900)] == [
        [0.5, 2],
        [0.375, 1.5],
        [0, 0],
        [0, 0],
    ]
    assert noise_stds([Setting()] * 3, 7).tolist() == [0, 0, 0]
    assert noise_stds([Setting(penalty="instance_noise")], 10**6).tolist() == [0.5]


@pytest.mark.parametrize("variance", [0.01, 0.6, 3.0, 4.0, 90.0])
def test_noise_on_a_grid_has_its_variance_and_no_negative_mass(variance):
    count = 256
    kernel = np.fft.ifft(noise_transform(2 * np.pi * np.fft.fftfreq(count), variance)).real
    away = np.minimum(np.arange(count), count - np.arange(count))
    assert kernel.sum() == pytest.approx(1, abs=1e-12)
    assert (kernel * away**2).sum() == pytest.approx(variance, rel=1e-6)
    assert kernel.min() > -1e-8


# --- the equilibrium --------------------------------------------------------------------------------------------------


class Constant:
    """A D of one number: what it puts out everywhere."""

    def __init__(self, members):
        self.flat = torch.zeros(members, 1, dtype=torch.float64)

    def at(self, flat, x):
        return flat[:, None] + 0 * x.sum(-1, keepdim=True)


class Tilted(Constant):
    """D = c + a x₀."""

    def __init__(self, members):
        self.flat = torch.zeros(members, 2, dtype=torch.float64)

    def at(self, flat, x):
        return (flat[:, :1] + flat[:, 1:] * x[..., 0])[..., None]


class Copies:
    """A G whose points are its latents."""

    def __init__(self, members):
        self.flat = torch.zeros(members, 1, dtype=torch.float64)

    def at(self, flat, x):
        return x + 0 * flat[:, None]


def games(setting, D):
    """As many games as D has members, and a batch in which real and generated points are the same 64."""
    source = FixedSource(2, 64)
    game = Game(Copies(len(D.flat)), D, [setting] * len(D.flat), source)
    x = torch.randn(1, 64, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x = x.expand(len(D.flat), -1, -1)
    uniform = torch.full((len(x), 64, 1), 0.5, dtype=torch.float64)
    return game, Batch(x, x, uniform, torch.zeros_like(x), None)


UNMOVED = ["none", "r1", "r2", "gp_one_sided", "instance_noise", "consensus", "spectral"]


@pytest.mark.parametrize(
    ("loss", "penalty"),
    [*itertools.product(LOSSES, UNMOVED), *itertools.product(LABELLED, ["label_smoothing:0.3", "label_smoothing+r1"])],
)
def test_the_equilibrium_is_what_the_game_records_at_its_best_constant(loss, penalty):
    """Of 8001 constants the game's own loss of D, penalties and all, chooses the best; the curves of D and G there."""
    setting = labelled(loss, penalty=penalty)
    D = Constant(8001)
    D.flat[:, 0] = torch.linspace(-2, 2, 8001, dtype=torch.float64)
    plain = Setting(**{**vars_of(setting), "penalty": "none"}) if penalty in ("spectral", "consensus") else setting
    game, batch = games(plain, D)
    with torch.enable_grad():
        value = game.d_loss(game.g, game.d, batch, record=True).detach()
    balance = equilibrium(setting)
    best = int(value.argmin())
    # what labels move D to is not where the loss without them, which the curve shows, is flat
    within = 1e-4 if "label" in penalty else 1e-6
    assert balance.d == pytest.approx(game.d_means[0, best].item(), abs=within)
    alike = (value < value[best] + 1e-12).sum()
    if loss in ("hinge", "wasserstein"):
        assert balance.g is None
    else:
        assert balance.g == pytest.approx(game.g_loss(game.g, game.d, batch)[best].item(), abs=5e-4)
    if balance.chance is None:
        assert alike > 1
    else:
        assert alike <= 2  # the grid may lie evenly on both sides of it
        assert balance.chance == pytest.approx(game.d_means[1, best].item(), abs=5e-4)
        assert balance.chance == pytest.approx(game.d_means[2, best].item(), abs=5e-4)


def vars_of(setting):
    return {name: getattr(setting, name) for name in ("loss", "alpha_d", "alpha_g", "penalty")}


def test_the_equilibrium_with_smoothed_labels_in_closed_form():
    """D* = (1 − w) / 2, whose curve is the loss without the labels."""
    d, g, chance = equilibrium(Setting(penalty="label_smoothing:0.2"))
    assert chance == pytest.approx(0.4)
    assert d == pytest.approx(-math.log(0.4) - math.log(0.6))
    assert g == pytest.approx(-math.log(0.4))
    d, g, chance = equilibrium(Setting(loss="lsgan", penalty="label_smoothing:0.2"))
    assert (d, g) == (pytest.approx((0.6**2 + 0.4**2) / 2), pytest.approx(0.6**2 / 2))


def test_the_equilibrium_of_alpha_losses_is_that_of_their_own_alpha():
    """ℓ(0) = α/(α − 1) (1 − 2^(−(α − 1)/α)): 1 − 2 = −1 over −1 at α = 1/2, 2 (1 − 1/√2) at 2."""
    d, g, chance = equilibrium(Setting(loss="alpha", alpha_d=0.5, alpha_g=2.0))
    assert (d, g, chance) == (pytest.approx(2.0), pytest.approx(2 - math.sqrt(2)), pytest.approx(0.5))


@pytest.mark.parametrize("penalty", ["gp", "dragan", "gp:0.1+r1"])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_slope_that_is_asked_for_leaves_no_constant_the_best(loss, penalty):
    setting = labelled(loss, penalty=penalty)
    D = Tilted(2)
    D.flat[1, 1] = 0.01  # the best constant, and it a little tilted
    D.flat[:, 0] = (LOSSES[loss].optimal_logit or torch.zeros_like)(0 * ONE).item()
    game, batch = games(setting, D)
    with torch.enable_grad():
        flat, tilted = game.d_loss(game.g, game.d, batch).detach()
    assert tilted < flat - 1e-4
    balance = equilibrium(setting)
    if loss == "wasserstein":  # nothing that D does changes a difference of equal means
        assert (balance.d, balance.g) == (0.0, None)
    else:
        assert balance == (None, None, None)
        assert equilibrium(labelled(loss, penalty=penalty, slope=0.0)).d is not None


def test_an_equilibrium_that_is_not_reached_is_none():
    assert equilibrium(Setting(train="d")) == equilibrium(Setting(train="g")) == (None, None, None)
    assert equilibrium(Setting(loss="lsgan", penalty="clip:0.1")) == (None, None, None)
    assert equilibrium(Setting(loss="lsgan", penalty="clip:0.5")).d == pytest.approx(0.25)
    assert equilibrium(Setting(penalty="clip:0.1")).d == pytest.approx(2 * math.log(2))
    assert equilibrium(Setting(penalty="clip:0.1+label_smoothing:0.3")) == (None, None, None)
    assert equilibrium(Setting(loss="hinge", penalty="clip:0.1")) == (2.0, None, None)
