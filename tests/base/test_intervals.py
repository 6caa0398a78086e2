"""Paired differences: p-values by enumeration, intervals by their coverage, corrections by hand."""

import itertools

import numpy as np
import pytest
from scipy import stats

from dynamics.base.intervals import (
    Difference,
    Range,
    difference_range,
    max_t,
    mean_interval,
    paired_difference,
    share_interval,
    smallest_p,
)


def flips(d):
    """The share of all 2^n sign patterns whose mean is as far from 0 as the observed one, counted one by one."""
    means = [abs(np.mean(np.array(signs) * d)) for signs in itertools.product((1, -1), repeat=len(d))]
    return np.mean(np.array(means) >= abs(np.mean(d)) - 1e-9)


@pytest.mark.parametrize("n", [2, 5, 8, 11])
def test_p_is_the_share_of_sign_patterns(n):
    rng = np.random.default_rng(n)
    for shift in (0, 0.5, 2):
        a, b = rng.normal(size=n) + shift, rng.normal(size=n)
        assert paired_difference(a, b).p == flips(a - b)
    modes = rng.integers(-1, 3, size=n)  # many ties
    assert paired_difference(modes, np.zeros(n)).p == flips(modes)


def test_p_is_scipys():
    d = np.array([0.3, -0.1, 0.7, 0.2, 0.9, -0.4, 0.5, 0.05, 0.6])

    def mean(x, axis):
        return np.mean(x, axis=axis)

    expected = stats.permutation_test((d,), mean, permutation_type="samples", n_resamples=np.inf).pvalue
    assert paired_difference(d + 1, np.ones(9)).p == pytest.approx(expected, abs=1e-12)


def test_ties_but_for_rounding_are_ties():
    d = np.array([0.1, 0.2, -0.3, 0.7])  # 0.1 + 0.2 - 0.3 is 5.6e-17, so patterns tie only but for rounding
    assert paired_difference(d, np.zeros(4)).p == flips(d)
    assert paired_difference(d[:3], np.zeros(3)).p == 1


def by_sums(d):
    """p of all sign patterns, from the sums of both halves: |x + y| >= |Σ d| is counted without making every pair."""

    def sums(values):
        totals = np.zeros(1)
        for value in values:
            totals = np.concatenate((totals + value, totals - value))
        return np.sort(totals)

    one, other, observed = sums(d[: len(d) // 2]), sums(d[len(d) // 2 :]), abs(d.sum()) - 1e-9
    above = len(other) - np.searchsorted(other, observed - one) + np.searchsorted(other, -observed - one, side="right")
    return above.sum() / 2.0 ** len(d)


@pytest.mark.parametrize("n", [14, 15, 17, 20])
def test_p_is_exact_up_to_20_pairs(n):
    d = np.random.default_rng(n).normal(0.5, 1, n)
    assert paired_difference(d, np.zeros(n)).p == by_sums(d)
    assert 2 * round(by_sums(d) * 2 ** (n - 1)) == by_sums(d) * 2**n


@pytest.mark.parametrize("n", [21, 24, 40])
def test_more_pairs_than_20_are_flipped_at_random(n):
    d = np.random.default_rng(3).normal(0.35, 1, n)
    p, exact = paired_difference(d, np.zeros(n)).p, by_sums(d)
    assert 0.001 < exact < 0.5  # or the comparison would show little
    assert p == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 2**20))
    assert p * 2**20 == round(p * 2**20)
    assert max_t(d[None])[0] == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 2**20))
    far = paired_difference(np.full(40, 3.0), np.zeros(40))
    assert far.p == smallest_p(40) == 1 / 2**20  # the observed pattern counts: never 0


def test_the_smallest_p_is_of_n_seeds():
    for n in range(1, 21):
        assert paired_difference(np.arange(1, n + 1), np.zeros(n)).p == smallest_p(n) == min(1, 2 / 2**n)
    assert smallest_p(5) > 0.05 > smallest_p(6)


def test_p_is_level_under_no_difference(monkeypatch):
    monkeypatch.setattr("dynamics.base.intervals._RESAMPLES", 9999)  # of no concern to p
    rng = np.random.default_rng(0)
    p = np.array([paired_difference(rng.exponential(size=7), rng.exponential(size=7)).p for _ in range(400)])
    # exact: P(p <= k/64) = k/64 for continuous differences, whatever their distribution
    for k in (3, 16, 32, 48):
        share = k / 64
        assert np.mean(p <= share + 1e-9) == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 400))


