"""Closed forms against numerics that share nothing with them: roots, eigenvalues, integration, finite differences."""

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import expit

from dynamics.theory import closed_forms

RATES = (0.01, 0.1, 0.15)


def radius(matrix):
    return np.abs(np.linalg.eigvals(np.array(matrix))).max()


# --- the bilinear game -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("h", RATES)
def test_maps_written_out(h):
    """Each map carried out by hand on numbers: min over ψ and max over θ of θψ."""
    t, p = 0.3, -1.1
    np.testing.assert_allclose(closed_forms.one_round(closed_forms.A, h) @ (t, p), (t + h * p, p - h * t))
    np.testing.assert_allclose(
        closed_forms.one_round(closed_forms.A, h, first="g") @ (t, p), (t + h * p, p - h * (t + h * p))
    )
    seen = p - 3 * h * t
    np.testing.assert_allclose(
        closed_forms.one_round(closed_forms.A, h, first="d", d_steps=3) @ (t, p), (t + h * seen, seen)
    )
    extrapolated = t + h * p, p - h * t
    np.testing.assert_allclose(
        closed_forms.extragradient(h) @ (t, p), (t + h * extrapolated[1], p - h * extrapolated[0])
    )
    seen = p - h * t
    ahead = seen - 4 * h * t
    through = ahead - 4 * h * t  # d(θ(ψ′ − 4hθ))/dθ
    np.testing.assert_allclose(closed_forms.unrolled(h, 4) @ (t, p), (t + h * through, seen))
    v, w = 0.7, 0.2  # velocities
    w2 = -0.5 * w - t
    p2 = p + h * w2
    v2 = -0.5 * v + p2
    np.testing.assert_allclose(
        closed_forms.momentum(h, -0.5, first="d") @ (t, p, v, w), (t + h * v2, p2, v2, w2), rtol=1e-12
    )


@pytest.mark.parametrize("h", RATES)
@pytest.mark.parametrize(
    ("matrix", "factor"),
    [
        (lambda h: [[1 - h * h, h], [-h, 1 - h * h]], closed_forms.extragradient_factor),
        (
            lambda h: [[1, 2 * h, 0, -h], [-2 * h, 1, h, 0], [1, 0, 0, 0], [0, 1, 0, 0]],
            closed_forms.optimistic_factor,
        ),
        (lambda h: [[1 - 11 * h * h, h], [-h, 1]], lambda h: closed_forms.unrolled_factor(h, 5)),
        (lambda h: closed_forms.lookahead(h, 7, 0.3), lambda h: closed_forms.lookahead_factor(h, 7, 0.3)),
        *(
            (
                lambda h, mu=mu, first=first: closed_forms.momentum(h, mu, first=first),
                lambda h, mu=mu, first=first: closed_forms.momentum_factor(h, mu, first=first),
            )
            for mu in (0.9, 0.5, -0.5)
            for first in ("both", "d")
        ),
    ],
)
def test_factors_are_spectral_radii(matrix, factor, h):
    assert factor(h) == pytest.approx(radius(matrix(h)), abs=1e-12)


@pytest.mark.parametrize("h", RATES)
def test_what_the_factors_say(h):
    assert closed_forms.extragradient_factor(h) < 1
    assert closed_forms.optimistic_factor(h) < 1
    assert all(closed_forms.momentum_factor(h, mu) > 1 for mu in (0.5, 0.0, -0.5, -0.9))  # Gidel et al. 2019, theorem 5
    assert closed_forms.momentum_factor(h, -0.5, first="d") < 1 < closed_forms.momentum_factor(h, 0.5, first="d")


@pytest.mark.parametrize("h", RATES)
@pytest.mark.parametrize(("first", "steps"), [("d", 1), ("g", 1), ("d", 5), ("g", 5)])
def test_invariants_are_kept_by_their_maps(first, steps, h):
    form = closed_forms.invariant(h, first=first, d_steps=steps)
    step = closed_forms.one_round(closed_forms.A, h, first=first, d_steps=steps)
    np.testing.assert_allclose(step.T @ form @ step, form, atol=1e-14)
    other = closed_forms.invariant(h, first="d" if first == "g" else "g", d_steps=steps)
    assert np.abs(step.T @ other @ step - other).max() > h * h  # the sign matters


def test_roots():
    for b, c in ((0.3, 0.25), (1.0, 0.25), (2.0, 0.25), (1j, -0.5)):
        for root in closed_forms.roots(b, c):
            assert abs(root * root + b * root + c) < 1e-14


# --- the Dirac game --------------------------------------------------------------------------------------------------


def differences(v, at, step=1e-5):
    columns = [(np.subtract(v(*np.add(at, d)), v(*np.subtract(at, d)))) / (2 * step) for d in step * np.eye(2)]
    return np.stack(columns, 1)


def close(computed, expected):
    for pair in (computed, expected):
        assert len(pair) == 2
    return min(max(abs(a - x), abs(b - y)) for (a, b) in [computed] for x, y in (expected, expected[::-1]))


