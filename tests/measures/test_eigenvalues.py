"""Multipliers of a round: games of a few numbers with known ones, finite differences, and rounds really played."""

import cmath
import dataclasses
import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from dynamics.engine.training import train_stack
from dynamics.games.game import Game
from dynamics.games.update_rules import UPDATES
from dynamics.measures import eigenvalues
from dynamics.measures.eigenvalues import LINEARISED, Probe, Round, member_game, multipliers, scores_of, spectrum_scores
from dynamics.pictures.multipliers_and_periods import multipliers_figure, periods_figure
from dynamics.runner.results import Member, Results
from dynamics.settings.catalogue.verdicts import Verdict
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study
from experiments.spectrum import STUDY, late, measured_period, parts, predicted_periods, rank_correlation

H = 0.3


@pytest.fixture(autouse=True)
def few_points(monkeypatch):
    monkeypatch.setattr(eigenvalues, "PROBE", 32)


class Point:
    """A generator of one point, wherever z is."""

    def __init__(self, *place):
        self.flat = torch.tensor([place], dtype=torch.float64)

    def at(self, flat, z):
        return flat.unsqueeze(1).expand(-1, z.shape[1], -1)


class Plane:
    """A discriminator d · x."""

    def __init__(self, *weights):
        self.flat = torch.tensor([weights], dtype=torch.float64)

    def at(self, flat, x):
        return x @ flat.unsqueeze(2)


class Origin:
    """Real points at 0; two numbers a point or one."""

    def __init__(self, dimensions=1):
        self.dimensions = dimensions

    def latents(self):
        return torch.zeros(1, 4, 2, dtype=torch.float64)

    def reals(self):
        return torch.zeros(1, 4, self.dimensions, dtype=torch.float64)

    g_reals = reals


def dirac(**how):
    """L_D = d · g, L_G = −d · g (Mescheder et al. 2018's Dirac-GAN, with a linear loss): everything is linear."""
    setting = Setting(**{"loss": "wasserstein", "optimizer": "sgd", "lr": H, "d_steps": 1, "batch_size": 4} | how)
    return Game(Point(0.4), Plane(-0.7), [setting], Origin(), dimensions=1)


def rates(value=H):
    return (torch.full((1, 1), value, dtype=torch.float64),) * 2


def close(computed, expected):
    """Equal as sets, conjugates beside one another."""
    computed, expected = (np.array(sorted(v, key=lambda z: (round(z.real, 9), z.imag))) for v in (computed, expected))
    np.testing.assert_allclose(computed, expected, rtol=1e-12, atol=1e-12)


BETA = 0.8
QUADRATIC = {  # settings -> coefficients of the polynomials whose roots are the multipliers, by λ = ±ih
    "simultaneous": ({"update": "simultaneous"}, lambda e: [1, -1 - e]),
    "extragradient": ({"update": "extragradient"}, lambda e: [1, -1 - e - e * e]),
    "optimistic": ({"update": "optimistic"}, lambda e: [1, -1 - 2 * e, e]),
    "momentum": (
        {"update": "simultaneous", "optimizer": "momentum", "momentum": BETA},
        lambda e: [1, -1 - BETA - e, BETA],
    ),
    "adam": (
        {"update": "simultaneous", "optimizer": "adam", "beta1": BETA},
        lambda e: [1, -1 - BETA - (1 - BETA) * e, BETA],
    ),
}


@pytest.mark.parametrize("name", QUADRATIC)
def test_dirac_games_multipliers_are_the_known_ones(name):
    """(μ − 1)(μ − β) = λ μ for the heavy ball, 1 + λ + λ² for extragradient, μ² = (1 + 2λ) μ − λ for optimism."""
    how, polynomial = QUADRATIC[name]
    expected = np.concatenate([np.roots(polynomial(e)) for e in (1j * H, -1j * H)])
    close(np.linalg.eigvals(Round(dirac(**how), rates()).matrix()), expected)


