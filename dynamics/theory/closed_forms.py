"""What methods are known to do on games of two numbers, in closed form: nothing here is trained, or seen by autograd.

A state is s = (θ, ψ): the generator's one parameter, then the discriminator's. Players minimise; the field is
v = (−∂L_G/∂θ, −∂L_D/∂ψ), and J = ∂v/∂s where v = 0. A small step h multiplies s by I + hJ, so that a game converges
geometrically where both eigenvalues of J have a negative real part, and does not where one has a positive one
(Mescheder et al. 2018, section 2; Nagarajan & Kolter 2017). On the imaginary axis J does not tell.

**The bilinear game.** L_D = θψ = −L_G, so v = A s with A = [[0, 1], [−1, 0]], whose eigenvalues are μ = ±i. All rules
are linear maps there, given as matrices, and as factors per round.

**The Dirac game** (Mescheder et al. 2018, section 2.2): data δ_c (c = 0 but where said), generated δ_θ, D(x) = o + ψ x
with a constant o. For a loss of D a(D(x)) + b(D(G(z))) and of G ℓ(D(G(z))),

    v = (−ψ ℓ′(o + ψθ), −c a′(o + ψc) − θ b′(o + ψθ)),

zero at (c, 0) where a′(o) = −b′(o): o is what the best D says of equal densities. There J = [[0, −ℓ′], [−b′, −κ]] with
κ = c² (a″ + b″), so that λ² + κλ + ω² = 0, ω² = −b′ ℓ′. What is asked of D adds to κ.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dynamics.settings.catalogue.matching import part_of

Array = NDArray[np.float64]
_HERE = "theory/closed_forms.py"

A: Array = np.array([[0.0, 1.0], [-1.0, 0.0]])
_I: Array = np.eye(2)

# --- the bilinear game: maps of one round ----------------------------------------------------------------------------


def one_round(jacobian: Array, h: float, *, first: str = "both", d_steps: int = 1) -> Array:
    """The map (2, 2) of a round of gradient steps h in the field v = J s.

    `first` is who moves first, "d" or "g", the other seeing where it went; with "both" they move at once. D's steps are
    `d_steps` in a row.
    """
    g, d = _I.copy(), _I.copy()
    g[0] += h * jacobian[0]
    d[1] += h * jacobian[1]
    d = np.linalg.matrix_power(d, d_steps)
    if first == "both":
        return np.array([g[0], d[1]])
    return g @ d if first == "d" else d @ g


def invariant(h: float, *, first: str, d_steps: int = 1) -> Array:
    """The symmetric (2, 2) Q whose sᵀQs alternating steps h conserve: d θ² + ψ² ∓ d h θψ, − where D moves first.

    D first: ψ′ = ψ − dhθ, then θ′ = θ + hψ′. With θ = θ′ − hψ′ and ψ = ψ′ + dhθ, dθ² + ψ² − dhθψ is dθ² + ψψ′ =
    (dθ′ − dhψ′)θ + ψ′ψ = dθ′θ + ψ′(ψ − dhθ) = dθ′(θ′ − hψ′) + ψ′². G first: the same with the players exchanged,
    h ↦ −h.
    """
    mixed = d_steps * h / 2 * (-1 if first == "d" else 1)
    return np.array([[d_steps, mixed], [mixed, 1.0]])


def extragradient(h: float) -> Array:
    """s ← s + hA(s + hAs) = (I + hA + h²A²) s = ((1 − h²) I + hA) s."""
    return _I + h * A @ (_I + h * A)


def extragradient_factor(h: float) -> float:
    """√((1 − h²)² + h²): the map is a rotation times that. Below 1 for h < 1."""
    return math.hypot(1 - h * h, h)


def optimistic(h: float) -> Array:
    """(s, s₋) ← (s + 2hAs − hAs₋, s), (4, 4). A first step made once is one with s₋ = s."""
    return np.block([[_I + 2 * h * A, -h * A], [_I, 0 * _I]])


def optimistic_factor(h: float) -> float:
    """√((1 + √(1 − 4h²)) / 2), h ≤ ½.

    λ² − λ(1 + 2hμ) + hμ = 0 has the discriminant 1 + 4h²μ² = 1 − 4h²; of λ = (1 ± √(1 − 4h²) + 2hμ) / 2 the larger has
    |λ|² = ((1 + √(1 − 4h²))² + 4h²) / 4.
    """
    return math.sqrt((1 + math.sqrt(1 - 4 * h * h)) / 2)


def momentum(h: float, beta: float, *, first: str = "both") -> Array:
    """(s, w) ← (s + hw′, w′) with w′ = βw + As, (4, 4); with `first` "d", θ's w′ looks at ψ′ instead of ψ."""
    if first == "both":
        return np.block([[_I + h * A, h * beta * _I], [A, beta * _I]])
    return np.array(
        [
            [1 - h * h, h, h * beta, h * h * beta],
            [-h, 1, 0, h * beta],
            [-h, 1, beta, h * beta],
            [-1, 0, 0, beta],
        ]
    )


