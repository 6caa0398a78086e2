"""Fields against closed forms: a linear G makes a Gaussian, whose density on a grid, and with it D*, is known."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy import optimize, special, stats
from torch import nn

from dynamics.games.losses import LOSSES
from dynamics.games.networks import discriminators, generators, make_pair
from dynamics.measures import grid_densities
from dynamics.measures.fields import as_probability, discriminator_field, latent_map, optimal_field, pull, stack_of
from dynamics.pictures.density_maps import grid_points
from dynamics.settings.setting import Setting
from dynamics.targets.registry import make_target

DETERMINED = ["nonsaturating", "minimax", "lsgan"]  # the optimal output tells p / (p + g)
POINTS = grid_points(6.0, 48)
SIDE = 0.25


def linear(stack, *members):
    """The stack, of one layer, with the given (matrix, bias) of each member."""
    with torch.no_grad():
        for row, (matrix, bias) in zip(stack.matrices[0], members, strict=True):
            row[:-1], row[-1] = torch.as_tensor(matrix), torch.as_tensor(bias)
    return stack


def gaussian_generators(*members, latent_dim=2):
    """x = mean + std · R z for each (mean, std), R a rotation: N(mean, std² I); further latents do nothing."""
    turn = np.zeros((latent_dim, 2))
    turn[:2] = np.array([[math.cos(0.7), math.sin(0.7)], [-math.sin(0.7), math.cos(0.7)]])
    made = generators(range(len(members)), latent_dim=latent_dim, layers=0)
    return linear(made, *((std * turn, mean) for mean, std in members))


def linear_critics(*members):
    """D(x) = weight · x + bias for each (weight, bias)."""
    made = discriminators(range(len(members)), layers=0)
    return linear(made, *((np.reshape(weight, (2, 1)), [bias]) for weight, bias in members))


class Network(nn.Module):
    """A function (M, N, ·) -> (M, N, ·) in the place of a stack."""

    def __init__(self, function, members=1):
        super().__init__()
        self.function, self.flat = function, torch.zeros(members, 1)

    def forward(self, x):
        return self.function(x)


def tent(x, side, mean, std):
    """Mean of N(mean, std²) about x under the weight (1 − |offset| / side) / side, x (...): second differences of the
    normal cdf's integral, v Φ(v) + φ(v)."""

    def twice(v):
        v = (v - mean) / std
        return std * (v * special.ndtr(v) + np.exp(-(v**2) / 2) / math.sqrt(2 * math.pi))

    return (twice(x + side) - 2 * twice(x) + twice(x - side)) / side**2


def smoothed(points, mean, std):
    """Density of N(mean, std² I) on the grid, (R, R), averaged as the fields' densities are."""
    side = points[0, 1, 0] - points[0, 0, 0]
    return math.prod(tent(points[..., axis], side, mean[axis], std) for axis in (0, 1))


def smoothed_target(points, mode, std=None):
    modes = make_target(mode, std).modes
    return sum(w * smoothed(points, c, modes.stds[0]) for c, w in zip(modes.centres, modes.weights, strict=True))


def least(points):
    """The sum of both densities below which D* is left undetermined."""
    return 2 * 0.01 / (2 * np.abs(points).max() + points[0, 1, 0] - points[0, 0, 0]) ** 2


# --- D ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", DETERMINED)
def test_the_optimal_output_is_the_share_of_real_points(loss):
    ratio = torch.linspace(-9, 9, 37, dtype=torch.float64)
    probabilities = as_probability(LOSSES[loss], LOSSES[loss].optimal_logit(ratio))
    np.testing.assert_allclose(probabilities, special.expit(ratio.numpy()), atol=1e-12)


@pytest.mark.parametrize("loss", DETERMINED)
def test_a_probability_is_the_share_of_real_points_that_the_output_is_optimal_for(loss):
    output = torch.linspace(0.05, 0.95, 19, dtype=torch.float64).requires_grad_()
    share = as_probability(LOSSES[loss], output.detach())
    each = output[:, None]
    nothing = torch.zeros_like(each)
    real = LOSSES[loss].discriminator(each, nothing) - LOSSES[loss].discriminator(nothing, nothing)
    fake = LOSSES[loss].discriminator(nothing, each) - LOSSES[loss].discriminator(nothing, nothing)
    (slope,) = torch.autograd.grad((share * real + (1 - share) * fake).sum(), output)
    np.testing.assert_allclose(slope, 0, atol=1e-12)


