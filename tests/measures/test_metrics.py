import numpy as np
import pytest
import torch
from scipy import integrate, special, stats

from dynamics.base.streams import Streams
from dynamics.measures import metrics
from dynamics.measures.metrics import SCORES, measure, null_scores, score, score_stack, total_variance
from dynamics.targets.registry import TARGETS, make_target

FOUR = make_target("mixture_4", 0.2)


def target_samples(target, n, seed=0):
    return target.sample(n, Streams([seed], "choice"), Streams([seed], "noise"))[0].numpy()


def around(centres, std=0.05, seed=0):
    """100 points around each centre."""
    centres = np.asarray(centres, float)
    noise = np.random.default_rng(seed).standard_normal((len(centres), 100, 2))
    return (centres[:, None] + std * noise).reshape(-1, 2)


def test_all_four_modes_exactly():
    s = score(around([(2, 2), (-2, 2), (-2, -2), (2, -2)]), FOUR)
    assert (s["modes_covered"], s["modes_hit"], s["high_quality"]) == (4, 4, 1)
    assert s["reverse_kl"] == pytest.approx(0, abs=1e-15)  # equal counts at equal weights


def test_a_dropped_mode():
    s = score(around([(2, 2), (-2, 2), (-2, -2)]), FOUR)
    assert (s["modes_covered"], s["modes_hit"]) == (3, 3)
    # q = 1/3 on three modes of weight 1/4: KL = log(4/3)
    assert s["reverse_kl"] == pytest.approx(np.log(4 / 3), rel=1e-12)


def test_one_sample_hits_but_does_not_cover():
    points = np.concatenate([around([(2, 2), (-2, 2), (-2, -2)]), [(2, -2)]])
    s = score(points, FOUR)
    assert (s["modes_covered"], s["modes_hit"]) == (3, 4)


@pytest.mark.parametrize(("held", "covered"), [(25, 1), (24, 0)])
def test_a_quarter_of_the_weight_is_where_coverage_begins(held, covered):
    """400 samples, weight 1/4: coverage takes 25 of them in high quality."""
    points = np.full((400, 2), 100.0)
    points[:held] = (2, 2)
    assert score(points, FOUR)["modes_covered"] == covered


def test_high_quality_is_within_three_std_of_the_nearest_mode():
    at = np.array([(2 + 0.599, 2), (2, 2 - 0.601), (0, 0), (2, 2)])
    assert score(at, FOUR)["high_quality"] == 0.5


def test_no_sample_near_any_mode_leaves_the_histogram_undefined():
    s = score(np.full((50, 2), 30.0), FOUR)
    assert np.isnan(s["reverse_kl"])
    assert (s["modes_covered"], s["modes_hit"], s["high_quality"]) == (0, 0, 0)
    # all samples where the target has 1 % of its mass: the divergence of (0.99, 0.01) from (0, 1)
    p, q = np.array([0.99, 0.01]), np.array([0.0, 1.0])
    m = (p + q) / 2
    expected = 0.5 * (p * np.log(p / m)).sum() + 0.5 * np.log(1 / m[1])
    assert s["jsd"] == pytest.approx(expected, rel=1e-12)


def test_a_target_without_modes_has_no_mode_scores():
    target = make_target("swiss_roll")
    s = score(target_samples(target, 500), target)
    for name in ("modes_covered", "modes_hit", "high_quality", "reverse_kl"):
        assert np.isnan(s[name])
    assert np.isfinite([s["jsd"], s["spread"]]).all()


def test_samples_that_are_not_finite_have_no_scores_and_disturb_nobody():
    good = target_samples(FOUR, 300)
    bad = good.copy()
    bad[7, 1] = np.inf
    s = score_stack(np.stack([good, bad, good]), FOUR)
    for name in SCORES:
        assert np.isnan(s[name][1])
        assert s[name][0] == s[name][2] == score(good, FOUR)[name]


def test_huge_samples_are_scored_without_overflow():
    s = score(np.full((10, 2), 1e200), FOUR)
    assert s["high_quality"] == 0
    assert np.isfinite(s["jsd"])


