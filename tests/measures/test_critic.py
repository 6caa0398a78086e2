"""The critic's scores against closed forms and quadrature: a linear G makes a Gaussian, whose every number is known."""

import math

import numpy as np
import pytest
import torch
from linear_players import Network, gaussian_generator, jsd2, linear, linear_critic, normal_density
from scipy import special
from torch import nn

from dynamics.games.game import Batch, Game
from dynamics.games.losses import LOSSES
from dynamics.games.networks import discriminators, generators
from dynamics.measures.critic_gap import critic_scores
from dynamics.measures.critic_slopes import _ratio_slopes, slope_scores
from dynamics.settings.setting import Setting
from dynamics.targets.registry import make_target

LOGARITHMIC = ["nonsaturating", "minimax"]


# the target, N((2, 2), 1.2² I), and two generators, N(mean, std² I)
SETTING = Setting(mode="gaussian")
CASES = [((2.0, 2.0), 0.6), ((1.0, 2.5), 1.2), ((-0.5, 1.0), 0.9)]


def plane(mean, std, real=1.2, reach=12):
    """Points (N, 2), their area, and the densities of target and generator: the trapezoidal rule about (2, 2)."""
    line = np.linspace(2 - reach, 2 + reach, 961)
    x = np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)
    return x, (line[1] - line[0]) ** 2, normal_density(x, [2, 2], real), normal_density(x, np.array(mean), std)


def expected(loss, mean, std, output, real=1.2, smoothed=0.0):
    """(D's loss, G's loss) for D = output(x, t), t = log p − log g, by quadrature with the losses' formulas.

    The target is N((2, 2), real² I), whose points are labelled 1 − smoothed.
    """
    x, area, p, g = plane(mean, std, real)
    t = -np.square((x - [2, 2]) / real).sum(-1) / 2 - 2 * math.log(real)
    t += np.square((x - np.array(mean)) / std).sum(-1) / 2 + 2 * math.log(std)
    d = output(x, t)
    on_real, on_fake, generator = {
        "nonsaturating": lambda: (np.logaddexp(0, -d), np.logaddexp(0, d), np.logaddexp(0, -d)),
        "minimax": lambda: (np.logaddexp(0, -d), np.logaddexp(0, d), -np.logaddexp(0, d)),
        "alpha": lambda: (np.logaddexp(0, -d), np.logaddexp(0, d), np.logaddexp(0, -d)),  # at 1, the logarithm
        "alpha_minimax": lambda: (np.logaddexp(0, -d), np.logaddexp(0, d), -np.logaddexp(0, d)),
        "lsgan": lambda: ((d - 1) ** 2 / 2, d**2 / 2, (d - 1) ** 2 / 2),
        "hinge": lambda: (np.maximum(0, 1 - d), np.maximum(0, 1 + d), -d),
    }[loss]()
    of_d = (1 - smoothed) * p * on_real + (g + smoothed * p) * on_fake
    return area * of_d.sum(), area * (g * generator).sum()


OPTIMAL = {
    "nonsaturating": lambda x, t: t,
    "minimax": lambda x, t: t,
    "alpha": lambda x, t: t,
    "alpha_minimax": lambda x, t: t,
    "lsgan": lambda x, t: special.expit(t),
    "hinge": lambda x, t: np.sign(t),
}


def scores(G, D, loss, step=0, **setting):
    measured = critic_scores(G, D, [Setting(**{"mode": "gaussian", **setting}, loss=loss)], step)
    return {name: values.item() for name, values in measured.items()}


# --- the gap ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("loss", LOGARITHMIC)
def test_gap_of_a_discriminator_that_knows_nothing_is_twice_the_jsd(case, loss):
    _, area, p, g = plane(*case)
    exact = area * jsd2(p, g)
    assert exact > 0.1
    measured = scores(gaussian_generator(*case), linear_critic([0, 0], 0), loss)
    assert measured["critic_gap"] == pytest.approx(exact, abs=2e-3)