def momentum_factor(h: float, beta: float, *, first: str = "both") -> float:
    """The largest |λ| of (λ − 1)(λ − β) = ihλ, players at once: above 1 for every β (Gidel et al. 2019, theorem 5);
    of (λ − 1)²(λ − β)² = −h²λ³, D first: below 1 for some β < 0 (their theorem 6)."""
    if first == "both":
        return float(np.abs(roots(-(1 + beta + 1j * h), beta)).max())
    square = np.polymul(np.poly([1, 1]), np.poly([beta, beta]))
    return float(np.abs(np.roots(np.polyadd(square, [h * h, 0, 0, 0]))).max())


def lookahead(h: float, k: int, alpha: float) -> Array:
    """(1 − α) I + α Mᵏ, M a round in which D moves first: the map of k rounds."""
    return (1 - alpha) * _I + alpha * np.linalg.matrix_power(one_round(A, h, first="d"), k)


def lookahead_factor(h: float, k: int, alpha: float) -> float:
    """√(1 − 2α(1 − α)(1 − cos kφ)), of k rounds: M has determinant 1 and trace 2 − h² = 2 cos φ, eigenvalues e^±iφ."""
    return math.sqrt(1 - 2 * alpha * (1 - alpha) * (1 - math.cos(k * math.acos(1 - h * h / 2))))


def unrolled(h: float, k: int) -> Array:
    """ψ′ = ψ − hθ; then G looks k steps ahead, at ψ_k = ψ′ − khθ, and θ′ = θ + h d(θψ_k)/dθ = θ + h(ψ′ − 2khθ).

    Half of 2khθ comes through D's steps: without differentiating them it would be khθ.
    """
    return np.array([[1 - h * h - 2 * k * h * h, h], [-h, 1.0]])


def unrolled_factor(h: float, k: int) -> float:
    """√(1 − 2kh²), the root of the determinant, while h(2k + 1) < 2, where eigenvalues are complex."""
    assert h * (2 * k + 1) < 2
    return math.sqrt(1 - 2 * k * h * h)


def roots(b: complex, c: complex) -> NDArray[np.complex128]:
    """Both roots of λ² + bλ + c."""
    half = np.sqrt(complex(b * b / 4 - c))
    return np.array([-b / 2 + half, -b / 2 - half])


# --- the Dirac game --------------------------------------------------------------------------------------------------


def _sigmoid(t: float) -> float:
    return 1 / (1 + math.exp(-t))


def _alpha_slope(t: float, alpha: float) -> float:
    """ℓ_α(t) = α/(α − 1) (1 − σ(t)ᵏ), k = (α − 1)/α, has the derivative −σ(t)ᵏ σ(−t)."""
    return -(_sigmoid(t) ** ((alpha - 1) / alpha)) * _sigmoid(-t)


def slopes(loss: str, t: float, alpha_d: float = 1.0, alpha_g: float = 1.0) -> tuple[float, float, float]:
    """a′, b′ and ℓ′ at the output t, of a loss by its name. `IncompleteEntry` for others, and for the relativistic one,
    whose terms are of pairs.

    The logarithmic ones have a = −log σ(t), b = −log σ(−t); lsgan ½(t − 1)² and ½t²; the hinge is linear within ±1; the
    α-loss has ℓ_α(t) and ℓ_α(−t).
    """
    real, fake = -_sigmoid(-t), _sigmoid(t)
    d_real, d_fake = _alpha_slope(t, alpha_d), -_alpha_slope(-t, alpha_d)
    known = {
        "nonsaturating": (real, fake, real),
        "minimax": (real, fake, -fake),
        "lsgan": (t - 1, t, t - 1),
        "hinge": (-float(t < 1), float(t > -1), -1.0),
        "wasserstein": (-1.0, 1.0, -1.0),
        "alpha": (d_real, d_fake, _alpha_slope(t, alpha_g)),
        "alpha_minimax": (d_real, d_fake, _alpha_slope(-t, alpha_g)),
    }
    return part_of("loss", loss, known, "its slopes in closed form", f"{_HERE}, slopes")


