"""`verify` holds, and fails on purpose: a method that is broken by one sign or factor fails the rows that name it."""

import json
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dynamics.cli import app as command_line
from dynamics.engine.fast import FastStack
from dynamics.engine.reference import AutogradStack
from dynamics.games import game, losses, optimizers, penalties, update_rules
from dynamics.games.losses import LOSSES
from dynamics.games.networks import MLP
from dynamics.games.optimizers import OPTIMIZERS
from dynamics.games.penalties import PENALTIES
from dynamics.games.update_rules import UPDATES
from dynamics.theory import (
    bilinear_predictions,
    closed_forms,
    dirac_game,
    dirac_predictions,
    optimizer_predictions,
    penalty_predictions,
    two_number_games,
    verify,
    verify_output,
)
from dynamics.theory.bilinear_predictions import RULES
from dynamics.theory.dirac_game import METHODS
from dynamics.theory.two_number_games import Prediction
from dynamics.theory.verify import Verification


def failed(rows):
    return {row.name for row in rows if not row.passed}


def rules(*names):
    chosen = [rule for rule in RULES if rule.name in names]
    assert len(chosen) == len(names)
    return chosen


# --- whole -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def verification():
    return verify.check(workers=2)


@pytest.mark.slow
def test_every_row_holds(verification):
    assert [row for row in verification.rows if not row.passed] == []
    assert len(verification.rows) > 150


@pytest.mark.slow
def test_every_method_has_a_row(verification):
    names = " ".join(row.name for row in verification.rows)
    for name in (*LOSSES, *PENALTIES, *UPDATES, *OPTIMIZERS):
        assert re.search(rf"\b{name}\b", names), name


@pytest.mark.slow
def test_radii_are_where_the_game_ends(verification):
    """From (1, 1), in 500 rounds at rate 0.2: against the same recursion in numbers."""
    sigmoid = lambda t: 1 / (1 + np.exp(-t))  # noqa: E731
    theta, psi = 1.0, 1.0
    for _ in range(500):
        s = sigmoid(theta * psi)
        theta, psi = theta + 0.2 * psi * s, psi - 0.2 * theta * s
    assert verification.radii["GAN"]["simultaneous"] == pytest.approx(np.hypot(theta, psi), rel=1e-9)
    theta, psi = 1.0, 1.0
    for _ in range(500):
        theta += 0.2 * psi * (1 - sigmoid(theta * psi))  # G first
        for _ in range(5):
            psi -= 0.2 * (theta * sigmoid(theta * psi) + 0.3 * psi)
    radius = verification.radii["NS-GAN R1 0.3"]["alternating, 5 D steps"]
    assert radius == pytest.approx(np.hypot(theta, psi), rel=1e-6)
    assert set(verification.radii) == set(verification.mirrored_radii) == set(METHODS)


# --- the authors' notebook (Mescheder et al. 2018): the field that it states, written out once more -------------------


def theirs(name, theta, psi, cross=0.5):
    """v in their (θ, ψ): D = f(ψθ) with f(t) = −log(1 + e^(−t)), which θ lowers and ψ raises."""
    slope = 1 / (1 + np.exp(psi * theta))  # f′
    curve = -slope * (1 - slope)  # f″
    away, up = -psi * slope, theta * slope
    if name.startswith("NS-GAN"):
        away = -psi * (1 - slope)  # f′(−ψθ)
    if name.startswith("WGAN"):
        away, up = -psi, theta
    if "R1" in name:
        up -= float(name.split()[-1]) * psi
    if name == "WGAN-GP 0.35":
        up -= 0.7 * (abs(psi) - 1.0) * np.sign(psi)
    if name == "consensus 1":  # down ½ (θ² + ψ²) f′²
        square = theta**2 + psi**2
        away -= theta * slope**2 + cross * psi * square * slope * curve
        up -= psi * slope**2 + cross * theta * square * slope * curve
    return away, up