def test_pairs_without_both_sides_are_left_out():
    nan, inf = np.nan, np.inf
    a, b = np.array([1, nan, 3, 4, inf, 6.5, 9]), np.array([0.5, 1, nan, 2, 1, 3, -inf])
    assert paired_difference(a, b) == paired_difference(np.array([1, 4, 6.5]), np.array([0.5, 2, 3]))
    e = paired_difference(a, b)
    assert (e.n, e.value) == (3, pytest.approx(2.0))
    with pytest.raises(ValueError, match="one shape"):
        paired_difference(a, b[:1])


def test_none_one_and_equal_differences():
    none = paired_difference(np.array([np.nan]), np.array([1.0]))
    assert none.n == 0
    assert np.isnan([none.value, none.low, none.high, none.p]).all()
    one = paired_difference(np.array([5.0]), np.array([3.0]))
    assert (one.value, one.n, one.p) == (2, 1, 1)
    assert np.isnan([one.low, one.high]).all()
    assert paired_difference(np.arange(8.0), np.arange(8.0)) == Difference(0, 0, 0, 8, 1)
    assert paired_difference(np.arange(8) - 3.0, np.arange(8.0)) == Difference(-3, -3, -3, 8, 2 / 2**8)
    thirds = paired_difference(np.full(8, 0.1) * 3, np.full(8, 0.2))  # a mean that rounding leaves beside its values
    assert thirds.low == thirds.high == pytest.approx(0.1)


@pytest.mark.parametrize("factor", [1e300, 1e-300, -1.0, 7.0])
def test_a_unit_changes_nothing_but_the_unit(factor):
    rng = np.random.default_rng(4)
    a, b = rng.normal(1, 1, 9), rng.normal(0, 1, 9)
    one, other = paired_difference(a, b), paired_difference(factor * a, factor * b)
    assert other.p == one.p
    assert other.value == pytest.approx(factor * one.value, rel=1e-12)
    width = (one.high - one.low) * abs(factor)
    assert other.high - other.low == pytest.approx(width, rel=1e-9 if factor > 0 else 0.1)


def test_opposite_ends_of_the_floats_do_not_overflow():
    big = np.finfo(float).max
    e = paired_difference(np.array([big, 1e300, 0]), np.array([big / 2, -1e300, 0]))
    assert e.value == pytest.approx(big / 6 + 2e300 / 3)
    assert paired_difference(np.full(6, big), np.full(6, -big)).p == smallest_p(6)


def test_the_interval_turns_with_the_sides():
    rng = np.random.default_rng(5)
    a, b = rng.exponential(size=10) ** 2, np.zeros(10)
    one, other = paired_difference(a, b), paired_difference(b, a)
    assert other.value == -one.value
    assert other.p == one.p
    assert (-other.high, -other.low) == pytest.approx((one.low, one.high), rel=0.1)  # but for other resamples' luck
    # the long tail is on the right, so the mean may lie further above than below: what Student's t does not see
    assert one.high - one.value > 1.5 * (one.value - one.low)
    assert one.low <= one.value <= one.high


@pytest.mark.parametrize(
    "d",
    [[1.0, 4.0], [0.4, -0.3, 1.1, 0.2, 2.5], [0, 0, 0, 0, 0, 0, 0, 1.0], [0.01, 0.02, 0, 1.01, 1.03, 1.05, 1, 1.02]],
)
def test_the_interval_is_the_smoothed_bootstrap_t_of_scratch(d):
    d, rng = np.array(d), np.random.default_rng(10)
    error = stats.sem(d)
    drawn = rng.choice(d, size=(100_000, len(d))) + rng.normal(0, error, size=(100_000, len(d)))
    t = stats.ttest_1samp(drawn, d.mean(), axis=1).statistic
    # 4 standard errors of a quantile's rank among 100 000 are 0.2 points
    near = [np.quantile(t, [q - 0.002, q + 0.002]) for q in (0.025, 0.975)]
    e = paired_difference(d, np.zeros(len(d)))
    assert d.mean() - near[0][1] * error <= e.high <= d.mean() - near[0][0] * error
    assert d.mean() - near[1][1] * error <= e.low <= d.mean() - near[1][0] * error