def field(loss: str, theta: float, psi: float, data: float, offset: float, **alphas: float) -> tuple[float, float]:
    """v at (θ, ψ), of a bare loss with data δ_data and D(x) = offset + ψ x.

    The relativistic D's loss is log(1 + e^r), r = D(θ) − D(data) = ψ(θ − data), and G's log(1 + e^−r).
    """
    if loss == "relativistic":
        r = psi * (theta - data)
        return psi * _sigmoid(-r), -(theta - data) * _sigmoid(r)
    on_real, on_fake = offset + psi * data, offset + psi * theta
    a, (_, b, g) = slopes(loss, on_real, **alphas)[0], slopes(loss, on_fake, **alphas)
    return -psi * g, -data * a - theta * b


# b′, −ℓ′ and a″ + b″ at o: ½ for lsgan, else 0, where σ = ½ and σ′ = ¼. The relativistic D's loss looks at ψ(θ − c)
# alone and is flat in ψ at θ = c
_AT_BEST = {
    "nonsaturating": (0.5, 0.5, 0.5),
    "minimax": (0.5, 0.5, 0.5),
    "lsgan": (0.5, 0.5, 2.0),
    "hinge": (1.0, 1.0, 0.0),
    "wasserstein": (1.0, 1.0, 0.0),
    "relativistic": (0.5, 0.5, 0.0),
}


def eigenvalues(omega: float, kappa: float) -> NDArray[np.complex128]:
    """−κ/2 ± √(κ²/4 − ω²), both roots of λ² + κλ + ω²."""
    return roots(kappa, omega * omega)


def jacobian(omega: float, kappa: float, damping: float = 0.0) -> Array:
    """[[−own, ω], [−ω, −κ]]: both players pull alike, D's own slope is κ, G's `own`."""
    return np.array([[0.0 - damping, omega], [-omega, 0.0 - kappa]])


def of_loss(loss: str, at: float = 0.0, alpha_d: float = 1.0, alpha_g: float = 1.0) -> NDArray[np.complex128]:
    """J's eigenvalues of a bare loss with data δ_at: ω² = −b′ℓ′, κ = at² (a″ + b″). `IncompleteEntry` of others.

    Of the α-losses −ℓ_α′(0) = 2⁻ᵏ/2 and ℓ_α″(0) = 2⁻ᵏ(1 − k)/4, so that ω² = 2^(−k_D − k_G)/4 and
    κ = at² 2^(−k_D)(1 − k_D)/2.
    """
    if loss in ("alpha", "alpha_minimax"):
        k_d, k_g = (alpha_d - 1) / alpha_d, (alpha_g - 1) / alpha_g
        fake, generator, curvature = 2**-k_d / 2, 2**-k_g / 2, 2**-k_d * (1 - k_d) / 2
    else:
        fake, generator, curvature = part_of("loss", loss, _AT_BEST, "its slopes at best", f"{_HERE}, _AT_BEST")
    return eigenvalues(math.sqrt(fake * generator), at * at * curvature)


def of_smoothing(w: float, at: float) -> NDArray[np.complex128]:
    """Of the non-saturating loss with real labels 1 − w and data δ_at: ω² = (1 − w²)/4, κ = at² (1 − w²)/2.

    D's real term is (1 − w) a + w b. With a″ = b″ = σ(1 − σ) and a′ = σ − 1, b′ = σ the equilibrium asks
    (1 − w)(σ − 1) + (1 + w) σ = 0: σ = (1 − w)/2, `smoothed_output` as a logit, and there b′ = (1 − w)/2,
    −ℓ′ = (1 + w)/2, and the curvature is 2σ(1 − σ) = (1 − w²)/2.
    """
    return eigenvalues(math.sqrt(1 - w * w) / 2, at * at * (1 - w * w) / 2)


def smoothed_output(w: float) -> float:
    """log((1 − w) / (1 + w)): what the best D says where real and generated densities are equal."""
    return math.log((1 - w) / (1 + w))


def of_slope_penalty(gamma: float, omega: float = 0.5) -> NDArray[np.complex128]:
    """−γ/2 ± √(γ²/4 − ω²): R1 and R2 add ½γψ² to D's loss (D's slope is ψ everywhere), κ = γ.

    Critical at γ = 2ω, which is 1 for the logarithmic losses (Mescheder et al. 2018). A gradient penalty of target 0,
    w|ψ|², is γ = 2w.
    """
    return eigenvalues(omega, gamma)