def their_end(name, schedule, cross=0.5):
    """(θ, ψ) after 500 rounds at 0.2 from their (1, 1); who alternates moves G first."""
    theta = psi = 1.0
    limit = 1.0 if "clip" in name else np.inf
    for _ in range(500):
        if schedule == "simultaneous":
            away, up = theirs(name, theta, psi, cross)
            theta, psi = theta + 0.2 * away, np.clip(psi + 0.2 * up, -limit, limit)
            continue
        theta += 0.2 * theirs(name, theta, psi, cross)[0]
        for _ in range(5 if "5" in schedule else 1):
            psi = np.clip(psi + 0.2 * theirs(name, theta, psi, cross)[1], -limit, limit)
    return theta, psi


def theirs_here(name, schedule):
    """The same by closed_forms.py."""
    first, d_steps = ("both" if schedule == "simultaneous" else "g"), 5 if "5" in schedule else 1
    return closed_forms.notebook_end(name, 0.2, 500, first=first, d_steps=d_steps)


@pytest.mark.slow
@pytest.mark.parametrize("schedule", dirac_game.SCHEDULES)
@pytest.mark.parametrize("name", closed_forms.NOTEBOOK)
def test_the_authors_courses_are_ours_with_psi_turned(verification, name, schedule):
    """By the methods' own code from (1, −1); consensus with the cross term whole, as its gradient has it."""
    theta, psi = their_end(name, schedule, 1.0)
    path = verification.walks[name][schedule].mirrored
    assert path[0].tolist() == [1.0, -1.0]
    np.testing.assert_allclose(path[-1], (theta, -psi), rtol=1e-6)


@pytest.mark.parametrize("name", closed_forms.NOTEBOOK)
def test_the_authors_field_is_the_notebooks(name):
    for schedule in dirac_game.SCHEDULES:
        np.testing.assert_allclose(theirs_here(name, schedule), their_end(name, schedule), rtol=1e-6)


def test_what_the_authors_conventions_change():
    """Minimax from their (1, 1), not ours; half a cross term, which decides where five D steps lead."""
    ends = [np.hypot(*their_end("GAN", schedule)) for schedule in dirac_game.SCHEDULES]
    np.testing.assert_allclose(ends, (3.10, 1.42, 1.845), atol=0.005)
    half, whole = (np.hypot(*their_end("consensus 1", "alternating, 5 D steps", cross)) for cross in (0.5, 1.0))
    assert half == pytest.approx(4.6e-33, rel=0.02)
    assert whole == pytest.approx(11, abs=0.1)