def test_many_pairs_have_students_interval():
    d = np.random.default_rng(11).normal(2, 3, 400)
    e = paired_difference(d, np.zeros(400))
    low, high = stats.t.interval(0.95, 399, d.mean(), stats.sem(d))
    assert (e.low, e.high) == pytest.approx((low, high), abs=0.01 * (high - low))  # skewed by chance


@pytest.mark.parametrize("n", [2, 5, 20, 21, 40])
@pytest.mark.parametrize("kind", ["skewed", "whole"])
def test_the_order_of_the_seeds_changes_no_bit(n, kind):
    """Of bounds, where p is counted and where it is drawn, and of means; nor do the sides' names change p."""
    rng = np.random.default_rng(n)
    a, b = rng.exponential(size=(2, n)) + np.array([[0.2], [0]])
    if kind == "whole":  # many ties
        a, b = np.round(3 * a), np.round(3 * b)
    first, mean = paired_difference(a, b), mean_interval(a)
    assert paired_difference(b, a).p == first.p
    for _ in range(5):
        order = rng.permutation(n)
        assert paired_difference(a[order], b[order]) == first
        assert mean_interval(a[order]) == mean


@pytest.mark.parametrize(
    ("draw", "n"), [("normal", 6), ("normal", 8), ("normal", 20), ("exponential", 8), ("lognormal", 20)]
)
def test_the_draws_are_enough_for_the_digits_shown(draw, n, monkeypatch):
    """Other draws move a bound by 0.2 % of the interval's width or less (standard deviation): an interval 0.2 nats wide
    keeps its third decimal to within one. With a hundredth of the draws it is 0.5 to 1 %."""
    d, seeded = getattr(np.random.default_rng(1), draw)(size=n), np.random.default_rng
    bounds = []
    for seed in range(12):
        paired_difference.__globals__["_difference"].cache_clear()
        monkeypatch.setattr(np.random, "default_rng", lambda of, seed=seed: seeded([of, seed]))
        bounds.append(paired_difference(d, np.zeros(n))[1:3])
    monkeypatch.undo()
    paired_difference.__globals__["_difference"].cache_clear()
    moved = np.std(bounds, 0, ddof=1) / np.diff(np.mean(bounds, 0))
    assert (moved < 0.002 * np.sqrt(stats.chi2.ppf(0.999, 11) / 11)).all()
    assert (moved > 0).all()  # the draws were others


# --- ranges ----------------------------------------------------------------------------------------------------------


def test_a_mean_interval_is_cut_at_its_range():
    nearly = np.array([4.0] * 7 + [3])  # modes of 4: the case that a table shows as 3.9 [3.6, 4.2]
    low, high = stats.t.interval(0.95, 7, nearly.mean(), stats.sem(nearly))
    assert high > 4
    e = mean_interval(nearly, Range(0, 4))
    assert (e.value, e.high, e.n) == (3.875, 4.0, 8)
    assert e.low == pytest.approx(low)
    assert mean_interval(np.array([0, 1.0]), Range(0, 4)) == (0.5, 0, 4, 2)  # from −5.9 to 6.9
    assert mean_interval(nearly) == pytest.approx((3.875, low, high, 8))
    third = mean_interval(np.full(3, 0.1) * 3, Range(0, 0.3))  # 0.30000000000000004
    assert third.low <= third.value <= third.high
    assert np.isnan(mean_interval(np.array([2.0]), Range(0, 4))[1:3]).all()
    assert np.isnan(mean_interval(np.array([]), Range(0, 4))[:3]).all()


def test_a_difference_is_cut_at_its_range():
    share, count = Range(0, 1), Range(0, 4)
    assert difference_range(share, share) == (-1, 1)
    assert difference_range(count, Range(2, np.inf)) == (-np.inf, 2)
    a, b = np.array([1.0, 1, 1, 0]), np.zeros(4)
    wide, cut = paired_difference(a, b), paired_difference(a, b, difference_range(share, share))
    assert wide.high > 1
    assert cut == wide._replace(high=1.0)
    assert paired_difference(b, a, difference_range(share, share)).low == -1
    assert np.isnan(paired_difference(a[:1], b[:1], share)[1:3]).all()