def of_noise(std: float) -> NDArray[np.complex128]:
    """−s²/4 ± √(s⁴/16 − 1/4), logarithmic losses under instance noise of standard deviation s.

    D sees sn and θ + sn with E n = 0, E n² = 1: v_ψ = E[sn σ(−ψsn)] − E[(θ + sn) σ(ψ(θ + sn))] has ∂v_ψ/∂ψ =
    −2 s² σ′(0) = −s²/2 at 0, κ = s²/2. The rest of J is that without noise.
    """
    return eigenvalues(0.5, std * std / 2)


def of_consensus(gamma: float, omega: float = 0.5) -> NDArray[np.complex128]:
    """−γω² ± iω: players also descend ½γ|v|², v − γJᵀv has the Jacobian J − γJᵀJ where v = 0, and JᵀJ = ω²I."""
    return np.array([-gamma * omega**2 + 1j * omega, -gamma * omega**2 - 1j * omega])


def of_gp(weight: float) -> NDArray[np.complex128]:
    """−w ± √(w² − 1): the Wasserstein game with w(|ψ| − k)², on either side of ψ = 0, about (±2wk, 0).

    For ψ > 0: θ̇ = ψ, ψ̇ = −θ − 2w(ψ − k). That is (θ − 2wk, ψ) with ω = 1, κ = 2w. At ψ = 0 the field jumps: ψ̇ is
    −θ ± 2wk above and below, and for |θ| < 2wk it points away from there on both sides. So (0, 0) repels, for every w
    and k > 0: this game does not converge to its data.
    """
    return eigenvalues(1.0, 2 * weight)


def gp_amplitude(weight: float, target: float) -> float:
    """How far G ends from the data in that game, |θ| where ψ = 0 in the flow of v.

    w ≥ 1: the side's equilibrium (±2wk, 0) is a node on its edge. Whoever crosses ψ = 0 enters with θ̇ = 0 beyond the
    other side's, so that it is reached without crossing again: 2wk. w < 1: it is a focus. Half a turn takes the
    distance d from a focus to qd, q = exp(−πw/√(1 − w²)): a ↦ 2wk + q(a + 2wk), whose fixed point is the limit cycle's
    a = 2wk (1 + q)/(1 − q).
    """
    if weight >= 1:
        return 2 * weight * target
    q = math.exp(-math.pi * weight / math.sqrt(1 - weight**2))
    return 2 * weight * target * (1 + q) / (1 - q)


def slow_square(time: float, start: float) -> float:
    """V = θ² + ψ² of the non-saturating game's flow after `time`, about 1 / (1/V₀ + t/8).

    With t = θψ, V̇ = 2t(σ(−t) − σ(t)) = −2t tanh(t/2) ≤ 0: it converges, though no eigenvalue says so. Near 0 V̇ = −t²,
    and over a turn t² is V²/8 on average. In the minimax game V̇ = 0: it circles.
    """
    return 1 / (1 / start + time / 8)


def slow_cycle(h: float) -> float:
    """2h: the V that simultaneous steps h of that game end at, where what they gain, h²|v|² = h²V/4, is what the flow
    loses, hV²/8."""
    return 2 * h


# --- the Dirac game as its authors play it ---------------------------------------------------------------------------

# What the notebook of Mescheder et al. 2018 (LMescheder/GAN_stability, notebooks/diracgan) has of the methods, by
# their names here. Its D is f(ψθ) with f′(t) = σ(−t), so its ψ is −ψ here; its `reg` of the gradient penalty is 2w.
NOTEBOOK: dict[str, dict[str, float]] = {
    "GAN": {},
    "NS-GAN": {"saturating": 0},
    "WGAN clip 1": {"wasserstein": 1, "clip": 1.0},
    "WGAN-GP 0.35": {"wasserstein": 1, "reg": 0.7, "target": 1.0},
    "consensus 1": {"consensus": 1.0},
    "NS-GAN R1 0.3": {"saturating": 0, "reg": 0.3},
    "R1 0.3": {"reg": 0.3},
    "R1 1": {"reg": 1.0},
}