@pytest.mark.parametrize("mode", TARGETS)
def test_the_cells_hold_what_they_are_said_to(mode):
    """Chi-square of fresh points on the cells. Cells cut from finitely many points are off by a little: χ² / 8N is what
    that adds to a JSD, and must stay below 2e-4 nats beyond the points' own noise, χ² ≈ 256."""
    n, target = 200_000, make_target(mode)
    points = target_samples(target, n).astype(float)
    cells = metrics._partition(target).cells(points, metrics._log_prob(target, points))
    held = np.bincount(cells, minlength=257)
    expected = np.append(np.full(256, 0.99 / 256), 0.01) * n
    assert stats.chisquare(held, expected).statistic < 256 + 8 * n * 2e-4


@pytest.mark.parametrize("shift", [0.6, 1.2, 2.4])
def test_jsd_approaches_quadrature_from_below(shift):
    """A Gaussian moved by `shift`: JSD by quadrature along the axis of the move. Cells can only lose."""
    target = make_target("gaussian")
    points = target_samples(target, 200_000) + np.array([shift, 0], np.float32)
    p, q = stats.norm(0, 1.2).pdf, stats.norm(shift, 1.2).pdf

    def integrand(x):
        m = (p(x) + q(x)) / 2
        return (p(x) * np.log(p(x) / m) + q(x) * np.log(q(x) / m)) / 2

    exact = integrate.quad(integrand, -9, 12)[0]
    measured = score(points, target)["jsd"]
    assert 0.9 * exact < measured < exact + 257 / (8 * len(points))


def expected_jsd(n):
    """E of the plug-in JSD of n perfect samples: a sum over cells of the binomial expectation of each one's term."""
    k, total = np.arange(n + 1), 0.0
    for p, cells in ((0.99 / 256, 256), (0.01, 1)):
        q = k / n
        m = (p + q) / 2
        term = (special.rel_entr(p, m) + special.rel_entr(q, m)) / 2
        total += cells * (stats.binom.pmf(k, n, p) * term).sum()
    return total


@pytest.mark.parametrize("mode", ["gaussian", "mixture_4", "ring_8", "swiss_roll", "checkerboard"])
def test_null_is_what_theory_says_of_a_perfect_generator(mode):
    target = make_target(mode)
    null = null_scores(target, 2048)
    # exactly, a cell of mass p holds a binomial share; (C - 1) / 8N is its first order. 100 draws know their mean to a
    # tenth of their spread, and the cells add up to 2e-4
    assert null["jsd"][0] == pytest.approx(expected_jsd(2048), abs=4 * null["jsd"][1] / 10 + 2e-4)
    assert expected_jsd(2048) == pytest.approx(256 / (8 * 2048), rel=0.08)
    assert null["spread"][0] == pytest.approx(1, abs=4 * null["spread"][1] / 10 + 2e-3)
    if target.modes is None:
        assert np.isnan(null["high_quality"][0])
        return
    share = 1 - np.exp(-4.5)
    # overlapping modes catch each other's stragglers, so the gaussian and the well separated ones only
    error = np.sqrt(share * (1 - share) / 2048)
    assert null["high_quality"][0] == pytest.approx(share, abs=5 * error / 10)
    assert null["high_quality"][1] == pytest.approx(error, rel=0.35)
    assert null["modes_covered"] == (len(target.modes.centres), 0)
    assert null["reverse_kl"][0] == pytest.approx((len(target.modes.centres) - 1) / (2 * 2048), rel=0.3, abs=1e-12)


def test_half_the_spread_is_a_quarter_of_the_variance():
    points = target_samples(FOUR, 50_000).astype(float)
    assert score(points / 2, FOUR)["spread"] == pytest.approx(score(points, FOUR)["spread"] / 4, rel=1e-12)
    assert score(points, FOUR)["spread"] == pytest.approx(1, abs=0.01)


# --- modes one by one -------------------------------------------------------------------------------------------------


