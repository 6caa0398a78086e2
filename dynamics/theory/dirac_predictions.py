"""Losses and methods on the Dirac game (dirac_game.py), beside its Jacobians and ends in closed form."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dynamics.games.game import Game
from dynamics.games.losses import LOSSES
from dynamics.settings.setting import Setting
from dynamics.theory import closed_forms
from dynamics.theory.dirac_game import METHODS, SCHEDULES, SHORT, SLOW, Method, Walk, verdict_of
from dynamics.theory.two_number_games import (
    ROUNDS,
    STEP,
    Array,
    Prediction,
    descents,
    eigenvalues,
    jacobian_by_autograd,
    jacobian_by_differences,
    make_game,
    nearest,
    plain,
    rate_of,
)

FIRST = {"simultaneous": "both", "alternating": "g"}  # update rule -> who moves first in the Dirac game


def losses() -> list[Prediction]:
    """The Jacobian of every loss: with data at 0, where D's real term does not count, and at 1."""
    rows = []
    cases: list[tuple[str, dict[str, float]]] = [(name, {}) for name in LOSSES]
    cases += [(name, {"alpha_d": 2.0, "alpha_g": 0.5}) for name, loss in LOSSES.items() if loss.facts.of_alphas]
    for name, alphas in cases:
        loss = LOSSES[name]
        best = loss.optimal_logit(torch.zeros(1, 1, dtype=torch.float64)).item() if loss.optimal_logit else 0.0
        setting = plain(name, **alphas)
        title = name + (f", {alphas['alpha_d']:g} and {alphas['alpha_g']:g}" if alphas else "")
        states = np.array([(0.7, -1.3), (2.0, 1.5), (-1.0, 2.0), (0.5, 0.3)])
        v = descents(make_game([setting] * 4, states, real=1.0, offset=best), states)
        known = [closed_forms.field(name, theta, psi, 1.0, best, **alphas) for theta, psi in states.tolist()]
        what = "field at four states, data at 1: off by"
        rows.append(Prediction("losses, Dirac game", title, what, (0.0,), (float(np.abs(v - known).max()),), 1e-12))
        for real in (0.0, 1.0):
            rows += jacobian_rows(
                "losses, Dirac game",
                title,
                f"data at {real:g}" + (", o = ½" if name == "lsgan" else ""),
                closed_forms.of_loss(name, real, **alphas),
                setting,
                (real, 0.0),
                real=real,
                offset=best,
            )
    w, offset = 0.2, closed_forms.smoothed_output(0.2)
    smoothed = plain("nonsaturating", penalty=f"label_smoothing:{w:g}")
    expected = closed_forms.of_smoothing(w, 1.0)
    words = "label smoothing 0.2", "data at 1, o = log(2/3)"
    return rows + jacobian_rows("losses, Dirac game", *words, expected, smoothed, (1.0, 0.0), real=1.0, offset=offset)


def jacobian_rows(
    section: str,
    name: str,
    what: str,
    expected: NDArray[np.complex128],
    setting: Setting,
    at: Sequence[float],
    **options: Any,
) -> list[Prediction]:
    """J's eigenvalues at a state, and that the field is 0 there: two rows, by differences and by autograd."""

    def make(starts: Array) -> Game:
        return make_game([setting] * len(starts), np.asarray(starts), **options)

    rows = []
    for by, jacobian, tolerance in (
        ("differences", lambda: jacobian_by_differences(make, at), 1e-6),
        ("autograd", lambda: jacobian_by_autograd(make(np.array([at])), at), 1e-9),
    ):
        e, measured = nearest(expected.tolist(), eigenvalues(jacobian()))
        if abs(e[0] - e[1]) < 1e-9:  # an error moves a double root by its square root
            tolerance = math.sqrt(tolerance)
        rows.append(Prediction(section, name, f"λ by {by}" + (f"; {what}" if what else ""), e, measured, tolerance))
    return rows


def dirac(rounds: Mapping[str, Mapping[str, Walk]]) -> list[Prediction]:
    """Every method: its Jacobian, what that says of small steps, where the game leads."""
    rows = []
    for name, method in METHODS.items():
        rows += _linear(name, method)
        if name in rounds:
            rows += _rates(name, method, rounds[name])
    return [*rows, *_courses(rounds), *_notebook(rounds)]


SECTION = "Dirac game"


def _linear(name: str, method: Method) -> list[Prediction]:
    def make(starts: Array) -> Game:
        return make_game([plain(**method.setting)] * len(starts), np.asarray(starts), batch=method.batch)

    at = np.add(method.at, (0, method.beside))
    entries = tuple(jacobian_by_differences(make, at.tolist()).ravel().tolist())
    rows = [Prediction(SECTION, name, "J by differences", tuple(method.jacobian.ravel().tolist()), entries, 1e-6)]
    measured = eigenvalues(jacobian_by_autograd(make(at[None]), at.tolist()))
    # an error moves a double root by its square root
    tolerance = 1e-9 if abs(np.subtract(*method.eigenvalues)) > 1e-9 else math.sqrt(1e-9)
    return [
        *rows,
        Prediction(
            SECTION,
            name,
            f"λ by autograd: {method.formula}",
            *nearest(method.eigenvalues.tolist(), measured),
            tolerance,
        ),
    ]


