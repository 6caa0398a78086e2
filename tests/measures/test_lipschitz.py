"""Bounds of a critic's slope against critics whose constant is known, and Kantorovich–Rubinstein duality."""

import math

import numpy as np
import pytest
import torch
from scipy import optimize, special

from dynamics.games.networks import ACTIVATIONS, MLP, discriminators, generators
from dynamics.measures.lipschitz import bounds_and_values, distance_scores, lipschitz_scores
from dynamics.measures.transport import w1_between
from dynamics.settings.catalogue.games import ACTIVATIONS as FACTS
from dynamics.settings.setting import Setting
from dynamics.targets.registry import make_target

GRID, SECANT, UPPER = BOUNDS = ("lipschitz_grid", "lipschitz_secant", "lipschitz_upper")
DISTANCES = ("w1", "w1_critic", "w1_lower")
HALF_WIDTH = 3.0


def lipschitz_bounds(D, points, half_widths):
    return bounds_and_values(D, points, half_widths)[0]


def critic_distance(D, real, fake, half_widths):
    scores = distance_scores(D, real, fake, half_widths)
    return {name: scores[name] for name in ("w1", "w1_critic", "w1_lower")}


def network(activation, *layers):
    """The critic whose layers have the given (weights (in, out), biases (out,)), float64."""
    sizes = [2, *(np.shape(bias)[0] for _, bias in layers)]
    D = MLP(sizes, [0], "weights_d", activation=activation, dtype=torch.float64)
    with torch.no_grad():
        for matrix, (weight, bias) in zip(D.matrices, layers, strict=True):
            matrix[0, :-1], matrix[0, -1] = torch.as_tensor(weight), torch.as_tensor(bias)
    return D


def linear(weight, bias=0.0):
    return network("relu", (np.reshape(weight, (2, 1)), [bias]))


def steep(activation, seeds=(0,), **how):
    """Critics with weights of trained size: those at the start are nearly linear."""
    D = discriminators(seeds, activation=activation, dtype=torch.float64, **{"hidden": 16, **how})
    with torch.no_grad():
        D.flat[:] *= 4
    return D


def cloud(n=64, members=1, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(0, 1.5, (members, n, 2)))


def bounds(D, points=None, half_width=HALF_WIDTH):
    points = cloud() if points is None else torch.as_tensor(points, dtype=torch.float64).reshape(1, -1, 2)
    measured = lipschitz_bounds(D, points, [half_width])
    assert tuple(measured) == BOUNDS
    return tuple(measured[name].item() for name in BOUNDS)


# --- critics whose constant is known ----------------------------------------------------------------------------------


def test_all_bounds_of_a_linear_critic_are_its_slope():
    for weight in ([0.6, 0.8], [-3.0, 0.1], [0.0, 2.0]):
        along = np.outer([0.0, 1.3], weight)  # two points, one from the other in the direction of the slope
        assert bounds(linear(weight, 0.7), along) == pytest.approx([math.hypot(*weight)] * 3, rel=1e-12)
    assert bounds(discriminators([4], layers=0), np.zeros((1, 2)))[1] == 0  # one point: no pair


def test_the_sum_of_the_sizes_of_both_coordinates():
    """|x₁| + |x₂| by four units: L = √2, seen along the diagonal; the upper bound is √2 (first layer) times 2."""
    D = network("relu", (np.array([[1, -1, 0, 0], [0, 0, 1, -1]]), np.zeros(4)), (np.ones((4, 1)), [0.0]))
    grid, secant, upper = bounds(D, [[1, 1], [2, 2]])
    assert (grid, secant) == pytest.approx([math.sqrt(2)] * 2, rel=1e-12)
    assert upper == pytest.approx(2 * math.sqrt(2), rel=1e-12)
    assert bounds(D, [[1, 0], [0.5, 0], [-1, 0]])[1] == pytest.approx(1, rel=1e-12)  # the most that these points see