def test_the_optimal_output_of_the_hinge_loss_is_the_rounded_share():
    ratio = torch.tensor([-3.0, -0.1, 0.0, 0.1, 3.0])
    probabilities = as_probability(LOSSES["hinge"], LOSSES["hinge"].optimal_logit(ratio))
    assert probabilities.tolist() == [0, 0, 0.5, 1, 1]
    assert as_probability(LOSSES["hinge"], torch.tensor([-2.0, -0.5, 0.5, 2.0])).tolist() == [0, 0.25, 0.75, 1]


@pytest.mark.parametrize("loss", LOSSES)
def test_a_probability_rises_with_the_output_and_stays_in_its_bounds(loss):
    output = torch.cat([-torch.logspace(30, -3, 100), torch.logspace(-3, 30, 100)])
    probabilities = as_probability(LOSSES[loss], output)
    assert probabilities[0] == 0
    assert probabilities[-1] == 1
    assert (probabilities.diff() >= 0).all()


def test_the_discriminators_field_lies_as_the_grid_does():
    members = (([0.5, -1.0], 0.25), ([2.0, 0.1], -1.0))
    D = linear_critics(*members)
    G = gaussian_generators(*[((0, 0), 1.0)] * 2)
    for loss, link in (("nonsaturating", special.expit), ("lsgan", lambda d: d.clip(0, 1))):
        fields = discriminator_field(G, D, [Setting(loss=loss)] * 2, POINTS)
        assert fields.dtype == np.float32
        for field, (weight, bias) in zip(fields, members, strict=True):
            np.testing.assert_allclose(field, link(POINTS @ weight + bias), atol=1e-6)


def test_a_wasserstein_critic_is_read_relative_to_real_and_generated_points():
    """Along (1, 1) / √2, real points N((2, 2), 1.2² I) and generated ones N((−2, −2), 1.2² I) are N(±2√2, 1.2²)."""
    settings = [Setting(loss="wasserstein")] * 3
    G = gaussian_generators(*[((-2, -2), 1.2)] * 3)
    along = np.array([1, 1]) / math.sqrt(2)
    D = linear_critics((along, 0), (1000 * along, -77), ([0, 0], 5))
    quartile = optimize.brentq(lambda t: stats.norm.cdf([t - 8**0.5, t + 8**0.5], scale=1.2).mean() - 0.75, 0, 9)
    plain, scaled, flat = discriminator_field(G, D, settings, POINTS)
    np.testing.assert_allclose(plain, special.expit(POINTS @ along / quartile), atol=0.01)
    np.testing.assert_allclose(scaled, plain, atol=1e-4)
    assert (flat == 0.5).all()


# --- D* ---------------------------------------------------------------------------------------------------------------

CASES = [((2.0, 2.0), 1.2), ((2.0, 2.0), 0.3), ((-0.5, 1.0), 0.9), ((1.0, -1.0), 4.0), ((5.5, 5.5), 0.7)]


def test_the_optimal_field_of_gaussian_players():
    """Both densities averaged alike, the mesh is good to 0.03, and to 0.005 in the mean. Without the averages D*
    differs by the square of cell / std, (0.25 / 0.9)² where the densities are as wide as that."""
    G = gaussian_generators(*CASES)
    fields = optimal_field(G, [Setting()] * len(CASES), POINTS)
    p = smoothed_target(POINTS, "gaussian")
    for field, (mean, std) in zip(fields, CASES, strict=True):
        g = smoothed(POINTS, mean, std)
        sure = p + g > 1.05 * least(POINTS)
        np.testing.assert_allclose(field[sure], (p / (p + g))[sure], atol=0.03)
        assert np.abs(field - p / (p + g))[sure].mean() < 0.005
        assert np.isnan(field[p + g < 0.95 * least(POINTS)]).all()
        if std >= 0.9:
            at = [stats.multivariate_normal(m, s**2).pdf(POINTS) for m, s in (((2, 2), 1.2), (mean, std))]
            assert np.abs(field - at[0] / (at[0] + at[1]))[sure].max() < 0.08
    assert np.isnan(fields[0]).any()
    np.testing.assert_allclose(fields[0][~np.isnan(fields[0])], 0.5, atol=0.03)  # a perfect generator