# latents as they come, and turned: no angle may have the latents' mesh lie along the cells
ANGLES = (0.0, 0.1, 0.35, 0.7, math.pi / 4, 1.2, -math.pi / 2)
WIDTHS = [((2, 2), 1.2), ((2, 2), 1.5), ((3, 2), 2.0), ((3, 2), 0.3), ((2, 2), 0.15), ((0, 0), 3.0), *CASES]


@pytest.mark.parametrize("case", WIDTHS)
def test_gap_is_as_exact_as_is_said_at_every_angle_of_the_latents(case):
    _, area, p, g = plane(*case, reach=18)
    exact = area * jsd2(p, g)
    for angle in ANGLES:
        measured = scores(gaussian_generator(*case, angle=angle), linear_critic([0, 0], 0), "nonsaturating")
        assert measured["critic_gap"] == pytest.approx(exact, abs=0.0007 if case == ((2, 2), 1.2) else 0.0015), angle


@pytest.mark.parametrize(("mode", "within"), [("mixture_4", 0.0025), ("ring_8", 0.0025), ("circles", 0.01)])
@pytest.mark.parametrize("case", [((0.0, 0.0), 1.6), ((2.0, 0.0), 1.2)])
def test_gap_of_a_wide_generator_on_tight_targets(mode, within, case):
    """Where few points of the latents' mesh fall into a mode, what they say is where the mesh is. By quadrature."""
    target, (mean, std) = make_target(mode), case
    line = (np.arange(3600) + 0.5) / 3600 * 22 - 11
    exact = 0.0
    for part in np.array_split(line, 30):
        x = np.stack(np.meshgrid(part, line, indexing="ij"), -1).reshape(-1, 2)
        log_p = target.log_prob(torch.from_numpy(x)).numpy()
        log_g = -np.square((x - mean) / std).sum(-1) / 2 - math.log(2 * math.pi * std**2)
        middle = np.logaddexp(log_p, log_g) - math.log(2)
        exact += (np.exp(log_p) * (log_p - middle) + np.exp(log_g) * (log_g - middle)).sum() * (22 / 3600) ** 2
    for angle in (0.0, 0.35):
        measured = scores(gaussian_generator(*case, angle=angle), linear_critic([0, 0], 0), "nonsaturating", mode=mode)
        assert measured["critic_gap"] == pytest.approx(exact, abs=within)


# --- the game as it is played -----------------------------------------------------------------------------------------


LABELLED = [loss for loss in OPTIMAL if loss != "hinge"]


@pytest.mark.parametrize("loss", LABELLED)
def test_a_perfect_generator_and_the_best_critic_of_smoothed_labels_have_no_gap(loss):
    """With labels of 0.9 D = 0.45 is the best there is, and D = 1/2 is not: its gap is a closed form."""
    G, how = gaussian_generator((2, 2), 1.2, angle=0.0), {"penalty": "label_smoothing:0.1"}
    least = (0.45**2 + 0.55**2) / 2 - 0.1 * (0.55**2 - 0.45**2) / 2  # a − w (a − b)
    best, half, gap = 0.45, 0.5, 0.25 - least
    if loss != "lsgan":
        best, half = math.log(0.45 / 0.55), 0.0
        gap = 2 * math.log(2) + 0.9 * math.log(0.45) + 1.1 * math.log(0.55)
    measured = scores(G, linear_critic([0, 0], best), loss, **how)
    assert measured["critic_gap"] == pytest.approx(0, abs=8e-4)
    assert measured["g_loss_gap"] == pytest.approx(0, abs=2e-3)
    assert scores(G, linear_critic([0, 0], half), loss, **how)["critic_gap"] == pytest.approx(gap, abs=8e-4)
    # and what G's loss would be: that against D = 0.45
    at_best = {"nonsaturating": -math.log(0.45), "minimax": math.log(0.55), "lsgan": 0.55**2 / 2}
    at_best |= {"alpha": at_best["nonsaturating"], "alpha_minimax": at_best["minimax"]}
    assert measured["g_loss_optimal"] == pytest.approx(at_best[loss], abs=2e-3)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("loss", LABELLED)