def test_a_kink_with_two_slopes():
    """max(0, x₁) − 2 max(0, −x₁): slopes 1 and 2; the layers' norms are √2 and √5."""
    D = network("relu", (np.array([[1, -1], [0, 0]]), np.zeros(2)), (np.array([[1.0], [-2.0]]), [0.0]))
    assert bounds(D, [[0.5, 0], [1, 0]]) == pytest.approx([2, 1, math.sqrt(10)], rel=1e-12)
    assert bounds(D, [[-0.5, 0], [-1, 0]])[1] == pytest.approx(2, rel=1e-12)


def test_a_leaky_unit():
    """One unit: L = |a| |w|, and both factors are the bound's. Left of the kink the slope is a fifth."""
    D = network("leaky_relu", (np.array([[3.0], [4.0]]), [0.0]), (np.array([[-2.0]]), [1.0]))
    assert bounds(D, [[-3, -4], [-6, -8]]) == pytest.approx([10, 2, 10], rel=1e-12)


def test_steep_places_are_seen_at_points_that_no_line_of_the_grid_meets():
    """A step of tanh, 1e-4 wide: slope 1e4 in its middle, 0 to rounding on the grid."""
    D = network("tanh", (np.array([[1e4], [0.0]]), [0.0]), (np.array([[1.0]]), [0.0]))
    assert bounds(D, [[0, 0], [1, 0]]) == pytest.approx([1e4, 1, 1e4], rel=1e-12)
    assert bounds(D, [[-1, 0], [1, 0]])[:2] == pytest.approx([0, 1], abs=1e-12)


def test_the_grid_reaches_the_corners_of_the_window():
    """Two units that switch on only beyond 0.95 of the window, near one corner: the slope is √2 there alone."""
    D = network("relu", (np.eye(2), np.full(2, -0.95 * HALF_WIDTH)), (np.ones((2, 1)), [0.0]))
    assert bounds(D)[0] == pytest.approx(math.sqrt(2), rel=1e-12)
    assert bounds(D, half_width=0.9 * HALF_WIDTH)[0] < 1.1


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_steepest_slope_of_each_activation(activation):
    if activation == "maxout":  # the largest of a unit's pieces: at most as far apart as the pieces are
        a, b = np.random.default_rng(0).normal(size=(2, 1000, 6, 5))
        apart = np.linalg.norm(a.max(-1) - b.max(-1), axis=-1)
        assert (apart <= FACTS["maxout"].steepest * np.linalg.norm(a - b, axis=(-2, -1))).all()
        return
    x = torch.linspace(-8, 8, 160001, dtype=torch.float64, requires_grad=True)
    slope = torch.autograd.grad(ACTIVATIONS[activation](x).sum(), x)[0].abs().max().item()
    assert slope <= FACTS[activation].steepest * (1 + 1e-15)
    assert slope == pytest.approx(FACTS[activation].steepest, rel=1e-8)


def test_the_steepest_slope_of_silu_is_attained():
    y = optimize.brentq(lambda y: y * math.tanh(y) - 1, 1, 2, xtol=1e-15)
    share = special.expit(2 * y)
    assert FACTS["silu"].steepest == pytest.approx(share * (1 + 2 * y * (1 - share)), rel=1e-15)
    D = network("silu", (np.array([[2.0], [0.0]]), [0.0]), (np.array([[3.0]]), [0.0]))
    grid, _, upper = bounds(D, [[y, 0.3], [0, 0]])  # 2 x₁ = 2y is where it is steepest
    assert (grid, upper) == pytest.approx([6 * FACTS["silu"].steepest] * 2, rel=1e-14)


# --- order and scale --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_lower_bounds_are_below_the_truth_and_the_upper_one_above(activation, layers):
    """The truth: below, the largest slope at 160,000 places; above, each layer's largest stretch of any vector. Secants
    within the window are means of slopes, so the largest of those, with 3 % for what lies between, is above them."""
    D = steep(activation, layers=layers)
    points = cloud().clamp(-HALF_WIDTH, HALF_WIDTH)
    grid, secant, upper = bounds(D, points)
    line = torch.linspace(-HALF_WIDTH, HALF_WIDTH, 400, dtype=torch.float64)
    x = torch.cartesian_prod(line, line).unsqueeze(0).requires_grad_()
    seen = torch.autograd.grad(D(x).sum(), x)[0].norm(dim=-1).max().item()
    assert 0.9 * seen < grid < 1.03 * seen
    assert 0.3 * seen < secant < 1.03 * seen
    assert max(seen, grid, secant) <= upper * (1 + 1e-12)
    product = FACTS[activation].steepest ** layers
    for matrix in D.matrices:
        weight = matrix[0, :-1].detach().numpy()
        product *= math.sqrt(np.linalg.eigvalsh(weight @ weight.T).max())
    assert upper == pytest.approx(product, rel=1e-10)