@pytest.mark.parametrize("deviation", [0.05, 0.2, 0.5, 1.5])
@pytest.mark.parametrize("mode", ["gaussian", "mixture_4", "ring_8"])
def test_the_optimal_field_is_that_of_the_game_as_it_is_played(mode, deviation):
    """Labels of 0.8 and noise: 0.8 p / (p + q) of the densities with noise, averaged in closed form."""
    setting = Setting(mode=mode, penalty=f"instance_noise:{deviation}+label_smoothing:0.2")
    players = [((1, 1), 1.2), ((2, 2), 0.3), ((-1, 0), 2.0)]
    fields = optimal_field(gaussian_generators(*players), [setting] * 3, POINTS)
    p = smoothed_target(POINTS, mode, math.hypot(make_target(mode).std, deviation))
    for field, (mean, std) in zip(fields, players, strict=True):
        g = smoothed(POINTS, mean, math.hypot(std, deviation))
        sure = p + g > 1.1 * least(POINTS)
        best = 0.8 * (p[sure] / (p + g)[sure])
        np.testing.assert_allclose(field[sure], best, atol=0.03)
        assert np.abs(field[sure] - best).mean() < 0.002
        assert np.isnan(field[p + g < 0.9 * least(POINTS)]).all()


def test_labels_and_no_noise_scale_the_optimal_field():
    G, D = gaussian_generators(((1, 1), 1.2)), linear_critics(([0, 0], math.log(0.45 / 0.55)))
    plain = optimal_field(G, [Setting()], POINTS)
    smooth = Setting(penalty="label_smoothing:0.1")
    np.testing.assert_allclose(optimal_field(G, [smooth], POINTS), 0.9 * plain, atol=1e-6)
    # of a perfect generator the best D shows no difference anywhere
    perfect = optimal_field(gaussian_generators(((2, 2), 1.2)), [smooth], POINTS)[0]
    difference = discriminator_field(G, D, [smooth], POINTS)[0] - perfect
    np.testing.assert_allclose(difference[np.isfinite(perfect)], 0, atol=0.03)


def test_the_noise_in_the_optimal_field_falls_with_the_steps():
    setting = Setting(mode="mixture_4", penalty="instance_noise:0.6", anneal=100)
    player = ((1, 1), 1.2)
    steps = [0, 50, 100, 700]
    fields = optimal_field(gaussian_generators(*[player] * 4), [setting] * 4, POINTS, steps)
    alike = (
        *(Setting(mode="mixture_4", penalty=f"instance_noise:{w}") for w in (0.6, 0.3)),
        *[Setting(mode="mixture_4")] * 2,
    )
    for field, other in zip(fields, alike, strict=True):
        np.testing.assert_array_equal(field, optimal_field(gaussian_generators(player), [other], POINTS)[0])


def test_the_optimal_field_of_a_target_that_has_no_closed_form_with_noise():
    """The pinwheel with noise, by the mean over 33 × 33 Gauss–Hermite points of its exact density."""
    target, deviation = make_target("pinwheel"), 0.5
    node, weight = np.polynomial.hermite_e.hermegauss(33)
    u = deviation * np.stack(np.meshgrid(node, node, indexing="ij"), -1)
    at = torch.from_numpy(POINTS[:, :, None, None] - u)
    p = (target.log_prob(at).exp().numpy() * np.outer(weight, weight)).sum((2, 3)) / weight.sum() ** 2
    g = stats.multivariate_normal((0, 0), 1.5**2 + deviation**2).pdf(POINTS)
    field = optimal_field(
        gaussian_generators(((0, 0), 1.5)), [Setting(mode="pinwheel", penalty="instance_noise:0.5")], POINTS
    )[0]
    sure = p + g > 2 * least(POINTS)
    # not averaged over cells: half of a std of the noise
    np.testing.assert_allclose(field[sure], (p / (p + g))[sure], atol=0.05)
    assert np.abs(field - p / (p + g))[sure].mean() < 0.01


def test_a_mesh_much_coarser_than_the_grid_leaves_no_gaps():
    """Lines of the mesh are 0.06 apart where they are closest: 3 cells, which many parts fill."""
    points = grid_points(6.0, 160)
    p, g = smoothed_target(points, "gaussian"), smoothed(points, (1, -1), 4.0)
    field = optimal_field(gaussian_generators(((1, -1), 4.0)), [Setting()], points)[0]
    np.testing.assert_allclose(field, p / (p + g), atol=0.03)


