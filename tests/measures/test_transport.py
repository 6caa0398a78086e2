import functools
import itertools

import numpy as np
import pytest
import torch
from scipy import linalg, stats
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from dynamics.base.streams import Streams
from dynamics.measures.transport import DIRECTIONS, EXACT, FINE, sliced_w2, w1, w1_between, w2
from dynamics.targets.registry import TARGETS, make_target

GAUSSIAN = make_target("gaussian")
CENTRE, STD = np.array([2.0, 2.0]), 1.2
TURN = np.array([[np.cos(0.6), -np.sin(0.6)], [np.sin(0.6), np.cos(0.6)]])
# symmetric positive definite maps, hence gradients of convex functions: optimal whatever they are applied to (Brenier)
MAPS = {
    "shift": np.eye(2),
    "shrink": 0.05 * np.eye(2),
    "stretch": np.diag([3.0, 0.4]),
    "turned": TURN @ np.diag([2.5, 0.3]) @ TURN.T,
    "flat": TURN @ np.diag([1.0, 1e-9]) @ TURN.T,
}
SHIFT = np.array([0.7, -1.9])


def target_samples(target, n, members=1):
    return target.sample(n, Streams(range(members), "choice"), Streams(range(members), "noise")).numpy().astype(float)


def one(distance, points, target):
    return float(distance(np.asarray(points)[None], target)[0])


@functools.lru_cache
def points_of(target, n):
    """The first n points (n, 2) of a scrambled Sobol sequence, in the middle of their cells, as the target has them."""
    uniform = torch.quasirandom.SobolEngine(4, scramble=True, seed=0).draw(n, dtype=torch.float64) + 2.0**-31
    return target.transform(uniform[:, :2], torch.special.ndtri(uniform[:, 2:])).numpy()


def half_circle():
    """The directions (L, 2) that slices are taken along: even on the half circle, π (k + ½) / L."""
    angle = np.pi * (np.arange(DIRECTIONS) + 0.5) / DIRECTIONS
    return np.stack([np.cos(angle), np.sin(angle)], -1)


def fan(count):
    angle = np.pi * np.arange(count) / count
    return np.stack([np.cos(angle), np.sin(angle)], -1)


def gaussian_w2_squared(mean, covariance):
    """To the gaussian target: |m1 − m2|² + tr(C1 + C2 − 2 (C2^½ C1 C2^½)^½)."""
    cross = linalg.sqrtm(STD * covariance * STD).real
    return np.square(mean - CENTRE).sum() + np.trace(covariance + STD**2 * np.eye(2) - 2 * cross)


def gaussian_sliced_squared(mean, covariance):
    """To the gaussian target: the mean over directions of (θ·(m1 − m2))² + ((θ·C1 θ)^½ − σ)²."""
    theta = fan(4000)
    spread = np.sqrt(np.einsum("li,ij,lj->l", theta, covariance, theta))
    return (np.square(theta @ (mean - CENTRE)) + np.square(spread - STD)).mean()


# --- w2 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", range(1, 8))
def test_w2_is_the_best_of_all_permutations(n):
    for mode in ("gaussian", "ring_8", "swiss_roll"):
        target = make_target(mode)
        points = np.random.default_rng(n).normal(0, 3, (n, 2))
        reference = points_of(target, EXACT)[:n]
        costs = [
            np.square(points - reference[list(order)]).sum(-1).mean() for order in itertools.permutations(range(n))
        ]
        assert one(w2, points, target) == pytest.approx(np.sqrt(min(costs)), rel=1e-12)