def test_the_secant_is_the_largest_of_all_pairs():
    D, points = steep("tanh"), cloud(20)
    values = D(points).detach().flatten().tolist()
    slopes = [
        abs(values[i] - values[j]) / math.dist(points[0, i].tolist(), points[0, j].tolist())
        for i in range(20)
        for j in range(i)
    ]
    assert bounds(D, points)[1] == pytest.approx(max(slopes), rel=1e-9)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_scaling_the_critic_scales_the_bounds_and_leaves_the_distances(activation):
    D, real, fake = steep(activation), cloud(seed=1), cloud(seed=2) + 1
    before = lipschitz_bounds(D, cloud(), [HALF_WIDTH]), critic_distance(D, real, fake, [HALF_WIDTH])
    for factor in (-3.0, 0.25):
        scaled = steep(activation)
        with torch.no_grad():
            scaled.matrices[-1].mul_(factor)
        after = lipschitz_bounds(scaled, cloud(), [HALF_WIDTH])
        for name in BOUNDS:
            assert after[name] == pytest.approx(abs(factor) * before[0][name], rel=1e-9), name
        distances = critic_distance(scaled, real, fake, [HALF_WIDTH])
        assert distances["w1"] == before[1]["w1"]
        for name in DISTANCES[1:]:
            assert distances[name] == pytest.approx(math.copysign(1, factor) * before[1][name], rel=1e-9), name


def test_a_member_in_float32_is_bounded_in_float64():
    """Points 1e-5 apart, where D's values in float32 would differ by rounding: 0.5 % of the secant or more."""
    low = discriminators([3], hidden=16, activation="tanh")
    high = discriminators([3], hidden=16, activation="tanh", dtype=torch.float64)
    with torch.no_grad():
        high.flat.copy_(low.flat)
    points = 1 + 1e-5 * cloud(50).float()
    expected = torch.autograd.grad(high(x := points.double().requires_grad_()).sum(), x)[0].norm(dim=-1)
    measured = lipschitz_bounds(low, points, [HALF_WIDTH])
    assert measured[SECANT].item() == pytest.approx(expected.max().item(), rel=1e-3)
    assert measured == lipschitz_bounds(high, points.double(), [HALF_WIDTH])


def test_coincident_points_have_no_secant():
    """Beside two points that make a slope of 1, others in the same place, or as near as rounding."""
    D = linear([1.0, 0.0], 1e3)
    near = [[0, 0], [0, 0], [1e-17, 0], [1e-12, 0], [1, 0]]
    assert bounds(D, near)[1] == pytest.approx(1, rel=1e-12)
    assert bounds(D, [[2, 2]] * 7)[1] == 0


# --- duality ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_no_critic_tells_more_than_w1(activation):
    """Kantorovich–Rubinstein, for D's of every size, upside down or not, and clouds near or far apart."""
    stack = range(12)
    D = steep(activation, stack)
    with torch.no_grad():
        D.flat[:] *= torch.logspace(-1, 1, 12, dtype=torch.float64)[:, None]
    for seed, shift in ((3, 0.0), (4, 2.0)):
        real, fake = cloud(40, 12, seed), 0.5 * cloud(40, 12, seed + 10) + shift
        for a, b in ((real, fake), (fake, real)):
            distances = critic_distance(D, a, b, [HALF_WIDTH] * 12)
            upper = lipschitz_bounds(D, torch.cat([a, b], 1), [HALF_WIDTH] * 12)[UPPER]
            assert distances["w1"] == pytest.approx(w1_between(a.numpy(), b.numpy()), rel=1e-12)
            assert (distances["w1_lower"] <= distances["w1"]).all()
            difference = (D(a).mean(1) - D(b).mean(1)).detach().flatten().numpy()
            assert distances["w1_lower"] == pytest.approx(difference / upper, rel=1e-6, abs=1e-12)
            assert (np.abs(distances["w1_critic"]) >= np.abs(distances["w1_lower"])).all()