@pytest.mark.slow
def test_the_table_in_the_docs_is_what_games_end_with(verification):
    """Every number to its last digit; the rows are all of the methods."""
    text = (Path(__file__).parents[2] / "docs" / "methods.md").read_text(encoding="utf-8")
    table = text.split("| method | simultaneous | alternating 1:1 | 5 D steps | theirs")[1].split("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    documented = {name: cells for name, *cells in rows}
    halved = documented.pop("consensus 1, half the cross term: theirs")
    assert halved[:3] == [""] * 3
    half = [np.hypot(*their_end("consensus 1", schedule)) for schedule in dirac_game.SCHEDULES]
    names = {
        "minimax": ["GAN"],
        "non-saturating": ["NS-GAN"],
        "Wasserstein, clip 1": ["WGAN clip 1"],
        "Wasserstein, gp 1, slope 0.7": ["WGAN-GP 1"],
        "Wasserstein, gp 0.3, slope 0.7": ["WGAN-GP 0.3"],
        "Wasserstein, gp 0.35, slope 1: theirs": ["WGAN-GP 0.35"],
        "instance noise 0.7": ["instance noise 0.7"],
        "consensus 1": ["consensus 1"],
        "non-saturating, R1 0.3": ["NS-GAN R1 0.3"],
        "R1 or R2 0.3": ["R1 0.3", "R2 0.3"],
        "R1 or R2 1": ["R1 1", "R2 1"],
    }
    assert list(documented) == list(names)
    assert sorted(name for together in names.values() for name in together) == sorted(METHODS)
    pairs = list(zip(halved[3:], half, strict=True))
    for title, cells in documented.items():
        for name in names[title]:
            ends = [*verification.radii[name].values(), *verification.mirrored_radii[name].values()]
            pairs += zip(cells, ends, strict=True)
    for cell, value in pairs:
        last = Decimal(1).scaleb(Decimal(cell).as_tuple().exponent)
        assert abs(Decimal(cell) - Decimal(value)) <= Decimal("0.50001") * last, (cell, value)


@pytest.mark.slow
def test_the_command_prints_and_draws(verification, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(
        verify,
        "check",
        lambda tick, workers: Verification([row for row in verification.rows if row.passed], verification.walks),
    )
    assert command_line.main(["verify", "--out", str(tmp_path / "new" / "p.png")]) == 0
    out = capsys.readouterr().out
    assert re.search(r"all \d+ rows hold", out)
    assert max(map(len, out.splitlines())) <= 130
    with Image.open(tmp_path / "new" / "p.png") as picture:
        assert picture.size > (1500, 900)
        colours = {tuple(c) for c in np.asarray(picture.convert("RGB")).reshape(-1, 3)}
    assert {(0xAE, 0x56, 0xC6), (0x0A, 0x4A, 0x2B)} <= colours  # both ways to play are there
    assert command_line.main(["verify", "--json", "--no-figures"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert set(record) == {"rows", "radii", "mirrored_radii", "passed"}
    assert record["passed"] is True
    assert record["radii"] == verification.radii
    assert record["mirrored_radii"] == verification.mirrored_radii
    r1 = next(row for row in record["rows"] if row["name"] == "R1 0.3" and row["what"].startswith("λ"))
    np.testing.assert_allclose(r1["expected"], [[-0.15, np.sqrt(0.2275)], [-0.15, -np.sqrt(0.2275)]])


# --- rows ------------------------------------------------------------------------------------------------------------


def row(expected, measured, tolerance=0.1):
    return Prediction("s", "n", "w", expected, measured, tolerance)


def test_a_row_passes_within_its_tolerance_alone():
    assert row((1.0, 2j), (1.05, 2.05j)).passed
    assert not row((1.0, 2j), (1.05, 2.2j)).passed
    assert not row((1.0,), (float("nan"),)).passed
    assert not row((1.0,), (float("inf"),)).passed
    assert row("cycles", "cycles", 0).passed
    assert not row("cycles", "diverges", 0).passed


def test_a_failing_row_is_status_1(monkeypatch, capsys):
    good, bad = row((1.0,), (1.0,)), replace(row((1.0,), (float("nan"),)), name="r1", what="its value")
    monkeypatch.setattr(verify, "check", lambda tick, workers: Verification([good, bad]))
    assert command_line.main(["verify", "--no-figures"]) == 1
    printed = capsys.readouterr()
    assert "1 of 2 rows FAIL" in printed.out
    assert printed.out.count("FAILS") == 1
    assert printed.err == "error: 1 of 2 rows fail: r1 (its value)\n"
    assert command_line.main(["verify", "--no-figures", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["rows"][1]["measured"] == [None]


def test_a_picture_of_another_kind_is_refused(capsys):
    assert command_line.main(["verify", "--out", "portraits.gif"]) == 2
    assert "--out portraits.gif" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ((0.0, -1e-20), "0, −1e−20"),
        ((complex(-0.15, 0.477), complex(-0.15, -0.477)), "−0.15 ± 0.477i"),
        ((1j, -1j), "±i"),
        ((0.5j, -0.5j), "±0.5i"),
        ((-1 + 1e-9j, -1 - 1e-9j), "−1, −1"),
        ("cycles", "cycles"),
    ],
)
def test_values_in_words(value, text):
    assert verify_output.written(value) == text


@pytest.mark.parametrize(
    ("path", "verdict"),
    [
        (lambda n: 0.97**n, "converges"),
        (lambda n: 1 / np.sqrt(1 + n), "converges slowly"),
        (lambda n: 1 + 0 * n, "cycles"),
        (lambda n: 1.01**n, "diverges"),
    ],
)
def test_verdicts(path, verdict):
    n = np.arange(501.0)
    assert dirac_game.verdict_of((path(n) * np.array([np.cos(n / 9), np.sin(n / 9)])).T) == verdict
    assert dirac_game.verdict_of(np.full((501, 2), 1.4)) == "settles elsewhere"
    assert dirac_game.verdict_of(np.full((501, 2), np.nan)) == "diverges"


def test_the_noise_is_normal_and_exact_in_its_moments():
    noise = two_number_games.FixedSource(2, 31).normal("instance_noise", 31, 1)
    assert noise.shape == (2, 31, 1)
    assert noise.mean().abs() < 1e-15
    assert noise.square().mean().item() == pytest.approx(1, abs=1e-15)
    assert noise[0].pow(4).mean().item() == pytest.approx(3, abs=0.5)


# --- rules broken on purpose -----------------------------------------------------------------------------------------


def broken_optimistic(self, player, gradient):  # p ← p + Δ − Δ_before
    weights, optimizer = getattr(self.game, player), self.game.optimizers[player]
    flat, state = optimizer.ahead(weights, gradient, optimizer.state)
    change = flat - weights
    before = torch.where(self.made[player] > 0, self.last[player], 0 * change)
    self.game.move(player, weights + (change - before), state)
    self.last[player].copy_(change)
    self.made[player].fill_(1)


def broken_extragradient(self):  # both players go on from where they looked
    for _ in range(2):
        of_d = self.game.gradient("d", self.game.g, self.game.d, self.game.d_batch())
        of_g = self.game.gradient("g", self.game.g, self.game.d, self.game.g_batch())
        self.game.descend("d", of_d)
        self.game.descend("g", of_g)


def broken_unrolled(self):  # does not differentiate through D's steps
    game, batch = self.game, self.game.g_batch()
    d = game.d
    for _ in range(game.unroll):
        d = d - game.optimizers["d"].lr * game.gradient("d", game.g, d, batch)
    game.descend("g", game.gradient("g", game.g, d, batch))


def broken_lookahead(self):  # goes all the way back
    update_rules.Alternating.step(self)
    self.steps += 1
    if int(self.steps) % self.game.lookahead_k == 0:
        for player, slow in self.slow.items():
            getattr(self.game, player).copy_(slow)


def broken_momentum(self, flat, gradient, state):  # an average instead of a sum
    velocity = self.share * state[0] + (1 - self.share) * gradient
    return flat - self.lr * velocity, (velocity,)


@pytest.mark.parametrize(
    ("names", "kind", "method", "instead"),
    [
        (("simultaneous",), update_rules.Simultaneous, "descend_g", update_rules.Alternating.descend_g),
        (("optimistic",), update_rules.Optimistic, "_descend", broken_optimistic),
        (("extragradient",), update_rules.Extragradient, "step", broken_extragradient),
        (("unrolled, 5 steps",), update_rules.Unrolled, "descend_g", broken_unrolled),
        (("lookahead, k 5, α 0.5",), update_rules.Lookahead, "step", broken_lookahead),
        (("momentum 0.5, alternating", "momentum −0.5, simultaneous"), optimizers.Momentum, "ahead", broken_momentum),
    ],
)
def test_a_broken_rule_fails(names, kind, method, instead, monkeypatch):
    chosen = rules(*names)
    assert failed(bilinear_predictions.bilinear(chosen)) == set()
    monkeypatch.setattr(kind, method, instead)
    rows = bilinear_predictions.bilinear(chosen)
    assert failed(rows) == set(names)
    assert not any(row.passed for row in rows if row.what.startswith("|λ|"))


def test_players_that_alternate_the_other_way_round_fail(monkeypatch):
    begin, step = update_rules.Alternating.begin, update_rules.Alternating.step
    monkeypatch.setattr(update_rules.Alternating, "begin", step)
    monkeypatch.setattr(update_rules.Alternating, "step", begin)
    assert "alternating" in failed(bilinear_predictions.conserved())


def test_optimisers_and_averages_that_are_broken_fail(monkeypatch):
    assert failed(optimizer_predictions.optimisers()) == set()
    step = AutogradStack.generator_step

    def newest(self):
        seen = step(self)
        self.average.flat.lerp_(self.G.flat, 1 - float(self.average.share))
        return seen

    monkeypatch.setattr(optimizers.Momentum, "ahead", broken_momentum)
    monkeypatch.setattr(AutogradStack, "generator_step", newest)
    assert failed(optimizer_predictions.optimisers()) == {"momentum", "ema"}


@pytest.mark.parametrize("kind", [AutogradStack, FastStack])
def test_an_average_that_one_path_forgets_fails(kind, monkeypatch):
    advance = kind.advance

    def forgetful(self, start, stop):
        advance(self, start, stop)
        for part in getattr(self, "groups", [self]):
            part.average.begin()

    monkeypatch.setattr(kind, "advance", forgetful)
    assert failed(optimizer_predictions.optimisers()) == {"ema"}


# --- losses and penalties broken on purpose --------------------------------------------------------------------------

TWO_SCHEDULES = {"simultaneous": ("simultaneous", 1), "alternating": ("alternating", 1)}


def test_a_broken_loss_fails(monkeypatch):
    assert failed(dirac_predictions.losses()) == set()
    wrong = replace(LOSSES["nonsaturating"], generator=losses.minimax_generator)
    monkeypatch.setitem(LOSSES, "nonsaturating", wrong)
    monkeypatch.setattr(game, "label_smoothing", lambda *those: 2 * penalties.label_smoothing(*those))
    assert failed(dirac_predictions.losses()) == {"nonsaturating", "label smoothing 0.2"}


def test_the_linear_rows_hold():
    assert failed(dirac_predictions.dirac({})) == set()
    assert failed(dirac_predictions.further_jacobians()) == set()
    assert failed(penalty_predictions.penalty_terms()) == set()


def scaled(name, factor):
    term = PENALTIES[name].term
    return replace(PENALTIES[name], term=lambda judge, points: factor * term(judge, points))


@pytest.mark.parametrize(
    ("name", "instead", "methods"),
    [
        ("r1", lambda: scaled("r1", 2), {"R1 0.3", "R1 1", "NS-GAN R1 0.3"}),
        ("r2", lambda: scaled("r2", -1), {"R2 0.3", "R2 1"}),
        ("gp", lambda: scaled("gp", 0.5), {"WGAN-GP 1", "WGAN-GP 0.3", "WGAN-GP 0.35"}),
        ("gp_one_sided", lambda: replace(PENALTIES["gp_one_sided"], term=PENALTIES["gp"].term), set()),
        ("dragan", lambda: replace(PENALTIES["dragan"], term=PENALTIES["gp"].term), set()),
    ],
)
def test_a_broken_penalty_fails(name, instead, methods, monkeypatch):
    monkeypatch.setitem(PENALTIES, name, instead())
    assert failed(penalty_predictions.penalty_terms()) == {name}
    assert failed(dirac_predictions.dirac({})) == methods


def test_a_consensus_of_the_wrong_sign_fails(monkeypatch):
    monkeypatch.setattr(game, "consensus", lambda *those: -penalties.consensus(*those))
    assert failed(dirac_predictions.dirac({})) == {"consensus 1"}
    assert failed(penalty_predictions.penalty_terms()) == {"consensus"}


def test_noise_of_another_size_fails(monkeypatch):
    monkeypatch.setattr(game, "noise_std", lambda weight, step, anneal: weight / 2)
    assert failed(dirac_predictions.dirac({})) == {"instance noise 0.7"}
    assert failed(penalty_predictions.penalty_terms()) == {"instance_noise"}


def test_spectral_normalisation_that_does_not_follow_fails(monkeypatch):
    follow = MLP.follow

    def once(self):
        if not float(self.directions[0][1].abs().sum()):  # only as it is made
            follow(self)

    monkeypatch.setattr(MLP, "follow", once)
    assert "spectral" in failed(penalty_predictions.penalty_terms())


def test_clip_and_gp_broken_fail_where_they_lead(monkeypatch):
    """A bound twice as wide, and a target that is not the setting's: the Jacobian does not tell."""
    for module in (dirac_game, dirac_predictions):
        monkeypatch.setattr(module, "SCHEDULES", TWO_SCHEDULES)
    names = ("WGAN clip 1", "WGAN-GP 1")
    assert failed(dirac_predictions.dirac(dirac_game.walks(names))) == set()
    monkeypatch.setattr(game, "clip", lambda flat, weight: penalties.clip(flat, 2 * weight))
    term = PENALTIES["gp"].term
    wrong = replace(PENALTIES["gp"], term=lambda judge, points: term(judge, points._replace(slope=1.0)))
    monkeypatch.setitem(PENALTIES, "gp", wrong)
    assert failed(dirac_predictions.dirac(dirac_game.walks(names))) == set(names)
    assert failed(penalty_predictions.penalty_terms()) == {"clip", "gp"}


def test_players_at_once_that_alternate_fail_on_the_dirac_game(monkeypatch):
    for module in (dirac_game, dirac_predictions):
        monkeypatch.setattr(module, "SCHEDULES", TWO_SCHEDULES)
    for module in (dirac_game, dirac_predictions):
        monkeypatch.setattr(module, "ROUNDS", 200)
    monkeypatch.setattr(update_rules.Simultaneous, "descend_g", update_rules.Alternating.descend_g)
    rows = dirac_predictions.dirac(dirac_game.walks(("R1 0.3",)))
    assert {row.what.partition(":")[0] for row in rows if not row.passed} >= {"area a round", "radius a round"}


# --- the page --------------------------------------------------------------------------------------------------------


def portrait(**how):
    from dynamics.pictures.phase_portraits import PhasePortrait

    path = np.linspace((1.0, 1.0), (0.0, 0.5), 9)
    known = {"field": np.ones((6, 6, 2)), "at_once": path, "in_turns": -path}
    return PhasePortrait("GAN", "±0.5i", ("diverges", "cycles"), **known | how)


def test_panels_share_their_axes_and_show_the_paths():
    from dynamics.pictures.phase_portraits import REACH, portraits_figure

    figure = portraits_figure("title", "said", [portrait()] * 7)
    assert len(figure.axes) == 7
    for axes in figure.axes:
        assert axes.get_xlim() == axes.get_ylim() == (-REACH, REACH)
        at_once, in_turns = (line for line in axes.lines if len(line.get_xdata()) == 9)
        np.testing.assert_array_equal(at_once.get_xydata(), portrait().at_once)
        np.testing.assert_array_equal(in_turns.get_xydata(), portrait().in_turns)


@pytest.mark.parametrize(
    "wrong", [{"field": np.ones((6, 5, 2))}, {"at_once": np.ones((9, 3))}, {"in_turns": np.ones(9)}]
)
def test_arrays_that_do_not_fit_are_refused(wrong):
    from dynamics.pictures.phase_portraits import portraits_figure

    with pytest.raises(ValueError, match=r"GAN: a (field|path) is"):
        portraits_figure("title", "said", [portrait(**wrong)])
    with pytest.raises(ValueError, match="need a panel"):
        portraits_figure("title", "said", [])