@pytest.mark.parametrize("mode", TARGETS)
def test_w2_is_that_of_the_plain_assignment(mode):
    """The reduced costs have the same best assignment as squared distances, however the samples have collapsed."""
    target = make_target(mode)
    samples = target_samples(target, EXACT)[0]
    outlier = samples.copy()
    outlier[3] = 1e4
    made = {
        "own": samples,
        "missing mode": np.maximum(samples, 1.0),
        "circle": samples / np.linalg.norm(samples, axis=-1, keepdims=True),
        "line": samples @ np.array([[1.0, 2.0], [0.0, 0.0]]),
        "one point": np.full_like(samples, 0.5),
        "nearly one point": 3 + 1e-6 * samples,
        "outlier": outlier,
    }
    for name, points in made.items():
        costs = cdist(points, points_of(target, EXACT), "sqeuclidean")
        expected = np.sqrt(costs[linear_sum_assignment(costs)].mean())
        assert one(w2, points, target) == pytest.approx(expected, rel=1e-9), name


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("mode", ["gaussian", "grid_25", "two_moons"])
def test_w2_of_the_reference_moved_by_an_optimal_map(mode, name):
    """x = A y + t with A symmetric and positive is optimal: W₂² is the mean of |x − y|², in whatever order x comes."""
    target = make_target(mode)
    reference = points_of(target, EXACT)
    moved = reference @ MAPS[name] + SHIFT
    expected = np.sqrt(np.square(moved - reference).sum(-1).mean())
    shuffled = np.random.default_rng(0).permutation(moved)
    assert one(w2, shuffled, target) == pytest.approx(expected, rel=1e-9)
    if name == "shift":
        assert expected == pytest.approx(np.hypot(*SHIFT), rel=1e-12)


@pytest.mark.parametrize("mode", TARGETS)
def test_w2_of_the_reference_itself_is_zero(mode):
    target = make_target(mode)
    shuffled = np.random.default_rng(1).permutation(points_of(target, EXACT))
    assert one(w2, shuffled, target) == 0


@pytest.mark.parametrize("name", MAPS)
def test_w2_between_gaussians(name):
    """Not below the distance of Gaussians with the points' own means and covariances (Gelbrich 1990), which holds for
    any points, and not above the closed form by more than the points' own noise: n points of a standard normal in the
    plane are within about log n / √n of it (Ledoux 2019), and a map carries that further by at most its norm."""
    a, mean = MAPS[name], CENTRE + SHIFT
    z = np.random.default_rng(2).standard_normal((6, EXACT, 2))
    samples = z @ (STD * a) + mean
    measured = w2(samples, GAUSSIAN)
    closed = np.sqrt(gaussian_w2_squared(mean, STD**2 * a @ a))
    noise = np.log(EXACT) / np.sqrt(EXACT)
    assert np.abs(measured - closed).max() < STD * noise * max(1, np.linalg.norm(a, 2))
    reference = points_of(GAUSSIAN, EXACT)
    b, c = reference.mean(0), np.cov(reference.T, bias=True)
    for value, points in zip(measured, samples, strict=True):
        k = np.cov(points.T, bias=True)
        product = linalg.eigvals(k @ c).real.clip(0)  # of tr (c^½ k c^½)^½, the same eigenvalues
        bound = np.square(points.mean(0) - b).sum() + np.trace(k + c) - 2 * np.sqrt(product).sum()
        assert value**2 > bound * (1 - 1e-9)


def test_w2_takes_the_first_samples():
    samples = target_samples(GAUSSIAN, EXACT + 50, 3)
    later = samples.copy()
    later[:, EXACT:] += 100
    assert (w2(samples, GAUSSIAN) == w2(later, GAUSSIAN)).all()
    assert (w2(samples, GAUSSIAN) == w2(samples[:, :EXACT], GAUSSIAN)).all()


# --- w1 ---------------------------------------------------------------------------------------------------------------


def between(x, y):
    return float(w1_between(np.asarray(x)[None], np.asarray(y)[None])[0])


@pytest.mark.parametrize("n", range(1, 8))
def test_w1_is_the_best_of_all_permutations(n):
    for mode in ("gaussian", "ring_8", "swiss_roll"):
        target = make_target(mode)
        points = np.random.default_rng(n).normal(0, 3, (n, 2))
        reference = points_of(target, EXACT)[:n]
        costs = [
            np.linalg.norm(points - reference[list(order)], axis=-1).mean()
            for order in itertools.permutations(range(n))
        ]
        assert one(w1, points, target) == pytest.approx(min(costs), rel=1e-12)
        assert between(points, reference) == pytest.approx(min(costs), rel=1e-12)