def test_scores_with_smoothed_labels_are_those_of_quadrature(case, loss):
    w, weight, bias = 0.25, np.array([0.3, -0.2]), 0.4
    d, actual = expected(loss, *case, lambda x, t: x @ weight + bias, smoothed=w)
    least, optimal = expected(
        loss, *case, lambda x, t: OPTIMAL[loss](x, np.log(0.75) - np.logaddexp(-t, np.log(w))), smoothed=w
    )
    measured = scores(gaussian_generator(*case), linear_critic(weight, bias), loss, penalty=f"label_smoothing:{w}")
    assert measured["critic_gap"] == pytest.approx(d - least, abs=0.0025)
    assert measured["g_loss_optimal"] == pytest.approx(optimal, abs=0.006)
    assert measured["g_loss_gap"] == pytest.approx(actual - optimal, abs=0.006)


@pytest.mark.parametrize("deviation", [0.1, 0.5, 2.0])
@pytest.mark.parametrize("case", [((2, 2), 1.2), ((3, 2), 0.3), ((2, 2), 0.02), ((-0.5, 1), 0.9), ((3, 2), 2.0)])
def test_gap_with_instance_noise_is_that_of_the_densities_with_noise(case, deviation):
    mean, std = case[0], math.hypot(case[1], deviation)
    _, area, p, g = plane(mean, std, math.hypot(1.2, deviation), reach=18)
    exact = area * jsd2(p, g)
    for angle in (0.0, 0.7):
        G = gaussian_generator(*case, angle=angle)
        measured = scores(G, linear_critic([0, 0], 0), "nonsaturating", penalty=f"instance_noise:{deviation}")
        assert measured["critic_gap"] == pytest.approx(exact, abs=0.003)


@pytest.mark.parametrize("loss", OPTIMAL)
def test_scores_with_instance_noise_are_those_of_quadrature(loss):
    case, weight, bias, real = ((-0.5, 1.0), 0.9), np.array([0.3, -0.2]), 0.4, math.hypot(1.2, 0.5)
    wide = (case[0], math.hypot(case[1], 0.5))
    d, actual = expected(loss, *wide, lambda x, t: x @ weight + bias, real)
    least, optimal = expected(loss, *wide, OPTIMAL[loss], real)
    measured = scores(gaussian_generator(*case), linear_critic(weight, bias), loss, penalty="instance_noise:0.5")
    assert measured["critic_gap"] == pytest.approx(d - least, abs=0.003)
    assert measured["g_loss_optimal"] == pytest.approx(optimal, abs=0.006)
    assert measured["g_loss_gap"] == pytest.approx(actual - optimal, abs=0.006)


def test_noise_and_labels_together_leave_a_perfect_generator_without_a_gap():
    how = {"penalty": "instance_noise:0.5+label_smoothing:0.1"}
    D = linear_critic([0, 0], math.log(0.45 / 0.55))
    assert scores(gaussian_generator((2, 2), 1.2), D, "nonsaturating", **how)["critic_gap"] == pytest.approx(
        0, abs=1e-4
    )


def test_noise_that_has_fallen_to_nothing_is_none():
    G, D = gaussian_generator((1.0, 2.5), 0.6), linear_critic([0.3, -0.2], 0.4)
    how = {"penalty": "instance_noise:0.8", "anneal": 100}
    assert scores(G, D, "nonsaturating", 100, **how) == scores(G, D, "nonsaturating")
    half = scores(G, D, "nonsaturating", 0, penalty="instance_noise:0.4")
    assert scores(G, D, "nonsaturating", 50, **how) == half
    assert half["critic_gap"] < scores(G, D, "nonsaturating")["critic_gap"] - 0.02


def test_a_generator_far_away_stays_there_with_noise():
    measured = scores(
        gaussian_generator((-30.0, 2.0), 0.2), linear_critic([0, 0], 0), "nonsaturating", penalty="instance_noise:0.5"
    )
    assert measured["critic_gap"] == pytest.approx(2 * math.log(2), abs=1e-6)