@pytest.mark.parametrize(("mode", "std"), [("mixture_4", 0.2), ("ring_8", 0.02), ("ring_8", 0.01), ("grid_25", 0.05)])
def test_targets_narrower_than_a_cell(mode, std):
    points = grid_points(make_target(mode).half_width, 48)
    field = optimal_field(gaussian_generators(((0, 0), 2.0)), [Setting(mode=mode, std=std)], points)[0]
    p, g = smoothed_target(points, mode, std), smoothed(points, (0, 0), 2.0)
    sure = p + g > 1.1 * least(points)
    np.testing.assert_allclose(field[sure], (p / (p + g))[sure], atol=0.03)


@pytest.mark.parametrize(
    ("mode", "std"), [("circles", 0.1), ("pinwheel", 0.2), ("checkerboard", 0.2), ("two_moons", 0.2)]
)
def test_the_real_density_is_the_mean_of_the_exact_one(mode, std):
    """Against the same weights on points an eighth of a std apart, without leaving any cell out. The pinwheel's
    twist makes it finer than its std."""
    target = make_target(mode, std)
    count, half = 16, target.half_width
    side = 2 * half / count
    parts = math.ceil(8 * side / std)
    steps = (np.arange((count + 2) * parts) + 0.5) / parts - 1.5
    fine = (steps + 0.5) * side - half
    density = target.log_prob(torch.from_numpy(np.stack(np.meshgrid(fine, fine), -1))).exp().numpy()
    weight = np.maximum(0, 1 - np.abs(np.arange(count)[:, None] - steps)) / parts
    points = grid_points(half, count)
    expected, on_grid = (
        weight @ density @ weight.T,
        grid_densities.real_density(target, (points[0, 0, 0],) * 2, side, count),
    )
    assert (np.abs(on_grid - expected) / (expected + least(points))).max() < (0.02 if mode == "pinwheel" else 0.005)


def test_members_have_their_own_targets_and_generators():
    settings = [Setting(mode="gaussian"), Setting(mode="mixture_4"), Setting(mode="mixture")]
    players = [((1, 1), 1.0), ((-1, 0), 2.0), ((0, 0), 0.5)]
    together = optimal_field(gaussian_generators(*players), settings, POINTS)
    for field, setting, player in zip(together, settings, players, strict=True):
        np.testing.assert_array_equal(optimal_field(gaussian_generators(player), [setting], POINTS)[0], field)


def test_a_collapsed_generator_is_one_point_shared_by_four_cells():
    x, y = POINTS[20, 30] + [0.25 * SIDE, 0.5 * SIDE]
    field = optimal_field(gaussian_generators(((x, y), 0.0)), [Setting()], POINTS)[0]
    p = smoothed_target(POINTS, "gaussian")
    g = np.zeros_like(p)
    g[20:22, 30:32] = np.outer([0.5, 0.5], [0.75, 0.25]) / SIDE**2
    near = p + g > 1.05 * least(POINTS)
    np.testing.assert_allclose(field[near], (p / (p + g))[near], atol=2e-3)


def test_layers_of_a_folded_generator_add_up():
    """x = (|z₀|, z₁): twice the normal density where x ≥ 0, none elsewhere. Only where it folds is the mesh blunt."""
    G = Network(lambda z: torch.stack([z[..., 0].abs(), z[..., 1]], -1))
    field = optimal_field(G, [Setting()], POINTS)[0]
    p, g = smoothed_target(POINTS, "gaussian"), smoothed(POINTS, (0, 0), 1.0)
    right, left = POINTS[..., 0] > 2 * SIDE, POINTS[..., 0] < -2 * SIDE
    sure = p + 2 * g > 1.1 * least(POINTS)
    np.testing.assert_allclose(field[right & sure], (p / (p + 2 * g))[right & sure], atol=0.02)
    assert np.nanmin(field[left]) == 1


@pytest.mark.parametrize(("bend", "atol"), [(0.3, 0.03), (1.0, 0.03)])
def test_a_bent_generator(bend, atol):
    """x = (u, v + bend · u²), (u, v) = 1.5 z: an area-preserving shear of a Gaussian, by quadrature of its density."""

    def bent(z):
        u, v = (1.5 * z).unbind(-1)
        return torch.stack([u, v + bend * u**2], -1)

    field = optimal_field(Network(bent), [Setting(std=2.0)], POINTS)[0]
    parts = 16
    steps = (np.arange(50 * parts) + 0.5) / parts - 1.5
    x, y = np.meshgrid(*[(steps + 0.5) * SIDE - 6] * 2)
    density = stats.norm.pdf(x, scale=1.5) * stats.norm.pdf(y - bend * x**2, scale=1.5)
    weight = np.maximum(0, 1 - np.abs(np.arange(48)[:, None] - steps)) / parts
    p, g = smoothed_target(POINTS, "gaussian", 2.0), weight @ density @ weight.T
    sure = p + g > 1.1 * least(POINTS)
    np.testing.assert_allclose(field[sure], (p / (p + g))[sure], atol=atol)