@pytest.mark.parametrize("mode", TARGETS)
def test_w1_is_that_of_the_plain_assignment(mode):
    """The prices take nothing from the best assignment, however the samples have collapsed."""
    target = make_target(mode)
    reference = points_of(target, EXACT)
    samples = target_samples(target, EXACT)[0]
    outlier = samples.copy()
    outlier[3] = 1e9
    made = {
        "own": samples,
        "missing mode": np.maximum(samples, 1.0),
        "line": samples @ np.array([[1.0, 2.0], [0.0, 0.0]]),
        "one point": np.full_like(samples, 0.5),
        "nearly one point": 3 + 1e-6 * samples,
        "far": samples + 1e3,
        "wide": 30 * samples,
        "outlier": outlier,
    }
    for name, points in made.items():
        costs = cdist(points, reference)
        expected = costs[linear_sum_assignment(costs)].mean()
        assert one(w1, points, target) == pytest.approx(expected, rel=1e-12), name
        assert between(reference, points) == pytest.approx(expected, rel=1e-12), name


def test_w1_of_points_on_a_line_is_that_of_their_quantiles():
    x, y = np.random.default_rng(8).normal(0, 2, (2, 100))
    theta = np.array([0.6, 0.8])
    expected = np.abs(np.sort(x) - np.sort(y)).mean()
    assert expected == pytest.approx(stats.wasserstein_distance(x, y), rel=1e-12)
    assert between(x[:, None] * theta, y[:, None] * theta + SHIFT) > expected
    assert between(x[:, None] * theta + SHIFT, y[:, None] * theta + SHIFT) == pytest.approx(expected, rel=1e-12)


def test_w1_of_moved_and_scaled_points():
    """A shift by t costs |t|. So does x -> s x its mean |s − 1| |x|: along rays, by the dual potential |x|."""
    x = np.random.default_rng(9).permutation(target_samples(make_target("two_moons"), 200)[0])
    assert between(x, x) == 0
    assert between(x, x[::-1] + SHIFT) == pytest.approx(np.hypot(*SHIFT), rel=1e-12)
    for s in (0.0, 0.3, 5.0):
        expected = abs(s - 1) * np.linalg.norm(x, axis=-1).mean()
        assert between(s * x[::-1], x) == pytest.approx(expected, rel=1e-12)


def test_w1_is_a_metric_below_w2():
    x, y, z = (target_samples(make_target(mode), 150, 3) for mode in ("ring_8", "gaussian", "checkerboard"))
    xy, yz, xz = w1_between(x, y), w1_between(y, z), w1_between(x, z)
    assert w1_between(y, x) == pytest.approx(xy, rel=1e-12)
    for a, b, c in ((xy, yz, xz), (xz, yz, xy), (xy, xz, yz)):
        assert (c <= a + b).all()
    for mode in TARGETS:
        samples = target_samples(make_target(mode), EXACT, 2) * np.array([1, 0.2])[:, None, None]
        assert (w1(samples, make_target(mode)) <= w2(samples, make_target(mode))).all()
    # a single point of n astray by d: d / n of one, d / √n of the other
    astray = points_of(GAUSSIAN, EXACT).copy()
    astray[7] += [100.0, 0]
    assert one(w1, astray, GAUSSIAN) == pytest.approx(100 / EXACT, rel=0.05)
    assert one(w2, astray, GAUSSIAN) == pytest.approx(100 / np.sqrt(EXACT), rel=0.05)


def test_w1_takes_the_first_samples():
    samples = target_samples(GAUSSIAN, EXACT + 50, 3)
    later = samples.copy()
    later[:, EXACT:] += 100
    assert (w1(samples, GAUSSIAN) == w1(later, GAUSSIAN)).all()
    assert (w1(samples, GAUSSIAN) == w1(samples[:, :EXACT], GAUSSIAN)).all()
    reference = np.broadcast_to(points_of(GAUSSIAN, EXACT), (3, EXACT, 2))
    assert (w1(samples, GAUSSIAN) == w1_between(samples[:, :EXACT], reference)).all()