LOSSES = ("nonsaturating", "minimax", "lsgan", "hinge", "wasserstein", "relativistic", "alpha", "alpha_minimax")
TERMS = {  # of D at real and at fake points, of G, of numbers t
    "nonsaturating": (lambda t: -np.log(expit(t)), lambda t: -np.log(expit(-t)), lambda t: -np.log(expit(t))),
    "minimax": (lambda t: -np.log(expit(t)), lambda t: -np.log(expit(-t)), lambda t: np.log(expit(-t))),
    "lsgan": (lambda t: (t - 1) ** 2 / 2, lambda t: t**2 / 2, lambda t: (t - 1) ** 2 / 2),
    "hinge": (lambda t: max(0, 1 - t), lambda t: max(0, 1 + t), lambda t: -t),
    "wasserstein": (lambda t: -t, lambda t: t, lambda t: -t),
    # α = 2, ½: 2(1 − √σ(t)); −(1 − 1/σ(t))
    "alpha": (lambda t: 2 - 2 * expit(t) ** 0.5, lambda t: 2 - 2 * expit(-t) ** 0.5, lambda t: 1 / expit(t) - 1),
    "alpha_minimax": (
        lambda t: 2 - 2 * expit(t) ** 0.5,
        lambda t: 2 - 2 * expit(-t) ** 0.5,
        lambda t: 1 - 1 / expit(-t),
    ),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("data", [0.0, 1.0, -0.6])
def test_jacobians_of_losses(loss, data):
    """The closed form against differences of the field, and the field against differences of losses of numbers."""
    offset, alphas = 0.5 if loss == "lsgan" else 0.0, {"alpha_d": 2.0, "alpha_g": 0.5} if "alpha" in loss else {}
    v = lambda theta, psi: np.array(closed_forms.field(loss, theta, psi, data, offset, **alphas))  # noqa: E731
    np.testing.assert_allclose(v(data, 0.0), 0, atol=1e-15)
    eigenvalues = np.linalg.eigvals(differences(v, (data, 0.0))).astype(complex)
    # where the characteristic roots are double, differences would be off by a square root
    assert close(eigenvalues, closed_forms.of_loss(loss, data, **alphas)) < 1e-6
    if loss == "relativistic":
        d_loss = lambda t, p: np.logaddexp(0, p * t - p * data)  # noqa: E731
        g_loss = lambda t, p: np.logaddexp(0, p * data - p * t)  # noqa: E731
    else:
        a, b, g = TERMS[loss]
        d_loss = lambda t, p: a(offset + p * data) + b(offset + p * t)  # noqa: E731
        g_loss = lambda t, p: g(offset + p * t)  # noqa: E731
    for t, p in ((0.4, 0.9), (-1.2, 0.3), (2.0, -1.7)):
        e = 1e-6
        by_t = (g_loss(t + e, p) - g_loss(t - e, p)) / (2 * e)
        by_p = (d_loss(t, p + e) - d_loss(t, p - e)) / (2 * e)
        np.testing.assert_allclose(v(t, p), (-by_t, -by_p), atol=1e-8)


def test_jacobian_of_label_smoothing():
    w, c = 0.2, 0.8
    o = closed_forms.smoothed_output(w)

    def v(theta, psi):
        real, fake = expit(o + psi * c), expit(o + psi * theta)
        return np.array([psi * (1 - fake), c * ((1 - w) * (1 - real) - w * real) - theta * fake])

    np.testing.assert_allclose(v(c, 0.0), 0, atol=1e-15)
    assert close(np.linalg.eigvals(differences(v, (c, 0.0))), closed_forms.of_smoothing(w, c)) < 1e-8


@pytest.mark.parametrize("gamma", [0.3, 1.0, 1.7])
def test_jacobian_of_slope_penalties(gamma):
    expected = np.linalg.eigvals(np.array([[0, 0.5], [-0.5, -gamma]])).astype(complex)
    assert close(closed_forms.of_slope_penalty(gamma), expected) < 1e-7
    assert (abs(closed_forms.of_slope_penalty(gamma)[0].imag) > 0) == (gamma < 1)  # critical at 1


def test_jacobian_of_instance_noise():
    """Against an integral over both noises, by differences."""
    s = 0.7
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()

    def v(theta, psi):
        on_real, at = psi * s * nodes, theta + s * nodes
        by_psi = weights @ (-s * nodes * expit(-on_real)) + weights @ (at * expit(psi * at))
        return np.array([weights @ (psi * expit(psi * at)), -by_psi])

    assert close(np.linalg.eigvals(differences(v, (0.0, 0.0))), closed_forms.of_noise(s)) < 1e-8


def test_jacobian_of_consensus():
    """Against differences of v − γ ∇½|v|², the gradient by differences too."""
    gamma = 0.6

    def velocity(theta, psi):
        return np.array([psi * expit(psi * theta), -theta * expit(psi * theta)])

    def v(theta, psi):
        half = lambda t, p: 0.5 * np.square(velocity(t, p)).sum()  # noqa: E731
        e = 1e-4
        slope = [
            (half(theta + e, psi) - half(theta - e, psi)) / (2 * e),
            (half(theta, psi + e) - half(theta, psi - e)) / (2 * e),
        ]
        return velocity(theta, psi) - gamma * np.array(slope)

    assert close(np.linalg.eigvals(differences(v, (0.0, 0.0), 1e-3)), closed_forms.of_consensus(gamma)) < 1e-5


def flow(v, start, time, **how):
    return solve_ivp(lambda t, s: v(*s), (0, time), start, method="DOP853", rtol=1e-8, atol=1e-11, **how)


@pytest.mark.parametrize(("weight", "target"), [(0.3, 0.7), (0.6, 0.5)])
def test_gp_ends_in_a_cycle(weight, target):
    """The flow, integrated side by side: from crossing to crossing of ψ = 0."""
    at, side = np.array([1.9, 0.0]), -1  # below ψ = 0
    crossed = lambda t, s: s[1]  # noqa: E731
    crossed.terminal = True
    for _ in range(12):
        v = lambda theta, psi, side=side: (psi, -theta - 2 * weight * (abs(psi) - target) * side)  # noqa: E731
        crossed.direction = -side
        path = flow(v, (at[0], side * 1e-9), 30, events=crossed)
        at, side = path.y_events[0][0], -side
    assert abs(at[0]) == pytest.approx(closed_forms.gp_amplitude(weight, target), rel=1e-5)
    assert close(closed_forms.of_gp(weight), np.linalg.eigvals(np.array([[0, 1], [-1, -2 * weight]]))) < 1e-12


def test_gp_with_a_large_weight_ends_beside_the_data():
    for weight in (1.0, 1.5):
        v = lambda theta, psi, w=weight: (psi, -theta - 2 * w * (psi - 0.7))  # noqa: E731
        path = flow(v, (-3.0, 1e-9), 60)
        assert (path.y[1] > -1e-9).all()  # it never crosses
        assert path.y[:, -1] == pytest.approx((closed_forms.gp_amplitude(weight, 0.7), 0.0), abs=1e-6)
    # continuous in w: the cycle shrinks to it
    assert closed_forms.gp_amplitude(1 - 1e-9, 0.7) == pytest.approx(closed_forms.gp_amplitude(1, 0.7), rel=1e-6)


def test_the_nonsaturating_flow_converges_as_one_over_time():
    path = flow(lambda t, p: (p * expit(-p * t), -t * expit(p * t)), (0.3, 0.3), 2000)
    assert np.square(path.y[:, -1]).sum() == pytest.approx(closed_forms.slow_square(2000, 0.18), rel=0.01)
    minimax = flow(lambda t, p: (p * expit(p * t), -t * expit(p * t)), (1, 1), 50)
    assert np.square(minimax.y[:, -1]).sum() == pytest.approx(2, rel=1e-5)


# --- penalties and optimisers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gp", "gp_one_sided", "r1", "r2", "dragan"])
def test_slope_penalties_against_differences(name):
    """Slopes by differences of D's values, and gradients by differences of the penalty."""
    stream = np.random.default_rng(0)
    a, b, x, k = stream.normal(size=2), stream.normal(size=(2, 2)), stream.normal(size=(6, 2)), 0.9
    e = 1e-5
    shifts = e * np.eye(2)
    slope = np.stack([closed_forms.quadratic(a, b, x + d) - closed_forms.quadratic(a, b, x - d) for d in shifts], 1) / (
        2 * e
    )
    size = np.hypot(*slope.T)
    value, by_a, by_b = closed_forms.slope_penalty(name, a, b, x, k)
    expected = {"gp": (size - k) ** 2, "gp_one_sided": np.maximum(size - k, 0) ** 2}
    expected |= {"dragan": expected["gp"], "r1": size**2 / 2, "r2": size**2 / 2}
    assert value == pytest.approx(expected[name].mean(), abs=1e-9)
    assert (size < k).any()
    assert (size > k).any()
    for index in np.ndindex(2):
        d = np.zeros(2)
        d[index] = e
        rise = closed_forms.slope_penalty(name, a + d, b, x, k)[0] - closed_forms.slope_penalty(name, a - d, b, x, k)[0]
        assert by_a[index] == pytest.approx(rise / (2 * e), abs=1e-7)
    for index in np.ndindex(2, 2):
        d = np.zeros((2, 2))
        d[index] = e
        rise = closed_forms.slope_penalty(name, a, b + d, x, k)[0] - closed_forms.slope_penalty(name, a, b - d, x, k)[0]
        assert by_b[index] == pytest.approx(rise / (2 * e), abs=1e-7)


def test_ways_of_optimisers():
    h, g, mu, b2 = 0.05, 0.37, 0.9, 0.99
    at = dict.fromkeys(("sgd", "momentum", "rmsprop"), 0.0)
    velocity = square = 0.0
    for _ in range(20):
        velocity = mu * velocity + g
        square = b2 * square + (1 - b2) * g * g
        at["sgd"] += h * g
        at["momentum"] += h * velocity
        at["rmsprop"] += h * g / math.sqrt(square)
    for name, way in at.items():
        assert closed_forms.travelled(name, 20, h, g, momentum=mu, beta2=b2) == pytest.approx(way, rel=1e-12)
    assert closed_forms.travelled("adam", 20, h, -g) == pytest.approx(-20 * h)