def _rates(name: str, method: Method, rounds: Mapping[str, Walk]) -> list[Prediction]:
    """What two starts near the equilibrium did, against I + hJ and the like of it for players that alternate."""
    expected, fitted, determinants, areas = [], [], [], []
    for schedule, seen in rounds.items():
        update, d_steps = SCHEDULES[schedule]
        first = FIRST[update]
        matrix = closed_forms.one_round(method.jacobian, STEP, first=first, d_steps=d_steps)
        both = np.linalg.eigvals(matrix)
        expected.append(float(np.abs(both).max()))
        radii = np.sqrt(np.square(seen.near).sum((1, 2)))
        undisturbed = not method.beside and method.batch == 1  # else rounding leaves the equilibrium a little off
        double = bool(abs(both[0] - both[1]) < 1e-6)
        fitted.append(rate_of(radii, double=double, least=1e-200 if undisturbed else 1e-12))
        determinants.append(float(np.linalg.det(matrix)))
        area = np.linalg.det(seen.near[[0, 8]])
        areas.append(float(area[1] / area[0]) ** (1 / 8))
    e = tuple(expected)
    # about an equilibrium beside 0 coordinates are rounded, and after eight rounds the area is 1e-9 of what it was
    tolerance = 1e-6 if method.beside else 1e-8
    rows = [
        Prediction(SECTION, name, "area a round: at once, in turns, 5 D", tuple(determinants), tuple(areas), tolerance)
    ]
    if name not in ("WGAN-GP 0.3", "WGAN-GP 0.35"):  # which leave the side
        rows.append(Prediction(SECTION, name, "radius a round: at once, in turns, 5 D", e, tuple(fitted), 5e-4))
    verdicts = [verdict_of(rounds[schedule].path) for schedule in ("simultaneous", "alternating")]
    rows += [
        Prediction(SECTION, name, f"from (1, 1), {schedule}", expected_, verdict, 0)
        for schedule, expected_, verdict in zip(("simultaneous", "alternating"), method.verdicts, verdicts, strict=True)
    ]
    return rows


def _courses(rounds: Mapping[str, Mapping[str, Walk]]) -> list[Prediction]:
    """Where games end that the Jacobian does not tell."""
    rows = []
    if "GAN" in rounds:
        end = float(np.hypot(*rounds["GAN"]["alternating"].slow[-1]))
        rows.append(Prediction(SECTION, "GAN", "end radius: √2, h 0.05", (math.sqrt(2),), (end,), SLOW))
    if "NS-GAN" in rounds:
        turns, at_once = rounds["NS-GAN"]["alternating"], rounds["NS-GAN"]["simultaneous"]
        squares = tuple(float(np.square(path[-1]).sum()) for path in (turns.path, turns.slow))
        known = tuple(closed_forms.slow_square(ROUNDS * h, 2.0) for h in (STEP, SLOW))
        rows.append(Prediction(SECTION, "NS-GAN", "end θ² + ψ²: 1/(½ + t/8), h 0.2, 0.05", known, squares, 0.01))
        end = float(np.square(at_once.path[-1]).sum())
        rows.append(
            Prediction(
                SECTION, "NS-GAN", "end θ² + ψ², simultaneous: 2h", (closed_forms.slow_cycle(STEP),), (end,), 0.1 * STEP
            )
        )
    if "WGAN clip 1" in rounds:
        clipped = rounds["WGAN clip 1"]
        highest = float(np.abs(clipped["simultaneous"].path[:, 1]).max())
        rows.append(Prediction(SECTION, "WGAN clip 1", "largest |ψ|", (1.0,), (highest,), 0.0))
        end = float(np.hypot(*clipped["alternating"].slow[-1]))
        rows.append(Prediction(SECTION, "WGAN clip 1", "end radius: 1, h 0.05", (1.0,), (end,), SLOW))
    if "WGAN-GP 1" in rounds:
        ends = tuple(float(np.hypot(*seen.path[-1])) for seen in rounds["WGAN-GP 1"].values())
        known = (closed_forms.gp_amplitude(1.0, 0.7),) * len(ends)
        rows.append(Prediction(SECTION, "WGAN-GP 1", "end radius: 2wk", known, ends, 1e-6))
    if "WGAN-GP 0.3" in rounds:
        farthest = float(np.abs(rounds["WGAN-GP 0.3"]["alternating"].slow[-250:, 0]).max())
        known = (closed_forms.gp_amplitude(0.3, 0.7),)
        rows.append(
            Prediction(SECTION, "WGAN-GP 0.3", "largest |θ|: 2wk(1 + q)/(1 − q), h 0.05", known, (farthest,), 0.02)
        )
    return rows