def notebook_field(name: str, theta: float, psi: float, cross: float = 0.5) -> tuple[float, float]:
    """v of a method of `NOTEBOOK` at their (θ, ψ); consensus with `cross` times the exact cross term.

    v = (−ψ f′(±ψθ), θ f′(ψθ) − reg (ψ − target sign ψ)), the sign of G's − where it does not saturate; f′ = 1 for
    Wasserstein. Consensus descends L = ½ (θ² + ψ²) f′(ψθ)² too, ∂L/∂θ = θ f′² + (θ² + ψ²) f′ f″ ψ, and alike in ψ: of
    the second summand, their notebook has the half.
    """
    method = NOTEBOOK[name]
    t = psi * theta
    slope = 1.0 if "wasserstein" in method else _sigmoid(-t)
    of_g = slope if method.get("saturating", 1) else _sigmoid(t)
    asked = method.get("target", 0.0) * ((psi > 0) - (psi < 0))
    v = -psi * of_g, theta * slope - method.get("reg", 0.0) * (psi - asked)
    if "consensus" not in method:
        return v
    both = -cross * (theta**2 + psi**2) * slope**2 * _sigmoid(t)  # f″ = −f′ (1 − f′)
    weight = method["consensus"]
    return v[0] - weight * (theta * slope**2 + both * psi), v[1] - weight * (psi * slope**2 + both * theta)


def notebook_end(
    name: str, h: float, rounds: int, *, first: str = "both", d_steps: int = 1, cross: float = 0.5
) -> tuple[float, float]:
    """Their (θ, ψ) after so many rounds from their (1, 1): both at once, or `first` "g", who sees where D went.

    A clipped ψ is clipped at the start too."""
    most = NOTEBOOK[name].get("clip", math.inf)
    theta, psi = 1.0, max(-most, min(most, 1.0))
    for _ in range(rounds):
        before = theta
        theta += h * notebook_field(name, theta, psi, cross)[0]
        for _ in range(d_steps):
            seen = before if first == "both" else theta
            psi = max(-most, min(most, psi + h * notebook_field(name, seen, psi, cross)[1]))
    return theta, psi


# --- penalties of a D with known slopes ------------------------------------------------------------------------------


def quadratic(a: Array, b: Array, x: Array) -> Array:
    """D(x) = a·x + ½ xᵀBx at points x (N, 2), (N,); its slope is a + ½(B + Bᵀ)x."""
    return x @ a + 0.5 * np.einsum("ni,ij,nj->n", x, b, x)


def slope_penalty(name: str, a: Array, b: Array, x: Array, target: float = 1.0) -> tuple[float, Array, Array]:
    """A penalty at points x (N, 2) of that D: its value, and its gradients by a (2,) and B (2, 2).

    r1, r2: f(s) = ½ s²; gp, dragan: (s − k)²; gp_one_sided: max(0, s − k)², s = |g| with g = a + ½(B + Bᵀ)x. The mean
    of f has by a the gradient mean c, c = f′(s) g/s, and by B mean ½(c xᵀ + x cᵀ).
    """
    g = a + 0.5 * x @ (b + b.T)
    s = np.linalg.norm(g, axis=1)
    over = s - target
    known = {
        **dict.fromkeys(("r1", "r2"), (0.5 * s**2, s)),
        **dict.fromkeys(("gp", "dragan"), (over**2, 2 * over)),
        "gp_one_sided": (np.maximum(over, 0) ** 2, 2 * np.maximum(over, 0)),
    }
    f, df = part_of("penalty", name, known, "its formula in closed form", f"{_HERE}, slope_penalty")
    c = (df / s)[:, None] * g
    outer = np.einsum("ni,nj->ij", c, x) / len(x)
    return float(f.mean()), c.mean(0), 0.5 * (outer + outer.T)


# --- optimisers down a constant slope --------------------------------------------------------------------------------


def travelled(optimizer: str, steps: int, h: float, gradient: float, **options: Any) -> float:
    """How far an optimiser's parameter has gone down a constant gradient after `steps` steps.

    sgd: nhg. momentum: step n is hg(1 + μ + … + μⁿ⁻¹). rmsprop: v_n = (1 − β₂ⁿ)g², step n is h / √(1 − β₂ⁿ). adam: the
    corrected means are g and g² from the first step on, every step is h. ε = 10⁻⁸ is left out.
    """
    n = np.arange(1, steps + 1)
    taken = {
        "sgd": lambda: np.full(steps, h * gradient),
        "momentum": lambda: h * gradient * (1 - options["momentum"] ** n) / (1 - options["momentum"]),
        "rmsprop": lambda: h / np.sqrt(1 - options["beta2"] ** n) * np.sign(gradient),
        "adam": lambda: np.full(steps, h * np.sign(gradient)),
    }
    return float(part_of("optimiser", optimizer, taken, "its way down a slope", f"{_HERE}, travelled")().sum())