def test_w1_between_clouds_member_by_member():
    x, y = target_samples(make_target("ring_8"), 60, 4), target_samples(GAUSSIAN, 60, 4).astype(np.float32)
    together = w1_between(x, y)
    assert together.dtype == np.float64
    assert [between(a, b) for a, b in zip(x, y, strict=True)] == together.tolist()
    for side in (0, 1):
        given = [x.copy(), y.copy()]
        given[side][2, 59, 1] = np.nan
        measured = w1_between(*given)
        assert np.isnan(measured).tolist() == [False, False, True, False]
        assert (measured[[0, 1, 3]] == together[[0, 1, 3]]).all()
    with pytest.raises(ValueError, match=r"not \(4, 60, 2\) and \(4, 59, 2\)"):
        w1_between(x, y[:, 1:])


def test_w1_of_huge_and_tiny_clouds():
    x, y = np.random.default_rng(10).normal(0, 1, (2, 64, 2))
    expected = between(x, y)
    for scale in (1e-100, 1e-6, 1e6, 1e90):
        assert between(scale * x, scale * y) == pytest.approx(scale * expected, rel=1e-12)
    assert between(np.full((5, 2), [1e300, 0.0]), np.zeros((5, 2))) == pytest.approx(1e100, rel=1e-12)


# --- sliced_w2 --------------------------------------------------------------------------------------------------------