def test_mass_and_shape_by_hand():
    """Eight points at mode 1 on a circle about a point beside it, seven at mode 2, one astray, four at 4."""
    angle = 2 * np.pi * np.arange(8) / 8
    circle = np.array([2.1, 2.05]) + 0.3 * np.stack([np.cos(angle), np.sin(angle)], 1)
    points = np.concatenate([circle, np.tile([-2, 2.1], (7, 1)), [[0, 0]], np.tile([2, -2], (4, 1))])
    m = measure(points[None], FOUR)
    assert m.mass[0] == pytest.approx([8 / 20, 7 / 20, 0, 4 / 20])
    # trace of the covariance r² n / (n − 1), over that of a Gaussian cut off at 3 std, by quadrature
    weight = integrate.quad(lambda r: r * np.exp(-(r**2) / 0.08), 0, 0.6)[0]
    perfect = integrate.quad(lambda r: r**3 * np.exp(-(r**2) / 0.08), 0, 0.6)[0] / weight
    assert m.shape[0, 0] == pytest.approx(0.09 * 8 / 7 / perfect, rel=1e-9)
    assert np.isnan(m.shape[0, 1:]).all()  # seven are too few
    assert m.mean[0] == pytest.approx(points.mean(0))


@pytest.mark.parametrize(
    ("mode", "std"), [("gaussian", 1.2), ("ring_8", 0.02), ("mixture_4", 0.2), ("mixture_4", 1.2), ("grid_25", 3.0)]
)
def test_a_perfect_generator_fills_its_modes(mode, std):
    """Shape 1 for every mode, apart or overlapping; and mass w (1 − e^(−9/2)) where they are apart."""
    target = make_target(mode, std)
    m = measure(target_samples(target, 200_000)[None], target)
    # a variance of n samples is known to about 1/√n; the perfect one of overlapping modes is measured on 2^16 points
    error = 4 / np.sqrt(m.mass * 200_000) + (0.02 if std > 1 else 0)
    assert (np.abs(m.shape - 1) < error).all()
    if std < 1:
        w = target.modes.weights * (1 - np.exp(-4.5))
        assert (np.abs(m.mass - w) < 4.5 * np.sqrt(w * (1 - w) / 200_000)).all()


def test_a_mode_hit_but_shrunk_is_told_from_one_covered():
    points = np.concatenate([around([(2, 2)], 0.02), around([(-2, 2)], 0.2), around([(-2, -2)], 0.1)])
    shape = measure(points[None], FOUR).shape[0]
    assert shape[0] == pytest.approx(0.01 / 0.9495, rel=0.3)  # a tenth of the width
    assert shape[1] == pytest.approx(1, rel=0.3)
    assert shape[2] == pytest.approx(0.25 / 0.9495, rel=0.3)


def test_measures_agree_with_the_scores_and_members_are_apart():
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 2, (5, 300, 2))
    samples[3, 0, 0] = np.nan
    m, target = measure(samples, FOUR), FOUR
    sound = [0, 1, 2, 4]
    for values in (m.mass, m.shape, m.mean):
        assert np.isnan(values[3]).all()
    np.testing.assert_allclose(m.mass.sum(1)[sound], m.scores["high_quality"][sound], rtol=1e-12)
    assert ((m.mass >= target.modes.weights / 4).sum(1)[sound] == m.scores["modes_covered"][sound]).all()
    for i in sound:
        alone = measure(samples[i : i + 1], target)
        np.testing.assert_array_equal(alone.mass[0], m.mass[i])
        np.testing.assert_array_equal(alone.shape[0], m.shape[i])
        np.testing.assert_array_equal(alone.mean[0], m.mean[i])


def test_targets_without_modes_have_a_mean_alone():
    target = make_target("circles")
    m = measure(target_samples(target, 300)[None], target)
    assert m.mass is None
    assert m.shape is None
    assert np.isfinite(m.mean).all()


def test_total_variance_of_a_mixture():
    """2 std² + the mean squared distance of the centres from their mean: 8 at the corners (±2, ±2)."""
    assert total_variance(FOUR) == pytest.approx(2 * 0.2**2 + 8, rel=1e-3)
    assert total_variance(make_target("gaussian")) == pytest.approx(2 * 1.2**2, rel=1e-3)


def test_scoring_touches_no_global_generator():
    before = torch.get_rng_state()
    metrics._partition.cache_clear()
    score(target_samples(FOUR, 100), FOUR)
    assert torch.equal(torch.get_rng_state(), before)