def test_a_target_without_a_closed_form_with_noise_has_no_scores_beside_others():
    settings = [Setting(mode=mode, penalty="instance_noise:0.3") for mode in ("gaussian", "pinwheel", "ring_8")]
    G, D = generators(range(3), hidden=8), discriminators(range(3), hidden=8)
    z, real = batches(3)
    normal = (torch.zeros_like(real), torch.zeros_like(real))
    measured = critic_scores(G, D, settings)
    for values in measured.values():
        assert np.isnan(values).tolist() == [False, True, False]
    slopes = slope_scores(G, D, settings, z, real, 0, normal)
    assert np.isnan(slopes["d_angle"]).all()  # no slope of log p_g with noise is known
    assert np.isfinite(slopes["d_gradient"]).all()
    with pytest.raises(ValueError, match="normals"):
        slope_scores(G, D, settings, z, real)


@pytest.mark.parametrize("loss", LABELLED)
def test_gradients_are_those_of_the_losses_that_the_game_has(loss):
    """What a player descends with labels and noise, by the game's own code on the same batch."""
    setting = Setting(loss=loss, hidden=8, batch_size=64, penalty="instance_noise:0.4+label_smoothing:0.2", anneal=10)
    G, D = generators([1], hidden=8), discriminators([1], hidden=8)
    z, real = batches()
    normal = tuple(torch.randn(real.shape, generator=torch.Generator().manual_seed(k)) for k in (3, 4))
    measured = slope_scores(G, D, [setting], z, real, 5, normal)
    game = Game(G, D, [setting], None)
    batch = Batch(z, real, None, None, (0.2 * normal[0], 0.2 * normal[1]))
    for name, player in (("g_gradient", "g"), ("d_gradient", "d")):
        gradient = game.gradient(player, G.flat.detach(), D.flat.detach(), batch, record=False)
        assert measured[name].item() == pytest.approx(gradient.norm().item(), rel=1e-5)


@pytest.mark.parametrize("penalty", ["none", "label_smoothing", "instance_noise:0.3"])
def test_what_others_there_are_changes_no_bit_of_a_members_score(penalty):
    modes = ("mixture_4", "ring_8", "gaussian", "circles", "mixture")
    settings = [Setting(mode=mode, penalty=penalty) for mode in modes]
    G, D = generators(range(5), hidden=16), discriminators(range(5), hidden=16)
    together = critic_scores(G, D, settings)
    some = critic_scores(generators(range(2), hidden=16), discriminators(range(2), hidden=16), settings[:2])
    for name, values in some.items():
        assert np.array_equal(values, together[name][:2]), name


@pytest.mark.parametrize("loss", LOGARITHMIC)
def test_gap_of_the_optimal_discriminator_is_0(loss):
    # equal stds: the optimal logit is linear
    G = gaussian_generator((1.0, 2.5), 1.2)
    weight = np.array([1.0, -0.5]) / 1.44
    bias = -(8 - (1 + 2.5**2)) / 2 / 1.44
    assert 0 <= scores(G, linear_critic(weight, bias), loss)["critic_gap"] < 1e-3
    for c in (0.5, -2.0):
        value, _ = expected(loss, (1.0, 2.5), 1.2, lambda x, t, c=c: t + c)
        least, _ = expected(loss, (1.0, 2.5), 1.2, OPTIMAL[loss])
        gap = scores(G, linear_critic(weight, bias + c), loss)["critic_gap"]
        assert gap == pytest.approx(value - least, abs=2e-3)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("loss", OPTIMAL)