# seeds' scores whose mean and range are known: mode counts, mass near an end, half of the seeds at either end, JSD
BOUNDED = {
    "modes 4 of 4 in 9 of 10": (lambda rng, shape: 3.0 + (rng.random(shape) < 0.9), 3.9, Range(0, 4)),
    "modes, binomial": (lambda rng, shape: rng.binomial(4, 0.85, shape).astype(float), 3.4, Range(0, 4)),
    "share near 1": (lambda rng, shape: rng.beta(18, 2, shape), 0.9, Range(0, 1)),
    "share, U-shaped": (lambda rng, shape: rng.beta(0.3, 0.3, shape), 0.5, Range(0, 1)),
    "jsd near 0": (lambda rng, shape: np.log(2) * rng.beta(0.5, 4.5, shape), np.log(2) / 10, Range(0, np.log(2))),
}


@pytest.mark.parametrize("seeds", [2, 8])
@pytest.mark.parametrize("case", BOUNDED)
def test_cut_intervals_cover_no_less(case, seeds):
    """Sample by sample: what covered the true mean still does, as that lies in the range; no interval is longer, and
    none leaves the range. Of two seeds' intervals most do without the cut."""
    draw, mean, within = BOUNDED[case]
    covered, cut = np.zeros(2), 0
    for values in draw(np.random.default_rng(12), (2000, seeds)):
        whole, part = mean_interval(values), mean_interval(values, within)
        before, after = whole.low <= mean <= whole.high, part.low <= mean <= part.high
        assert after >= before
        assert within.least <= part.low <= part.value <= part.high <= within.most
        assert whole.low <= part.low
        assert part.high <= whole.high
        covered += before, after
        cut += (part.low, part.high) != (whole.low, whole.high)
    assert covered[1] >= covered[0]
    assert cut > 0


def test_cut_intervals_of_differences_cover_no_less():
    draw, _, one = BOUNDED["share, U-shaped"]
    within, cut = difference_range(one, one), 0
    a, b = draw(np.random.default_rng(13), (2, 60, 4))
    for x, y in zip(a, b, strict=True):
        whole, part = paired_difference(x, y), paired_difference(x, y, within)
        assert (part.low <= 0 <= part.high) >= (whole.low <= 0 <= whole.high)
        assert -1 <= part.low <= part.value <= part.high <= 1
        cut += part != whole
    assert cut > 5


def test_equal_values_give_equal_answers():
    a, b = np.random.default_rng(6).normal(size=(2, 20))
    first = paired_difference(a, b)
    paired_difference.__globals__["_difference"].cache_clear()
    np.random.default_rng(7).normal(size=9)
    assert paired_difference(a, b) == first


@pytest.mark.slow
@pytest.mark.parametrize(
    ("draw", "mean", "coverage"),
    [("normal", 0.0, 0.953), ("exponential", 1.0, 0.931), ("lognormal", np.exp(0.5), 0.890)],
)
def test_coverage_at_eight_pairs(draw, mean, coverage, monkeypatch):
    monkeypatch.setattr("dynamics.base.intervals._RESAMPLES", 99_999)  # more do not show in a coverage
    rng = np.random.default_rng(8)
    samples = getattr(rng, draw)(size=(700, 8))
    intervals = [paired_difference(d, np.zeros(8)) for d in samples]
    covered = np.mean([e.low <= mean <= e.high for e in intervals])
    error = np.sqrt(coverage * (1 - coverage) / 700)
    assert covered == pytest.approx(coverage, abs=4 * error)
    students = [stats.t.interval(0.95, 7, d.mean(), stats.sem(d)) for d in samples]
    by_student = np.mean([low <= mean <= high for low, high in students])
    if draw == "normal":
        assert by_student == pytest.approx(0.95, abs=0.04)  # exact there
    else:
        assert covered > by_student + 0.02


# --- maxT ------------------------------------------------------------------------------------------------------------


def test_alone_a_comparison_is_not_corrected():
    rng = np.random.default_rng(3)
    for n in (2, 5, 9, 14, 20):
        d = rng.normal(0.5, 1, n)
        assert max_t(d[None]) == [paired_difference(d, np.zeros(n)).p]