def test_dirac_game_in_turns_goes_round_on_a_circle():
    """(I + J_g)(I + J_d) has determinant 1 and trace 2 − h²: |μ| = 1, cos θ = 1 − h²/2. Together |μ|² = 1 + h²."""
    angle, size, period, expansion = scores_of(*multipliers(dirac(), rates()))
    assert (angle, size, period) == pytest.approx((math.acos(1 - H * H / 2), 1, 2 * math.pi / angle), rel=1e-12)
    assert expansion == pytest.approx(0, abs=1e-12)
    angle, size, _, expansion = scores_of(*multipliers(dirac(update="simultaneous"), rates()))
    assert (angle, size) == pytest.approx((math.atan(H), math.hypot(1, H)), rel=1e-12)
    assert expansion == pytest.approx(math.hypot(1, H) - 1, rel=1e-12)


@pytest.mark.parametrize(("k", "alpha"), [(3, 0.5), (5, 0.8)])
def test_lookahead_is_a_root_of_its_rounds_and_the_way_back(k, alpha):
    theta = math.acos(1 - H * H / 2)
    expected = (1 - alpha + alpha * cmath.exp(1j * k * theta)) ** (1 / k)
    game = dirac(update="lookahead", lookahead_k=k, lookahead_alpha=alpha)
    angle, size, *_ = scores_of(*multipliers(game, rates()))
    assert (angle, size) == pytest.approx((cmath.phase(expected), abs(expected)), rel=1e-12)


def test_r1_makes_the_circle_a_spiral():
    """With γ/2 d² in L_D, d ← (1 − hγ) d − h g, then g ← g + h d: determinant 1 − hγ, so |μ| = √(1 − hγ)."""
    gamma = 0.6
    _, size, *_ = scores_of(*multipliers(dirac(penalty=f"r1:{gamma}"), rates()))
    assert size == pytest.approx(math.sqrt(1 - H * gamma), rel=1e-12)


# --- rounds really played --------------------------------------------------------------------------------------------

PLAYED = {
    "alternating": {"d_steps": 2},
    "simultaneous": {"update": "simultaneous", "d_steps": 2, "g_steps": 2},
    "optimistic": {"update": "optimistic"},
    "extragradient": {"update": "extragradient"},
    "momentum": {"optimizer": "momentum", "momentum": 0.6, "g_steps": 2},
    "extragradient momentum": {"update": "extragradient", "optimizer": "momentum", "momentum": -0.3},
    "optimistic momentum": {"update": "optimistic", "optimizer_d": "momentum"},
    "consensus": {"penalty": "r1:0.3+consensus:0.2"},
    "d alone": {"train": "d", "penalty": "r1:0.3"},
    "two rates": {"lr_g": 0.1, "penalty": "r2:0.2"},
    "lookahead": {"update": "lookahead", "lookahead_k": 2},
}


def carried(game):
    """What Round's state holds, of a game that is being played, by name."""
    state = {"g": game.g, "d": game.d}
    for player, optimizer in game.optimizers.items():
        if game.setting.optimizer == "momentum" or (player == "d" and game.setting.optimizer_d):
            state[f"memory {player}"] = -optimizer.lr * optimizer.state[0]
    if game.setting.rule == "optimistic":
        state |= {f"last {player}": last for player, last in game.rule.last.items()}
    return {name: value.clone() for name, value in state.items()}


def play(game, rounds):
    for _ in range(rounds):
        game.rule.begin()
        for _ in range(game.g_steps):
            game.rule.step()
    return carried(game)