@pytest.mark.parametrize("latent_dim", [1, 3, 16])
def test_other_latent_dimensions(latent_dim):
    """Sobol points leave noise, most of it in thin tails; both densities are averaged over three more cells each way.

    Of one dimension, all of g is on the line y = 3/16, which rows 24 and 25 share as 3 to 1."""
    p = smoothed_target(POINTS, "gaussian")
    if latent_dim == 1:
        G = linear(generators([0], latent_dim=1, layers=0), ([[1.5, 0.0]], [0.0, 3 / 16]))
        g = np.zeros_like(p)
        g[24:26] = np.outer([0.75, 0.25], tent(POINTS[0, :, 0], SIDE, 0, 1.5)) / SIDE
    else:
        G, g = gaussian_generators(((1, 1), 1.5), latent_dim=latent_dim), smoothed(POINTS, (1, 1), 1.5)
    field = optimal_field(G, [Setting(latent_dim=latent_dim)], POINTS)[0]
    wider = sum((4 - abs(k)) / 16 * np.eye(48, k=k) for k in range(-3, 4))
    p, g = wider @ p @ wider, wider @ g @ wider
    error = np.abs(field - p / (p + g))[p + g > 4.5 * least(POINTS)]
    assert error.mean() < 0.01
    assert error.max() < 0.1
    assert np.isnan(field[p + g < 3.5 * least(POINTS)]).all()


def test_what_is_not_finite_is_nan_and_touches_no_other():
    settings = [Setting()] * 2
    G, D = gaussian_generators(((0, 0), 1.0), ((0, 0), math.nan)), linear_critics(([1, 0], 0), ([math.nan, 0], 0))
    assert np.isnan(optimal_field(G, settings, POINTS)[1]).all()
    assert np.isnan(discriminator_field(G, D, settings, POINTS)[1]).all()
    alone = gaussian_generators(((0, 0), 1.0))
    np.testing.assert_array_equal(optimal_field(G, settings, POINTS)[0], optimal_field(alone, settings[:1], POINTS)[0])
    # finite, but so far out that squares overflow: only the target is in the window
    far = optimal_field(gaussian_generators(((3e37, 0), 1e37)), settings[:1], POINTS)[0]
    assert np.nanmin(far) == 1


# --- pull, map, stored weights ----------------------------------------------------------------------------------------

PULLS = {  # of D(x) = d with ∇D = w: this times w
    "nonsaturating": lambda d: special.expit(-d),
    "minimax": lambda d: special.expit(d),
    "lsgan": lambda d: 1 - d,
    "hinge": np.ones_like,
    "wasserstein": np.ones_like,
    "alpha": lambda d: special.expit(-d),
    "alpha_minimax": lambda d: special.expit(d),
}


@pytest.mark.parametrize("loss", PULLS)
def test_a_linear_discriminator_pulls_along_its_weights(loss):
    z = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 7, 2), np.float32))
    players, critics = [((1, 0), 0.5), ((0, -2), 2.0)], [([0.5, -1.5], 0.3), ([-1.0, 0.2], 1.0)]
    G, D = gaussian_generators(*players), linear_critics(*critics)
    pulls = pull(G, D, [Setting(loss=loss)] * 2, z)
    for m, (weight, bias) in enumerate(critics):
        with torch.no_grad():
            d = G(z)[m].numpy() @ np.array(weight) + bias
        np.testing.assert_allclose(pulls[m], PULLS[loss](d)[:, None] * weight, atol=1e-5)