def test_step_down_by_hand():
    """Patterns with the first sign fixed: ++ +− for n = 2. u: row 0 √2 or 0, row 1 3/√5 or 1/√5 (of 1 and 2)."""
    d = np.array([[1.0, 1.0], [1.0, 2.0], [0.0, 0.0], [np.nan, np.nan]])
    assert max_t(d)[:3] == pytest.approx([0.5, 0.5, 1.0])
    assert np.isnan(max_t(d)[3])
    # a third row, of difference 0, is as extreme as the first is under the other pattern: by chance, one of them is
    assert max_t(np.array([[1.0, 1.0], [1.0, 2.0], [1.0, -1.0]])) == pytest.approx([1.0, 1.0, 1.0])


def brute(d):
    """Westfall & Young's step-down as the book has it, comparison after comparison, pattern after pattern."""

    def u(rows, signs):
        sums = [(sum(s * x for s, x in zip(signs, r, strict=True)), sum(x * x for x in r)) for r in rows]
        return [abs(total) / squares**0.5 for total, squares in sums]

    seen = u(d, [1] * len(d[0]))
    order = sorted(range(len(d)), key=lambda c: -seen[c])
    p, last = [0.0] * len(d), 0.0
    patterns = list(itertools.product((1, -1), repeat=len(d[0])))
    for place, c in enumerate(order):
        left = [d[k] for k in order[place:]]
        last = max(last, sum(max(u(left, signs)) >= seen[c] - 1e-9 for signs in patterns) / len(patterns))
        p[c] = last
    return p


def test_it_is_the_step_down_procedure():
    rng = np.random.default_rng(9)
    for _ in range(10):
        d = rng.normal(rng.normal(0, 1, (5, 1)), 1, (5, 6))
        assert max_t(d) == pytest.approx(brute(d.tolist()))


def test_a_clear_difference_among_many_comparisons_is_shown_with_eight_seeds():
    """One that is steady over the seeds among 17 of noise: correcting by 18 would leave 18 · 2/2^8 = 0.14."""
    rng = np.random.default_rng(0)
    d = rng.normal(0, 1, (18, 8))
    d[4] = rng.normal(10, 1, 8)
    p = max_t(d)
    assert p[4] < 0.02
    assert (np.delete(p, 4) > 0.05).all()


@pytest.mark.slow
@pytest.mark.parametrize("shared", [0.0, 0.9])
def test_false_differences_are_as_rare_as_stated(shared):
    """18 comparisons without a difference, independent or nearly the same: one or more shown in at most 5 %."""
    rng, runs = np.random.default_rng(1), 2000
    false = 0
    for _ in range(runs):
        d = np.sqrt(1 - shared) * rng.normal(size=(18, 8)) + np.sqrt(shared) * rng.normal(size=8)
        false += max_t(d).min() < 0.05
    assert false / runs < 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5


def test_max_t_takes_many_seeds_missing_ones_and_huge_values():
    rng = np.random.default_rng(2)
    d = rng.normal(0, 1, (3, 40))
    d[0] += 3
    d[1, 5:] = np.nan
    p = max_t(d)
    assert p[0] == 1 / 2**20
    assert p[1] >= 2 / 2**5 - 0.01  # five seeds only
    assert max_t(d[:, ::-1])[0] == p[0]
    assert max_t(d * 1e300) == pytest.approx(p)
    assert max_t(np.empty((0, 8))).shape == (0,)


@pytest.mark.slow
def test_wilsons_interval_covers_in_simulation():
    rng = np.random.default_rng(0)
    covered = []
    for n in (8, 16, 64):
        bounds = [share_interval(k, n) for k in range(n + 1)]
        low, high = np.array([[e.low, e.high] for e in bounds]).T
        for share in np.linspace(0.05, 0.95, 19):
            counts = rng.binomial(n, share, 20_000)
            covered.append(((low[counts] <= share) & (share <= high[counts])).mean())
            # no more than chance from the exact coverage, a sum over the binomial's counts
            exact = stats.binom.pmf(np.arange(n + 1), n, share)[(low <= share) & (share <= high)].sum()
            assert covered[-1] == pytest.approx(exact, abs=0.01)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.01)  # of shares all over: what Wilson's is made for
    assert min(covered) > 0.85  # and for single ones it comes in steps