@pytest.mark.parametrize("name", PLAYED)
def test_two_trainings_differ_as_the_map_says(name):
    """The game's gradients are linear, so the map is exact, far away too and after any number of rounds."""
    setting = Setting(
        **{"loss": "wasserstein", "optimizer": "sgd", "lr": H, "d_steps": 1, "batch_size": 4} | PLAYED[name]
    )
    games = [Game(Point(a, b), Plane(b, 2 * a), [setting], Origin(2)) for a, b in ((0.4, -0.7), (-1.2, 0.5))]
    if setting.train == "d":
        games[1].g.copy_(games[0].g)  # what does not learn is no part of the state
    lr = tuple(torch.full((1, 1), r, dtype=torch.float64) for r in (setting.generator_lr, setting.discriminator_lr))
    linear = Round(games[0], lr)
    rounds = linear.rounds
    states = [[play(game, rounds), play(game, rounds), play(game, rounds)] for game in games]
    before, *afters = ({n: b[n] - a[n] for n in a} for a, b in zip(*states, strict=True))
    vector = np.concatenate([before[n][0].numpy() for n in linear.names])
    assert np.abs(vector).min() > 1e-3
    for after in afters:
        vector = linear(vector)
        np.testing.assert_allclose(vector, np.concatenate([after[n][0].numpy() for n in linear.names]), rtol=1e-11)


def test_a_real_pairs_round_moves_a_small_difference_as_the_map_says():
    """Simultaneous play takes all gradients at x, where the map is linearised: left is the square of the difference."""
    s = Setting(
        hidden=4, activation="tanh", update="simultaneous", optimizer="sgd", lr=0.05, d_steps=1, penalty="gp:0.5"
    )
    (last,) = train_stack([s], [3], 60, [60])
    direction = np.random.default_rng(1).standard_normal
    lr = (torch.full((1, 1), 0.05, dtype=torch.float64),) * 2
    linear = Round(member_game(last.players, 0, s, 3, 60), lr)
    vector = direction(linear.size)
    counts = [linear.used[p] for p in "gd"]

    def after(size):
        game = member_game(last.players, 0, s, 3, 60)
        for flat, part in zip((game.g, game.d), np.split(size * vector, [counts[0]]), strict=True):
            flat[0, : len(part)] += torch.from_numpy(part)
        play(game, 1)
        return np.concatenate([flat[0, :n].numpy() for flat, n in zip((game.g, game.d), counts, strict=True)])

    errors = [np.abs((after(e) - after(-e)) / (2 * e) - linear(vector)).max() for e in (1e-2, 1e-3)]
    assert errors[1] < 1e-6
    assert errors[1] == pytest.approx(errors[0] / 100, rel=0.1)  # central differences: second order


# --- networks against finite differences -----------------------------------------------------------------------------

SMALL = Setting(hidden=3, layers=2, activation="tanh", d_steps=2, g_steps=2, batch_size=16, lr=0.1)
NETWORKS = {
    "plain": {},
    "minimax simultaneous": {"loss": "minimax", "update": "simultaneous", "beta1": 0.0},
    "r1 extragradient": {"penalty": "r1+r2:0.3", "update": "extragradient", "d_steps": 1, "g_steps": 1, "beta1": 0.0},
    "gp": {"penalty": "gp:0.7", "loss": "wasserstein", "optimizer": "rmsprop", "lr": 0.01},
    "gp_one_sided, dragan": {"penalty": "gp_one_sided:3+dragan", "slope": 0.05},
    "consensus": {"penalty": "consensus:0.5+r1"},
    "noise, labels": {"penalty": "instance_noise:0.4+label_smoothing:0.2", "anneal": 100},
    "relativistic": {"loss": "relativistic", "packing": 2},
    "spectral": {"penalty": "spectral:2"},
    "batch norm": {"norm": "batch", "minibatch_std": 1},
    "relu": {"activation": "relu", "layers": 1, "data_size": 50},
    "d alone": {"train": "d"},
}


def trained(setting, seeds=(0,), steps=20):
    (last,) = train_stack([setting] * len(seeds), list(seeds), steps, [steps], evaluation=64)
    return last