def test_the_best_critic_of_a_shift_tells_all_of_it():
    """D = t·x for a cloud moved by t is 1-Lipschitz but for a factor, and optimal: all three are |t|. Turned by 60°, it
    tells half, at right angles nothing, upside down −|t|."""
    fake, shift = cloud(50), np.array([1.2, -0.5])
    real = fake + torch.from_numpy(shift)
    for turn in (0, 60, 90, 180):
        angle = math.radians(turn)
        weight = 7 * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]) @ shift
        distances = critic_distance(linear(weight, 3.0), real, fake, [HALF_WIDTH])
        assert distances["w1"].item() == pytest.approx(1.3, rel=1e-12)
        for name in DISTANCES[1:]:
            assert distances[name].item() == pytest.approx(1.3 * math.cos(angle), rel=1e-12, abs=1e-12)


def test_what_a_critic_with_kinks_tells_of_a_ring():
    """Points on a ring of radius 2 against all at 0: W₁ = 2, and D = |x₁| + |x₂| tells the mean of its values, 8 / π
    for a full ring, over √2, or over 2 √2 by the upper bound."""
    D = network("relu", (np.array([[1, -1, 0, 0], [0, 0, 1, -1]]), np.zeros(4)), (np.ones((4, 1)), [0.0]))
    angle = 2 * math.pi * (np.arange(200) + 0.5) / 200
    real = torch.from_numpy(2 * np.stack([np.cos(angle), np.sin(angle)], -1))[None]
    distances = critic_distance(D, real, torch.zeros_like(real), [HALF_WIDTH])
    assert distances["w1"].item() == pytest.approx(2, rel=1e-12)
    assert distances["w1_critic"].item() == pytest.approx(8 / math.pi / math.sqrt(2), rel=1e-3)
    assert distances["w1_lower"].item() == pytest.approx(4 / math.pi / math.sqrt(2), rel=1e-3)


def test_the_critics_distance_where_the_slope_is_not_seen():
    """A step between the clouds, flat wherever looked at: only the upper bound knows how steep it is. A constant D
    tells nothing."""
    D = network("relu", (np.array([[1e4, 1e4], [0, 0]]), np.array([0.0, -1.0])), (np.array([[1.0], [-1.0]]), [0.0]))
    real, fake = cloud(30).abs() + 0.1, -cloud(30).abs() - 0.1
    distances = critic_distance(D, real, fake, [HALF_WIDTH])
    assert math.isnan(distances["w1_critic"].item())
    assert distances["w1_lower"].item() == pytest.approx(1 / (math.sqrt(2e8) * math.sqrt(2)), rel=1e-9)
    flat = critic_distance(linear([0.0, 0.0], 5.0), real, fake, [HALF_WIDTH])
    assert [flat[name].item() for name in DISTANCES[1:]] == [0, 0]
    with pytest.raises(ValueError, match="as many points"):
        critic_distance(D, real, fake[:, :7], [HALF_WIDTH])


# --- members and absence ----------------------------------------------------------------------------------------------

SETTINGS = [Setting(mode=mode) for mode in ("gaussian", "ring_8", "mixture_4", "circles")]


def players(seeds, **how):
    return generators(seeds, hidden=16, **how), discriminators(seeds, hidden=16, **how)


def batches(members=4, n=33):
    seeded = torch.Generator().manual_seed(1)
    return torch.randn(members, n, 2, generator=seeded), 2 + torch.randn(members, n, 2, generator=seeded)