def test_a_relativistic_pull_is_the_mean_over_real_points():
    """∇ softplus(c − d) = −σ(c − d) ∇d, for real points of a Gaussian so tight that all have D(x) = c."""
    G, D = gaussian_generators(((1, 0), 0.5)), linear_critics(([0.5, -1.5], 0.3))
    z = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 7, 2), np.float32))
    pulls = pull(G, D, [Setting(loss="relativistic", mode="gaussian", std=0.01)], z)
    with torch.no_grad():
        d = G(z)[0].numpy() @ np.array([0.5, -1.5])
    expected = special.expit((0.5 - 1.5) * 2 - d)[:, None] * [0.5, -1.5]  # the Gaussian's mean is (2, 2)
    np.testing.assert_allclose(pulls[0], expected, atol=2e-3)


@pytest.mark.parametrize("loss", PULLS)
def test_a_pull_is_a_samples_own(loss):
    """N times the gradient of the batch's mean loss, and the same in any batch."""
    setting = Setting(loss=loss, activation="tanh", hidden=8)
    G, D = make_pair([setting] * 2, [0, 1])
    z = torch.from_numpy(np.random.default_rng(1).standard_normal((2, 10, 2), np.float32))
    x = G(z).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(LOSSES[loss].generator(D(x).squeeze(-1)).sum(), x)
    pulls = pull(G, D, [setting] * 2, z)
    np.testing.assert_allclose(pulls, -10 * gradient, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(pull(G, D, [setting] * 2, z[:, 3:5]), pulls[:, 3:5], rtol=1e-4, atol=1e-7)
    assert all(p.grad is None for network in (G, D) for p in network.parameters())


def test_the_latent_map_of_a_linear_generator():
    G = linear(generators([0, 1], layers=0), ([[1.0, 2.0], [0.5, -1.0]], [3.0, 4.0]), (np.eye(2), [0.0, 0.0]))
    vertices, mass = latent_map(G, 6)
    assert vertices.shape == (2, 7, 7, 2)
    lines = np.arange(7) - 3.0
    z = np.stack(np.meshgrid(lines, lines), -1)
    np.testing.assert_allclose(vertices[1], z, atol=1e-6)
    np.testing.assert_allclose(vertices[0], z @ [[1, 2], [0.5, -1]] + [3, 4], atol=1e-5)
    np.testing.assert_allclose(mass[2, 3], (special.ndtr(0) - special.ndtr(-1)) ** 2, rtol=1e-12)
    assert mass.sum() == pytest.approx((2 * special.ndtr(3) - 1) ** 2, rel=1e-12)
    assert mass.shape == (6, 6)


def test_the_latent_map_of_other_dimensions_is_a_section():
    three = linear(generators([0], latent_dim=3, layers=0), ([[1.0, 0], [0, 1], [5, 5]], [0.0, 0]))
    two = linear(generators([0], layers=0), (np.eye(2), [0.0, 0]))
    np.testing.assert_array_equal(latent_map(three, 4, 3)[0], latent_map(two, 4)[0])
    one = linear(generators([0], latent_dim=1, layers=0), ([[1.0, -1.0]], [0.0, 0]))
    vertices, _ = latent_map(one, 3, 1)
    assert vertices[0, :, :, 0].tolist() == [[-3, -1, 1, 3]] * 4


def test_a_stack_of_stored_weights_is_the_stack():
    settings = [Setting(hidden=8, layers=3, mode=mode) for mode in ("gaussian", "mixture")]
    pair = make_pair(settings, [5, 9])
    z = torch.randn(2, 20, 2, generator=torch.Generator().manual_seed(0))
    again = stack_of(settings, *(network.flat.numpy() for network in pair))
    for network, copy in zip(pair, again, strict=True):
        assert torch.equal(copy(z), network(z))
        assert not copy(z).requires_grad
    half = stack_of(settings, *(network.flat.half().numpy() for network in pair))
    for network, copy in zip(pair, half, strict=True):
        assert copy.flat.dtype == torch.float32
        # float16 has 11 bits; below 2^-14 it has steps of 2^-24
        np.testing.assert_allclose(copy.flat, network.flat, rtol=2**-11, atol=2**-25)


def test_weights_that_do_not_fit_are_refused():
    settings = [Setting(hidden=8)] * 2
    g, d = (network.flat.numpy() for network in make_pair(settings, [0, 1]))
    with pytest.raises(ValueError, match="do not fit"):
        stack_of(settings, g[:1], d)  # one member's would be given to both
    with pytest.raises(ValueError, match="do not fit"):
        stack_of(settings, d[:, :5], d)
    with pytest.raises(ValueError, match="different structure"):
        stack_of([settings[0], dataclasses.replace(settings[0], hidden=9)], g, d)