def test_gap_and_split_of_a_linear_critic_are_those_of_quadrature(case, loss):
    weight, bias = np.array([0.3, -0.2]), 0.4
    d, actual = expected(loss, *case, lambda x, t: x @ weight + bias)
    least, optimal = expected(loss, *case, OPTIMAL[loss])
    measured = scores(gaussian_generator(*case), linear_critic(weight, bias), loss)
    # errors are of second order in a cell's side; but of first order where the hinge's optimal D steps inside a cell
    within = 0.025 if loss == "hinge" else 0.006
    assert measured["critic_gap"] == pytest.approx(d - least, abs=0.005 if loss == "hinge" else 0.0025)
    assert measured["g_loss_optimal"] == pytest.approx(optimal, abs=within)
    assert measured["g_loss_gap"] == pytest.approx(actual - optimal, abs=within)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("loss", [name for name in LOSSES if LOSSES[name].optimal_logit])
def test_gap_of_the_optimal_output_is_0_for_every_loss(case, loss):
    mean, std = torch.tensor(case[0], dtype=torch.float64), case[1]

    def best(x):
        t = ((x - mean).square().sum(-1) / std**2 - (x - 2).square().sum(-1) / 1.44) / 2 + 2 * math.log(std / 1.2)
        return LOSSES[loss].optimal_logit(t).unsqueeze(-1)

    measured = scores(gaussian_generator(*case), Network(best), loss)
    assert -1e-12 <= measured["critic_gap"] < 2e-3
    assert abs(measured["g_loss_gap"]) < (0.025 if loss == "hinge" else 0.006)


@pytest.mark.parametrize("std", [0.2, 0.02, 0.01])
def test_one_of_eight_modes(std):
    """G is one mode of eight: p = g / 8 there and g = 0 at the others, a closed form however tight they are."""
    measured = scores(
        gaussian_generator((2.0, 0.0), std), linear_critic([0, 0], 0), "nonsaturating", mode="ring_8", std=std
    )
    exact = math.log(2 / 9) / 8 + 7 / 8 * math.log(2) + math.log(16 / 9)
    assert measured["critic_gap"] == pytest.approx(exact, abs=0.01)
    assert measured["g_loss_optimal"] == pytest.approx(math.log(9), abs=0.006)  # −log(p / (p + g))


def test_all_eight_modes_and_nothing_else_is_no_divergence():
    target = make_target("ring_8")

    def onto_modes(z):
        """The angle, stretched within each of eight sectors, picks the mode; the rest makes a Gaussian again."""
        angle = torch.remainder(torch.atan2(z[..., 1], z[..., 0]), 2 * math.pi) * 4 / math.pi
        mode = angle.floor().clamp(max=7)
        radius, turn = z.norm(dim=-1), 2 * math.pi * (angle - mode)
        centre = torch.stack([torch.cos(mode * math.pi / 4), torch.sin(mode * math.pi / 4)], -1) * 2
        return centre + target.std * torch.stack([radius * torch.cos(turn), radius * torch.sin(turn)], -1)

    # the mesh joins neighbours across eight jumps: less than a tenth of the mass lies in those rectangles
    measured = scores(Network(onto_modes, (2, 2)), linear_critic([0, 0], 0), "nonsaturating", mode="ring_8")
    assert 0 <= measured["critic_gap"] < 0.12


def test_generator_far_from_everything():
    """Densities apart: 2 JSD = 2 log 2, and G's loss against the optimal D is about KL = |Δ|² / 2σ² at equal stds."""
    measured = scores(
        gaussian_generator((-3.0, -3.0), 0.2), linear_critic([0, 0], 0), "nonsaturating", mode="gaussian", std=0.2
    )
    assert measured["critic_gap"] == pytest.approx(2 * math.log(2), abs=1e-6)
    assert measured["g_loss_optimal"] == pytest.approx(50 / 2 / 0.04, rel=0.02)
    assert measured["g_loss_gap"] == pytest.approx(math.log(2) - measured["g_loss_optimal"], abs=1e-9)


def test_gap_is_never_negative():
    settings = [Setting(mode="mixture_4", loss="hinge")] * 4
    for activation in ("relu", "tanh"):
        D = discriminators(range(4), hidden=16, activation=activation, init="he")
        measured = critic_scores(generators(range(4), hidden=16, init="he"), D, settings)
        assert (measured["critic_gap"] >= 0).all()