def differences(game, player, other, step=1e-6):
    """∂ (a player's gradient) / ∂ (a player's parameters) by central differences of the game's own gradient."""
    used = {"g": game.G.used, "d": game.D.used}
    batch = game.d_batch() if player == "d" else game.g_batch()
    columns = []
    for i in range(used[other]):
        ends = []
        for sign in (1, -1):
            flats = {"g": game.g.clone(), "d": game.d.clone()}
            flats[other][0, i] += sign * step
            ends.append(game.gradient(player, flats["g"], flats["d"], batch)[0, : used[player]])
        columns.append((ends[0] - ends[1]) / (2 * step))
    return torch.stack(columns, 1).numpy()


@pytest.mark.parametrize("name", NETWORKS)
def test_the_map_of_networks_is_that_of_finite_differences(name):
    setting = dataclasses.replace(SMALL, **NETWORKS[name])
    last = trained(setting)
    game = member_game(last.players, 0, setting, 0, last.step)
    member_rates = [r.double() for r in last.rates()]
    linear = Round(game, (member_rates[0], member_rates[1]))
    parts = {"g": slice(0, game.G.used), "d": slice(game.G.used, game.G.used + game.D.used)}
    size = parts["d"].stop
    share = setting.beta1 if setting.optimizer == "adam" else 0.0
    step = {}  # of each player on (g, d, memories)
    change = {p: np.zeros((size, size)) for p in "gd"}
    for player, rate in zip("gd", member_rates, strict=True):
        for other in "gd" if game.plays(player) else "":
            rows = differences(game, player, other)
            rate_rows = rate.expand(1, game.g.shape[1] if player == "g" else game.d.shape[1])[0, : len(rows)].numpy()
            change[player][parts[player], parts[other]] = -rate_rows[:, None] * rows
    one, none = np.eye(size), np.zeros((size, size))
    for p in "gd":
        player_rows = np.zeros((size, size))
        player_rows[parts[p], parts[p]] = one[parts[p], parts[p]]
        memory = np.hstack([(1 - share) * change[p], one - player_rows + share * player_rows])  # the player's changes
        place = np.hstack([one, none]) + player_rows @ memory
        step[p] = np.vstack([place, memory])
    if setting.rule == "extragradient":
        expected = one + (change["g"] + change["d"]) @ (one + change["g"] + change["d"])
    elif setting.rule == "simultaneous":  # D's steps, then G's at the d of the beginning
        before, mover = np.linalg.matrix_power(one + change["d"], 2), one.copy()
        for _ in range(2):
            at = mover.copy()
            at[parts["d"]] = one[parts["d"]]
            mover = mover + change["g"] @ at
        expected = before.copy()
        expected[parts["g"]] = mover[parts["g"]]
    else:
        d_steps = np.linalg.matrix_power(step["d"], game.d_steps)
        expected = np.linalg.matrix_power(step["g"], game.g_steps) @ d_steps
        if not share:
            expected = expected[:size, :size]
        if setting.train == "d":
            keep = [*range(size)[parts["d"]], *(size + i for i in range(size)[parts["d"]])]
            expected = expected[np.ix_(keep, keep)]
    matrix = linear.matrix()
    vector = np.random.default_rng(0).standard_normal(linear.size)
    np.testing.assert_allclose(linear(vector), matrix @ vector, rtol=1e-8, atol=1e-9 * np.abs(matrix).max())
    assert matrix.shape == expected.shape
    scale = np.abs(expected).max()
    np.testing.assert_allclose(matrix, expected, rtol=1e-5, atol=2e-7 * scale)
    assert np.abs(matrix - np.eye(len(matrix))).max() > 1e-3