def test_all_scores_at_once_are_those_of_their_parts():
    (G, D), (z, real) = players(range(4)), batches()
    scores = lipschitz_scores(G, D, SETTINGS, z, real)
    assert set(scores) == {*BOUNDS, *DISTANCES}
    widths = [make_target(s.mode, s.std).half_width for s in SETTINGS]
    with torch.no_grad():
        fake = G(z)
    parts = lipschitz_bounds(D, torch.cat([real, fake], 1), widths) | critic_distance(D, real, fake, widths)
    for name, values in scores.items():
        assert values.shape == (4,)
        assert values.dtype == np.float64
        assert values.tolist() == parts[name].tolist(), name
        assert np.isfinite(values).all(), name


def test_the_window_is_the_members_own():
    """A step of tanh half-way between the edges of two windows, and far from all points: the slope there is 5."""
    settings = SETTINGS[:2]
    wide, narrow = (make_target(s.mode, s.std).half_width for s in settings)
    edge = (wide + narrow) / 2
    assert edge - narrow > 1  # where 5 sech² 5 = 9e-4 is left of the slope
    D = discriminators(range(2), hidden=1, layers=1, activation="tanh", dtype=torch.float64)
    with torch.no_grad():
        D.matrices[0][:] = torch.tensor([[5.0], [0.0], [-5 * edge]])
        D.matrices[1][:] = torch.tensor([[1.0], [0.0]])
    at_0 = torch.zeros(2, 1, 2)
    scores = lipschitz_scores(generators(range(2), layers=0), D, settings, at_0, at_0)
    assert scores[GRID][0] > 4
    assert scores[GRID][1] < 1e-3


@pytest.mark.parametrize("activation", ["relu", "silu"])
def test_a_member_scores_bit_for_bit_as_it_would_alone(activation):
    z, real = batches()
    together = lipschitz_scores(*players(range(4), activation=activation), SETTINGS, z, real)
    for m in range(4):
        here = slice(m, m + 1)
        alone = lipschitz_scores(*players([m], activation=activation), SETTINGS[here], z[here], real[here])
        for name, values in alone.items():
            assert together[name][m] == values.item(), name


def test_a_member_that_is_not_finite_has_no_scores_and_touches_no_other():
    (G, D), (z, real) = players(range(4)), batches()
    together = lipschitz_scores(G, D, SETTINGS, z, real)
    with torch.no_grad():
        G.flat[1], D.flat[2, 5] = torch.inf, torch.nan
    broken = lipschitz_scores(G, D, SETTINGS, z, real)
    for name, values in broken.items():
        assert values[[0, 3]].tolist() == together[name][[0, 3]].tolist(), name
        assert np.isnan(values[1]), name
        if name == "w1":  # of the points alone
            assert values[2] == together[name][2]
        else:
            assert np.isnan(values[2]), name


def test_weights_as_large_as_float32_holds():
    """Three layers of 1e38: no overflow in float64. In ten it is beyond that, too, and then there are no scores."""
    for layers, finite in ((2, True), (9, False)):
        D = discriminators([0], hidden=4, layers=layers)
        with torch.no_grad():
            D.flat[:] = 1e38
        distances = critic_distance(D, cloud(seed=1).float() + 9, cloud(seed=2).float(), [HALF_WIDTH])
        assert np.isfinite(distances["w1"]).all()
        assert np.isfinite(distances["w1_lower"]).all() == finite
        if finite:
            assert 0 < distances["w1_lower"].item() <= distances["w1"].item()


def test_a_critic_of_more_than_one_point_has_no_slope_in_the_plane():
    real, fake = cloud(30, 2, 1), cloud(30, 2, 2)
    packed = MLP([4, 8, 1], range(2), "weights_d")
    scores = lipschitz_bounds(packed, real, [HALF_WIDTH] * 2) | critic_distance(packed, real, fake, [HALF_WIDTH] * 2)
    assert {name for name, values in scores.items() if np.isfinite(values).all()} == {"w1"}
    assert all(np.isnan(values).all() for name, values in scores.items() if name != "w1")


def test_gradients_are_taken_where_the_caller_takes_none():
    D = linear([0.6, 0.8])
    with torch.no_grad():
        assert bounds(D)[0] == pytest.approx(1, rel=1e-12)
    assert all(matrix.grad is None for matrix in D.matrices)