# --- slopes -----------------------------------------------------------------------------------------------------------


def batches(members=1, latent_dim=2, n=64):
    seeded = torch.Generator().manual_seed(1)
    return torch.randn(members, n, latent_dim, generator=seeded), 2 + torch.randn(members, n, 2, generator=seeded)


@pytest.mark.parametrize("loss", ["nonsaturating", "minimax", "lsgan"])
def test_slope_and_angle_of_linear_players(loss):
    # equal stds: the optimal logit's gradient is (mean of the target − mean of G) / std² everywhere
    G = gaussian_generator((1.0, 2.5), 1.2)
    for turn in (0.0, 1.0, math.pi):
        direction = math.atan2(-0.5, 1.0) + turn
        D = linear_critic([0.3 * math.cos(direction), 0.3 * math.sin(direction)], 0.1)
        measured = slope_scores(G, D, [Setting(mode="gaussian", loss=loss)], *batches())
        assert measured["d_slope"].item() == pytest.approx(0.3, rel=1e-5)
        assert measured["d_slope_max"].item() == pytest.approx(0.3, rel=1e-5)
        assert measured["d_angle"].item() == pytest.approx(math.cos(turn), abs=2e-3)


def test_largest_slope_is_looked_for_in_the_whole_window():
    """D = |x|²/2 has slope |x|, largest in the window's corner, and here at the generated points elsewhere."""
    D = Network(lambda x: x.square().sum(-1, keepdim=True) / 2)
    D.weight = nn.Parameter(torch.zeros(1, 1))
    D.function = lambda x: x.square().sum(-1, keepdim=True) / 2 + 0 * D.weight
    G = gaussian_generator((1.0, 0.0), 0.1)
    z, real = batches()
    measured = slope_scores(G, D, [SETTING], z, real)
    assert measured["d_slope_max"].item() == pytest.approx(math.sqrt(2) * make_target("gaussian").half_width, rel=1e-6)
    assert measured["d_slope"].item() == pytest.approx(G(z).norm(dim=-1).mean().item(), rel=1e-5)


def test_score_of_a_linear_generator():
    matrix, bias = np.array([[0.5, 0.4], [-0.3, 0.9]]), np.array([0.3, -1.0])
    points, ratio, mass = _ratio_slopes(
        linear(generators([0], layers=0), (matrix, bias)), [make_target("mixture_4", 0.5)]
    )
    x = points[0].numpy()
    weight = np.exp(-np.square(x[:, None] - make_target("mixture_4").modes.centres).sum(-1) / 0.5)
    of_p = -(x - (weight / weight.sum(1, keepdims=True)) @ make_target("mixture_4").modes.centres) / 0.25
    of_g = -(x - bias) @ np.linalg.inv(matrix.T @ matrix)
    np.testing.assert_allclose(ratio[0], of_p - of_g, rtol=1e-3, atol=1e-3)
    z = (x - bias) @ np.linalg.inv(matrix)
    np.testing.assert_allclose(mass, np.exp(-np.square(z).sum(1) / 2), rtol=1e-4)


def test_score_of_a_generator_that_bends():
    """x = sinh z by coordinate: log p_g = Σ −asinh(x)²/2 − log(1 + x²)/2, derived by hand; differences err by h²."""
    _, ratio, _ = _ratio_slopes(Network(torch.sinh, (2, 2)), [make_target("gaussian")])
    points = _ratio_slopes(Network(torch.sinh, (2, 2)), [make_target("gaussian")])[0][0].numpy()
    of_g = -np.arcsinh(points) / np.sqrt(1 + points**2) - points / (1 + points**2)
    np.testing.assert_allclose(ratio[0], -(points - 2) / 1.44 - of_g, atol=0.01)