@pytest.mark.parametrize("how", [{}, {"update": "simultaneous", "beta1": 0.0, "penalty": "r1"}])
def test_arpack_finds_what_the_whole_matrix_has(how, monkeypatch):
    monkeypatch.setattr(eigenvalues, "_DENSE", 64)
    setting = dataclasses.replace(SMALL, hidden=6, d_steps=1, g_steps=1, **how)
    last = trained(setting, steps=60)
    game, member_rates = member_game(last.players, 0, setting, 0, last.step), [r.double() for r in last.rates()]
    linear = Round(game, (member_rates[0], member_rates[1]))
    assert linear.size > eigenvalues._DENSE
    everything = np.linalg.eigvals(linear.matrix())
    turning, largest = multipliers(game, (member_rates[0], member_rates[1]))
    upper = everything[everything.imag > 0]
    np.testing.assert_allclose(turning[:3], upper[np.argsort(-upper.imag)][:3], rtol=1e-4)
    assert 3 <= len(turning) <= eigenvalues._PAIRS
    assert all(np.abs(everything - each).min() < 1e-3 for each in turning)  # the slow ones may be others than the next
    assert abs(largest[0]) == pytest.approx(np.abs(everything).max(), rel=1e-4)
    again = multipliers(game, (member_rates[0], member_rates[1]))
    assert all(np.array_equal(a, b) for a, b in zip((turning, largest), again, strict=True))


def test_clipping_holds_what_a_step_leaves_at_its_bound():
    game = dirac(penalty="clip:0.5")  # d = −0.7 − 0.3 · 0.4 lies beyond
    np.testing.assert_allclose(Round(game, rates()).matrix(), [[1, 0], [0, 0]], atol=1e-15)
    inside = dirac(penalty="clip:5")
    np.testing.assert_array_equal(Round(inside, rates()).matrix(), Round(dirac(), rates()).matrix())


# --- scores ----------------------------------------------------------------------------------------------------------


def test_members_do_not_depend_on_their_company_and_broken_ones_are_nan():
    setting = dataclasses.replace(SMALL, hidden=5)
    last = trained(setting, (0, 1, 2))
    among = spectrum_scores(last.players, last.rates(), [setting] * 3, [0, 1, 2], last.step)
    assert set(among) == set(eigenvalues.SCORES)
    (last.players[0].flat)[0, 3] = torch.nan
    broken = spectrum_scores(last.players, last.rates(), [setting] * 3, [0, 1, 2], last.step)
    for name, values in broken.items():
        assert np.isnan(values[0]), name
        assert np.array_equal(values[1:], among[name][1:], equal_nan=True), name
    assert np.isfinite(among["spectrum_expansion"]).all()


def test_unrolled_play_has_none():
    setting = dataclasses.replace(SMALL, update="unrolled", d_steps=1, g_steps=1)
    last = trained(setting)
    spectrum = spectrum_scores(last.players, last.rates(), [setting], [0], last.step)
    assert all(np.isnan(values).all() for values in spectrum.values())
    with pytest.raises(ValueError, match="unrolled"):
        multipliers(member_game(last.players, 0, setting, 0, 20), rates())


def test_a_rule_that_is_not_known_is_refused_and_every_known_one_is_of_the_registry():
    setting = dataclasses.replace(SMALL)
    object.__setattr__(setting, "update", "of tomorrow")
    with pytest.raises(ValueError, match="of tomorrow play is not linearised"):
        multipliers(SimpleNamespace(setting=setting), rates())
    assert {*LINEARISED, "unrolled"} == set(UPDATES)


def test_the_probe_is_the_same_at_every_look_and_fills_packs():
    probe, again = (Probe(Setting(packing=3, batch_size=9), 4) for _ in range(2))
    assert probe.latents().shape == (1, 30, 2)
    assert torch.equal(probe.latents(), again.latents())
    assert torch.equal(probe.reals(), again.reals())
    few = Probe(Setting(data_size=5), 4)
    assert len(few.reals()[0].unique(dim=0)) == 5


# --- the study: periods measured, and what is said of them -----------------------------------------------------------