def _notebook(rounds: Mapping[str, Mapping[str, Walk]]) -> list[Prediction]:
    """What the authors' own field does (Mescheder et al. 2018) from their (1, 1), which is (1, −1) here: their ψ is −ψ.

    Where it ends, (θ, ψ); for consensus with the whole cross term."""
    section, rows = "Dirac game, from its authors' (1, 1): θ, ψ", []
    for name in closed_forms.NOTEBOOK:
        if name not in rounds:
            continue
        for schedule, seen in rounds[name].items():
            update, d_steps = SCHEDULES[schedule]
            first = FIRST[update]
            end = closed_forms.notebook_end(name, STEP, ROUNDS, first=first, d_steps=d_steps, cross=1)
            theta, psi = seen.mirrored[-1].tolist()
            tolerance = 1e-6 * math.hypot(*end)  # of ends however near 0
            rows.append(Prediction(section, name, f"ends, {SHORT[schedule]}", end, (theta, -psi), tolerance))
    states = np.array([(0.7, -1.3), (2.0, 1.5), (-1.0, 2.0), (0.5, 0.3)])
    for name in closed_forms.NOTEBOOK:
        game = make_game([plain(**METHODS[name].setting)] * len(states), states)
        theirs = np.array([closed_forms.notebook_field(name, theta, -psi) for theta, psi in states.tolist()])
        more = np.zeros_like(theirs)
        if name == "consensus 1":  # ½ (θ² + ψ²) f′ f″ (ψ, θ)
            t = states[:, 0] * -states[:, 1]
            slope = 1 / (1 + np.exp(t))
            half = 0.5 * np.square(states).sum(1) * slope**2 * (slope - 1)
            more = -half[:, None] * np.stack([-states[:, 1], states[:, 0]], 1)
        apart = float(np.abs(descents(game, states) - (theirs + more) * (1, -1)).max())
        words = "field" + (" + ½ cross term" if more.any() else "") + ", four states"
        rows.append(Prediction(section, name, f"{words}: off by", (0.0,), (apart,), 1e-12))
    return rows


def further_jacobians() -> list[Prediction]:
    """Jacobians of what else has a closed form."""
    section, rows = "Dirac game, more", []
    wgan, gan = {"loss": "wasserstein", "slope": 0.7}, {"loss": "minimax"}
    cases: tuple[tuple[str, str, dict[str, Any], tuple[float, float], Array, dict[str, float]], ...] = (
        # just off ψ = 0, where |ψ| has no second derivative for autograd
        ("gp", "slope 0: as R1, γ = 2w", gan | {"penalty": "gp:0.3", "slope": 0.0}, (0, 1e-7),
         closed_forms.of_slope_penalty(0.6), {}),
        ("dragan", "data of no width: as gp", wgan | {"penalty": "dragan:0.3"}, (0.42, 0.3),
         closed_forms.of_gp(0.3), {}),
        ("gp_one_sided", "|ψ| < k: nothing asked", wgan | {"penalty": "gp_one_sided:0.3"}, (0, 1e-7),
         closed_forms.eigenvalues(1, 0), {}),
        ("gp_one_sided", "ψ > k: as gp", wgan | {"penalty": "gp_one_sided:0.3"}, (0.42, 0.9),
         closed_forms.of_gp(0.3), {}),
        ("r1+r2", "κ = γ₁ + γ₂", gan | {"penalty": "r1:0.2+r2:0.3"}, (0, 0), closed_forms.of_slope_penalty(0.5), {}),
        ("r1", "data at 1: κ = ½ + γ", gan | {"penalty": "r1:0.3"}, (1, 0),
         closed_forms.eigenvalues(0.5, 0.8), {"real": 1}),
        ("r1", "lsgan, o = ½", {"loss": "lsgan", "penalty": "r1:0.3"}, (0, 0), closed_forms.of_slope_penalty(0.3),
         {"offset": 0.5}),
        ("r1", "hinge: critical at γ 2", {"loss": "hinge", "penalty": "r1:2"}, (0, 0),
         closed_forms.of_slope_penalty(2, 1), {}),
        ("r1+r2", "relativistic", {"loss": "relativistic", "penalty": "r1:0.3+r2:0.3"}, (0, 0),
         closed_forms.of_slope_penalty(0.6), {}),
        ("consensus", "wasserstein: −γ ± i", {"loss": "wasserstein", "penalty": "consensus:0.2"}, (0, 0),
         closed_forms.of_consensus(0.2, 1), {}),
    )  # fmt: skip
    for name, what, setting, at, expected, options in cases:
        rows += jacobian_rows(section, name, what, expected, plain(**setting), at, **options)
    return rows