@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_norms_are_those_of_a_member_alone(loss):
    settings = [Setting(mode="gaussian", loss=loss)] * 3
    G, D = generators(range(3), hidden=8), discriminators(range(3), hidden=8)
    z, real = batches(3)
    measured = slope_scores(G, D, settings, z, real)
    for m in range(3):
        G.zero_grad()
        D.zero_grad()
        fake = G(z)
        logits = [D(x).squeeze(-1) for x in ((fake, real) if LOSSES[loss].facts.paired else (fake,))]
        LOSSES[loss].generator(*logits)[m].backward()
        norm = sum(p.grad.square().sum() for p in G.parameters()).sqrt()
        assert measured["g_gradient"][m] == pytest.approx(norm.item(), rel=1e-4)
        D.zero_grad()
        LOSSES[loss].discriminator(D(real).squeeze(-1), D(fake.detach()).squeeze(-1))[m].backward()
        norm = sum(p.grad.square().sum() for p in D.parameters()).sqrt()
        assert measured["d_gradient"][m] == pytest.approx(norm.item(), rel=1e-4)


def test_gradient_norms_of_the_linear_wasserstein_game():
    """D = w·x: D's gradient by w is mean fake − mean real, by its bias 0; G's by its bias −w, by its matrix −z̄ wᵀ."""
    z, real = batches()
    G, w = gaussian_generator((1.0, 2.5), 1.2), np.array([0.6, 0.8])
    measured = slope_scores(G, linear_critic(w, 0), [Setting(loss="wasserstein")], z, real)
    assert measured["d_gradient"].item() == pytest.approx((G(z) - real).mean(1).norm().item(), rel=1e-5)
    assert measured["g_gradient"].item() == pytest.approx(math.sqrt(1 + z.mean(1).square().sum().item()), rel=1e-5)


# --- members and absence ----------------------------------------------------------------------------------------------


def both(G, D, settings, z, real):
    return critic_scores(G, D, settings) | slope_scores(G, D, settings, z, real)


def test_a_member_scores_as_it_would_alone_and_one_that_diverged_touches_no_other():
    settings = [Setting(mode=mode) for mode in ("gaussian", "ring_8", "mixture_4", "circles")]
    G, D = generators(range(4), hidden=16), discriminators(range(4), hidden=16)
    z, real = batches(4)
    together = both(G, D, settings, z, real)
    assert all(np.isfinite(values).all() for values in together.values())
    for m in range(4):
        alone = both(
            generators([m], hidden=16),
            discriminators([m], hidden=16),
            settings[m : m + 1],
            z[m : m + 1],
            real[m : m + 1],
        )
        for name, values in alone.items():
            assert together[name][m] == pytest.approx(values.item(), rel=1e-4, abs=1e-5), name
    with torch.no_grad():
        G.flat[1], D.flat[2] = torch.nan, torch.inf
    broken = both(G, D, settings, z, real)
    for name, values in broken.items():
        assert np.isnan(values[1:3]).all(), name
        np.testing.assert_array_equal(values[[0, 3]], together[name][[0, 3]])


def test_what_does_not_exist_is_nan():
    z, real = batches()
    G, D = generators([0], hidden=8), discriminators([0], hidden=8)
    critic = both(G, D, [Setting(loss="wasserstein")], z, real)
    assert {name for name, value in critic.items() if np.isnan(value).all()} == {
        "critic_gap",
        "g_loss_optimal",
        "g_loss_gap",
        "d_angle",
    }
    step = both(G, D, [Setting(loss="hinge")], z, real)
    assert {name for name, value in step.items() if np.isnan(value).all()} == {"d_angle"}
    wide = both(generators([0], latent_dim=3, hidden=8), D, [Setting()], batches(latent_dim=3)[0], real)
    assert {name for name, value in wide.items() if np.isnan(value).all()} == {"d_angle"}
    # all of the latent plane sent to one point: no density, but a divergence
    point = both(linear(generators([0], layers=0), (np.zeros((2, 2)), [2.0, 2.0])), D, [SETTING], z, real)
    assert {name for name, value in point.items() if np.isnan(value).all()} == {"d_angle"}
    assert point["critic_gap"].item() == pytest.approx(2 * math.log(2), abs=0.1)