@pytest.mark.parametrize("period", [90.0, 200.0, 480.0])
@pytest.mark.parametrize("phase", [0.3, 2.0])
def test_the_period_of_a_noisy_circle_that_drifts_is_found(period, phase):
    steps = np.arange(1520, 3001, 20)
    angle = 2 * np.pi * steps / period + phase
    noise = 0.2 * np.random.default_rng(0).standard_normal((len(steps), 2))
    places = np.stack([np.cos(angle), np.sin(angle)], 1) + noise + np.outer(steps, [1e-3, -2e-3]) + 5
    assert measured_period(places, steps) == pytest.approx(period, rel=0.06)


def test_what_does_not_oscillate_has_no_period():
    steps = np.arange(1520, 3001, 20)
    draw = np.random.default_rng(1).standard_normal
    straight = np.outer(steps, [1.0, -2.0])
    half = np.stack([np.sin(np.pi * steps / 1500), np.zeros(len(steps))], 1)  # less than two cycles are no oscillation
    too_fast = np.stack([(-1.0) ** np.arange(len(steps)), np.zeros(len(steps))], 1)
    for places in (straight, half, too_fast, 0 * straight, np.full_like(straight, np.nan)):
        assert np.isnan(measured_period(places, steps))
    assert np.isnan(measured_period(straight[:10], steps[:10]))
    white = [measured_period(draw((len(steps), 2)), steps) for _ in range(200)]
    assert np.isnan(white).all()


def made(predicted, measured, contraction, settings=None):
    """Results with these periods and sizes by setting and seed, each at all of 4 looks."""
    settings = settings or STUDY.settings[: len(predicted)]
    study = Study(name="spectrum", question="", settings=settings, seeds=len(predicted[0]), scores="spectrum")
    members = [Member(i, seed) for i in range(len(settings)) for seed in range(study.seeds)]
    looks, frames = np.array([0, 500, 1000, 2000]), np.arange(0, 2001, 10)
    flat = [np.array(values, float).ravel()[:, None] for values in (predicted, measured, contraction)]
    ones = np.ones((1, len(looks)))
    angle = 2 * np.pi * frames / flat[1]
    circle = np.where(np.isfinite(angle), [np.cos(angle), np.sin(angle)], 0.0)  # (2, M, F)
    scores = {
        "spectrum_rotation": 2 * np.pi / flat[0] * ones,
        "spectrum_contraction": flat[2] * ones,
        "spectrum_period": flat[0] * ones,
        "spectrum_expansion": 0.01 * ones * np.ones_like(flat[0]),
    }
    for name in scores:
        scores[name][:, :2] *= 7  # of the first half: not looked at
    return Results(
        study=study,
        members=members,
        curve_steps=np.tile(frames[1:], (len(settings), 1)),
        curves={},
        snapshot_steps=np.tile(looks, (len(settings), 1)),
        scores=scores,
        measures={},
        frame_steps=np.tile(frames, (len(settings), 1)),
        samples=np.repeat(circle.transpose(1, 2, 0)[:, :, None], 5, 2).astype(np.float16),
        null=[],
        modes=[None] * len(settings),
        rarest=[None] * len(settings),
        verdicts=[Verdict("converged")] * len(members),
    )


SIZES = [[0.99, 1.02, 0.985], [0.9, 0.91, 0.904]]