def plain_sliced(points, target, directions):
    """The integral of the squared difference of both quantile functions, which are steps: piece by piece, exactly."""
    n = len(points)
    ends = np.union1d(FINE * np.arange(1, n + 1), n * np.arange(1, FINE + 1))  # of pieces, in units of 1 / (n FINE)
    width = np.diff(ends, prepend=0) / (n * FINE)
    costs = []
    for theta in directions:
        x, y = np.sort(points @ theta), np.sort(points_of(target, FINE) @ theta)
        costs.append(width @ np.square(x[(ends - 1) // FINE] - y[(ends - 1) // n]))
    return np.sqrt(np.mean(costs))


@pytest.mark.parametrize("n", [1, 3, 48, 64, 1000, 1500])
def test_sliced_w2_is_that_of_both_quantile_functions(n):
    for mode in ("mixture_4", "spiral"):
        target = make_target(mode)
        points = np.random.default_rng(n).normal(1, 2, (n, 2))
        expected = plain_sliced(points, target, half_circle())
        assert one(sliced_w2, points, target) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("mode", ["gaussian", "ring_8", "grid_25", "swiss_roll", "checkerboard"])
def test_the_fan_is_fine_enough(mode):
    """Against 257 directions, 0.1 % on a generator that misses a part of the target: far below what a seed changes."""
    target = make_target(mode)
    points = target_samples(target, 512)[0]
    points = np.resize(points[points[:, 0] < 1.5], (512, 2))
    assert one(sliced_w2, points, target) == pytest.approx(plain_sliced(points, target, fan(257)), rel=1e-3)


@pytest.mark.parametrize("name", MAPS)
def test_sliced_w2_between_gaussians(name):
    """n points of a standard normal on the line have a mean W₂² of (log log n + O(1)) / n (Bobkov & Ledoux 2019), at
    2048 below 4 / n; beyond that, members scatter about the closed form."""
    a, mean, members, n = MAPS[name], CENTRE + SHIFT, 40, 2048
    samples = np.random.default_rng(3).standard_normal((members, n, 2)) @ (STD * a) + mean
    squared = sliced_w2(samples, GAUSSIAN) ** 2
    noise = 4 * squared.std(ddof=1) / np.sqrt(members)
    bias = 4 / n * (STD * max(1, np.linalg.norm(a, 2))) ** 2
    closed = gaussian_sliced_squared(mean, STD**2 * a @ a)
    assert abs(squared.mean() - closed) < noise + bias
    assert noise + bias < 0.05 * closed  # so that the test can tell


def test_sliced_w2_of_the_targets_points_scaled_and_shifted():
    """s y + t keeps the order along every direction: SW₂² = ½ mean |(s − 1) y + t|², as the mean of θθᵀ is ½."""
    for mode in ("gaussian", "checkerboard"):
        target = make_target(mode)
        y = points_of(target, FINE)
        for s, t in [(1.0, SHIFT), (0.1, SHIFT), (2.0, np.zeros(2))]:
            expected = np.sqrt(np.square((s - 1) * y + t).sum(-1).mean() / 2)
            assert one(sliced_w2, s * y[::-1] + t, target) == pytest.approx(expected, rel=1e-9)
        # zero but for the root of what rounding leaves of the variance, √1e-15
        assert one(sliced_w2, y[::-1], target) < 1e-6


@pytest.mark.parametrize("mode", ["ring_8", "circles"])
def test_sliced_w2_does_not_see_a_symmetry_of_the_target(mode):
    """Turned by 45°, or mirrored, samples are as far from the ring as before, but for the fan's 0.1 %; moved by as
    much, they are not."""
    target = make_target(mode)
    points = target_samples(target, 2048)[0]
    points = points[points[:, 0] > -1]
    turn = np.sqrt(0.5) * np.array([[1, 1], [-1, 1]])
    before = one(sliced_w2, points, target)
    assert before > 0.3
    for symmetric in (points @ turn, points * [-1, 1], points[:, ::-1]):
        assert one(sliced_w2, symmetric, target) == pytest.approx(before, rel=1e-3)
    assert one(sliced_w2, points + np.array([0.3, 0.0]), target) > 1.1 * before


@pytest.mark.parametrize(("mode", "centre"), [("gaussian", (2, 2)), ("mixture_4", (0, 0)), ("circles", (0, 0))])
def test_both_distances_of_a_single_point(mode, centre):
    """All mass at x: W₂² = |x − E y|² + tr Cov y, the sliced one half of it. tr Cov is 2σ² and the shape's own."""
    target = make_target(mode)
    shape = {"gaussian": 0, "mixture_4": 8, "circles": (4 + 16) / 2}[mode]
    x = np.array([0.5, -3.0])
    squared = np.square(x - centre).sum() + shape + 2 * target.std**2
    points = np.tile(x, (300, 1))
    assert one(sliced_w2, points, target) == pytest.approx(np.sqrt(squared / 2), rel=1e-4)
    # 256 points instead of 65536: a quasi-random mean is off by about 1 %
    assert one(w2, points, target) == pytest.approx(np.sqrt(squared), rel=0.02)


# --- both -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("distance", "share", "fine"), [(w2, 1, EXACT), (sliced_w2, 0.5, 2**16)])
@pytest.mark.parametrize("mode", ["gaussian", "ring_8", "pinwheel"])
def test_moving_the_samples(distance, share, fine, mode):
    """The best coupling stays the best: W₂²(x + t) = W₂²(x) + |t|² + 2 t·(mean x − mean y), the sliced one by half."""
    target = make_target(mode)
    x = target_samples(target, EXACT)[0]
    t = np.array([1.5, -4.0])
    gained = np.square(t).sum() + 2 * t @ (x.mean(0) - points_of(target, fine).mean(0))
    expected = np.sqrt(one(distance, x, target) ** 2 + share * gained)
    assert one(distance, x + t, target) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("distance", [w2, sliced_w2])
def test_a_missing_mode(distance):
    """One mode of four emptied into its neighbour, 4 away: a quarter of the mass moves by 4, W₂² = 16 / 4; on the line,
    four points of equal weight against three, one of them double. Modes are narrow, 0.01, and the distance that much
    off at most, but for the fan: the integrand has kinks where two modes meet."""
    target = make_target("mixture_4", 0.01)
    points = points_of(target, 2048)
    missing = points * np.where((points > 0).all(-1, keepdims=True), [-1, 1], 1)
    full = np.array([(2, 2), (-2, 2), (-2, -2), (2, -2)])
    three = full[[1, 1, 2, 3]]
    line = np.square(np.sort(full @ fan(4000).T, 0) - np.sort(three @ fan(4000).T, 0)).mean()
    expected = 2 if distance is w2 else np.sqrt(line)
    assert one(distance, points, target) < 0.01
    assert one(distance, missing, target) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("distance", [w1, w2, sliced_w2])
def test_members_do_not_depend_on_one_another(distance):
    target = make_target("swiss_roll")
    stack = target_samples(target, 300, 4).astype(np.float32) * np.array([1, 0.1, 1e4, 2], np.float32)[:, None, None]
    together = distance(stack, target)
    assert together.shape == (4,)
    assert together.dtype == np.float64
    assert [one(distance, points, target) for points in stack] == together.tolist()
    assert distance(stack[::-1], target).tolist() == together[::-1].tolist()
    assert distance(stack[:0], target).shape == (0,)


@pytest.mark.parametrize("distance", [w1, w2, sliced_w2])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_have_no_distance(distance, value):
    stack = target_samples(GAUSSIAN, 300, 3)
    expected = distance(stack, GAUSSIAN)
    given = stack.copy()
    given[1, 299, 0] = value  # beyond those that w2 assigns
    measured = distance(given, GAUSSIAN)
    assert np.isnan(measured).tolist() == [False, True, False]
    assert (measured[[0, 2]] == expected[[0, 2]]).all()
    assert given[1, 299, 1] == stack[1, 299, 1]


@pytest.mark.parametrize(("distance", "share"), [(w2, 1), (sliced_w2, 0.5)])
def test_huge_samples(distance, share):
    for far, counted in [(1e50, 1e50), (1e100, 1e100), (1e300, 1e100)]:
        points = np.tile([far, 0.0], (300, 1))
        assert one(distance, points, GAUSSIAN) == pytest.approx(np.sqrt(share) * counted, rel=1e-12)
    # the target is a point beside samples so wide
    points = 1e100 * np.random.default_rng(6).uniform(-1, 1, (EXACT, 2))
    expected = 1e100 * np.sqrt(share * np.square(points / 1e100).sum(-1).mean())
    assert one(distance, points, GAUSSIAN) == pytest.approx(expected, rel=1e-12)
    # a single one, a hundredth of the mass
    points = np.zeros((100, 2))
    points[7, 1] = -1e100
    assert one(distance, points, GAUSSIAN) == pytest.approx(np.sqrt(share) * 1e99, rel=1e-12)


@pytest.mark.parametrize("distance", [w2, sliced_w2])
def test_tiny_spreads(distance):
    """Samples 1e-160 apart, whose squares are 0 in float64, are as far off as a single point."""
    spread = 1e-160 * np.random.default_rng(4).standard_normal((EXACT, 2))
    expected = one(distance, np.zeros((EXACT, 2)), GAUSSIAN)
    assert one(distance, spread, GAUSSIAN) == pytest.approx(expected, rel=1e-12)


def test_the_order_of_samples_does_not_matter():
    samples = target_samples(GAUSSIAN, EXACT)[0]
    for distance in (w1, w2, sliced_w2):
        shuffled = np.random.default_rng(5).permutation(samples)
        assert one(distance, shuffled, GAUSSIAN) == pytest.approx(one(distance, samples, GAUSSIAN), rel=1e-12)


def test_the_targets_points_are_the_targets():
    """Kolmogorov–Smirnov along the fan: quasi-random points are closer to the exact law than random ones would be."""
    for n, limit in ((EXACT, 0.8), (FINE, 0.2)):
        points = points_of(GAUSSIAN, n)
        for theta in half_circle()[::10]:
            statistic = stats.kstest(points @ theta, stats.norm(theta @ CENTRE, STD).cdf).statistic
            assert statistic < limit / np.sqrt(n)  # 0.87 is the mean of √n times it for random points


def test_the_fan_is_even():
    """Mean of θθᵀ = ½ I and of the fourth powers = ⅜: the moments of a uniform direction."""
    theta = half_circle()
    assert theta.shape == (DIRECTIONS, 2)
    assert theta.T @ theta / DIRECTIONS == pytest.approx(np.eye(2) / 2, abs=1e-14)
    assert (theta**4).mean(0) == pytest.approx(3 / 8, abs=1e-14)