def test_what_is_said_of_the_periods_follows_the_numbers():
    nan = np.nan
    agree = made([[100, 210, 150], [120, 90, 160]], [[100, 205, 152], [118, 92, nan]], SIZES)
    assert predicted_periods(agree) == pytest.approx([100, 210, 150, 120, 90, 160])
    words = parts(agree)[1].sentence
    assert words.startswith("5 of 6 GANs have an oscillation to measure; 5 of these have a predicted period too.")
    assert "within a factor of 1.5 in 5 of 5" in words
    assert "No difference between the two is shown. Their rank correlation is 1.00 (p = 0.0" in words
    longer = made([[100, 110, 150], [120, 90, 160]], [[200, 210, 310], [250, 170, 300]], SIZES)
    words = parts(longer)[1].sentence
    assert "within a factor of 1.5 in 0 of 6" in words
    assert "The measured periods are longer than the predicted ones." in words
    shorter = made([[200, 210, 310], [250, 170, 300]], [[100, 110, 150], [120, 90, 160]], SIZES)
    assert "The measured periods are shorter than the predicted ones." in parts(shorter)[1].sentence
    still = made([[100, 110, 150]], [[nan] * 3], SIZES[:1])
    assert parts(still)[1].sentence.startswith("0 of 3 GANs have an oscillation to measure: there is nothing")


def test_rank_correlation_is_spearmans_and_its_p_the_share_of_orders():
    a, b = np.array([3.0, 1.0, 4.0, 1.5, 5.0]), np.array([2.0, 7.0, 1.0, 8.0, 2.0])
    rho, p = rank_correlation(a, b)
    orders = [abs(spearmanr(a, order).statistic) for order in itertools.permutations(b)]
    assert rho == pytest.approx(spearmanr(a, b).statistic, rel=1e-12)
    assert p == pytest.approx(np.mean(np.array(orders) >= abs(rho) - 1e-9), abs=0.002)  # four standard errors
    for order in itertools.permutations(range(5)):
        if order[0] == 2:  # a few of the ways in which the same pairs can come
            assert rank_correlation(a[list(order)], b[list(order)]) == (rho, p)
    assert rank_correlation(a, np.ones(5))[1] == 1


def test_what_is_said_of_the_sizes_follows_the_numbers():
    results = made([[100] * 3] * 2, [[100] * 3] * 2, SIZES)
    assert late(results, "spectrum_contraction") == pytest.approx(np.ravel(SIZES))
    (first, second), words = results.study.settings, parts(results)[0].sentence
    assert [n for n, a in dataclasses.asdict(first).items() if dataclasses.asdict(second)[n] != a] == ["lr"]
    assert "above 1 in 1 of 3" in words
    assert "above 1 in 0 of 3" in words
    assert "no difference is shown" not in words
    alike = parts(made([[100] * 3] * 2, [[100] * 3] * 2, [SIZES[0], [1.01, 0.99, 0.998]]))[0].sentence
    assert "no difference is shown" in alike


def test_a_run_without_its_scores_has_no_parts():
    results = made([[100] * 3], [[100] * 3], SIZES[:1])
    results.scores = {}
    assert parts(results) == []


def test_figures_show_what_they_are_given():
    first, second = parts(made([[100, 210, 150], [120, 90, 160]], [[100, 205, np.nan], [118, 92, 170]], SIZES))
    figure = multipliers_figure(**first.arguments)
    drawn = np.concatenate([line.get_xydata() for axes in figure.axes for line in axes.lines[1:3]])
    for size, period in zip(np.ravel(SIZES), [100, 210, 150, 120, 90, 160], strict=True):
        expected = size * np.exp(2j * np.pi / period)
        assert np.abs(drawn @ [1, 1j] - expected).min() < 1e-12
    for axes in figure.axes:  # the circle is one
        np.testing.assert_allclose(np.hypot(*axes.lines[0].get_xydata().T), 1, rtol=1e-12)
    assert len({axes.get_xlim() for axes in figure.axes}) == 1
    (axes,) = periods_figure(**second.arguments).axes
    points = np.concatenate([line.get_xydata() for line in axes.lines if line.get_marker() not in ("None", None, "")])
    both = [second.arguments[name][1][0] for name in ("predicted", "measured")]
    assert np.nanmin(np.abs(points - both).sum(1)) < 1e-6
    alone = [150, axes.get_ylim()[0]]  # predicted, and not measured
    assert np.nanmin(np.abs(points - alone).sum(1)) < 1e-6
