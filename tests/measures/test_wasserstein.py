"""The Wasserstein laboratory: parts take their settings by what they are, and say what the numbers say."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import experiments._both_players as both_players
import experiments._part_pieces as pieces
from dynamics.base.intervals import Estimate, paired_difference
from dynamics.games.networks import make_pair
from dynamics.pictures.density_maps import grid_points
from dynamics.pictures.interval_panels import panels_figure
from dynamics.pictures.picture_drawing import FIGURES
from dynamics.pictures.sample_travels import travels_figure
from dynamics.runner.results import Member, Results
from dynamics.settings.catalogue.verdicts import Verdict
from dynamics.settings.look import Look
from dynamics.settings.setting import Setting
from dynamics.studies import get_parts
from dynamics.targets.registry import make_target
from dynamics.workflow import redraw, rewrite_report, run
from experiments.wasserstein import MEASURED, STUDY, parts

SNAPSHOTS = 16
SCORES = {"modes_covered": 4.0, "modes_hit": 4.0, "high_quality": 0.9, "reverse_kl": 0.1, "jsd": 0.3, "spread": 1.0}
SCORES |= dict.fromkeys(MEASURED, 2.0)
TITLES = [
    "1. D alone, weights clipped",
    "2. D alone, gradient penalty",
    "3. Both together, WGAN-GP",
    "4. G alone, D frozen",
    "5a. D alone, standard GAN",
    "5b. The standard GAN beside WGAN-GP",
]


def made(change=None, study=STUDY, **score):
    """Results of a study with every score as in `SCORES`, but for `score`: name -> function of (setting, seed, moment).

    A moment is 0 at the first snapshot and 1 at the last. `change` replaces options of every setting.
    """
    study = study.with_settings(change or {})
    settings = tuple(dataclasses.replace(s, std=make_target(s.mode, s.std).std) for s in study.settings)
    study = dataclasses.replace(study, settings=settings)
    members = [Member(i, seed) for i in range(len(settings)) for seed in study.seed_list]
    moments = np.linspace(0, 1, SNAPSHOTS + 1)

    def values(name, constant):
        of = score.get(name, lambda s, seed, moment: constant)
        return np.array([[of(settings[m.setting], m.seed, t) for t in moments] for m in members], float)

    n = len(settings)
    return Results(
        study=study,
        members=members,
        curve_steps=np.tile(np.arange(1, 101), (n, 1)),
        curves={name: np.full((len(members), 100), 0.5) for name in ("d_loss", "g_loss", "d_real", "d_fake")},
        snapshot_steps=np.tile(np.round(moments * study.steps).astype(int), (n, 1)),
        scores={name: values(name, constant) for name, constant in SCORES.items()},
        measures={},
        frame_steps=np.tile(np.round(np.linspace(0, study.steps, 9)).astype(int), (n, 1)),
        samples=np.zeros((len(members), 9, 16, 2), np.float16),
        null=[dict.fromkeys(SCORES, (0.0, 0.0)) for _ in settings],
        modes=[4] * n,
        rarest=[0.25] * n,
        verdicts=[Verdict("still learning")] * len(members),
        seconds=[1.0] * n,
    )


def part(results, title):
    (match,) = [p for p in parts(results) if p.title == title]
    return match


def weight(s):
    return next(iter(s.penalties.values()))


def wobble(seed):
    """A little of either sign, another for every seed, 0 in the mean of eight."""
    return 0.01 * (seed - 3.5)


# --- which settings --------------------------------------------------------------------------------------------------


def test_the_study_has_all_parts_and_each_its_picture():
    study_parts = parts(made())
    assert [p.title for p in study_parts] == TITLES
    assert len({p.picture for p in study_parts}) == 6
    assert all(re.fullmatch(r"part-[1-5][ab]?-[a-z]+\.png", p.picture) for p in study_parts)
    assert all(p.function in FIGURES and p.shows for p in study_parts)


@pytest.mark.parametrize(
    ("change", "numbers"),
    [
        ({"mode": ["ring_8"], "std": [None]}, "1 2 3 4 5a 5b"),
        ({"hidden": [16], "optimizer": ["rmsprop"]}, "1 2 3 4 5a 5b"),
        ({"train": ["d"]}, "1 2 5a"),
        ({"loss": ["wasserstein"]}, "1 2 3 4"),
        ({"loss": ["nonsaturating"]}, "4 5a"),
        ({"penalty": ["none"]}, "4 5a"),
        ({"penalty": ["gp"], "penalty_weight": [0.5, 5.0]}, "2 3 4"),
        ({"loss": ["hinge"]}, "4"),
        ({"train": ["g"], "warmup": [0]}, ""),
    ],
)
def test_a_part_whose_settings_are_not_there_is_left_out(change, numbers):
    assert " ".join(p.title.partition(".")[0] for p in parts(made(change))) == numbers


def test_two_targets_have_each_part_twice_with_their_own_numbers():
    results = made(
        {"mode": ["ring_8", "mixture_4"], "std": [0.1]}, w1=lambda s, seed, t: 1.0 if s.mode == "ring_8" else 7.0
    )
    study_parts = parts(results)
    assert sorted(p.title for p in study_parts) == sorted(
        f"{t}: mode {m}" for t in TITLES for m in ("ring_8", "mixture_4")
    )
    assert len({p.picture for p in study_parts}) == 12
    for mode, value in (("ring_8", "1.00"), ("mixture_4", "7.00")):
        (one,) = [p for p in study_parts if p.title == f"{TITLES[0]}: mode {mode}"]
        assert f"W₁ = {value} [{value}, {value}]" in one.sentence


def test_without_the_scores_there_are_no_parts():
    results = made()
    del results.scores["w1"]
    assert parts(results) == []


def test_a_study_has_its_own_parts_or_none():
    assert get_parts("wasserstein").__code__ == parts.__code__
    assert get_parts("homework") is None
    assert get_parts("../wasserstein") is None


def test_part_3_turns_about_the_setting_that_most_others_are_next_to():
    results = made()
    ((_, base, axes),) = both_players._games_by_option(results)
    s = results.study.settings[base]
    assert (s.penalty, s.d_steps, s.lr) == ("gp:1", 2, 1e-3)
    assert [(a.option, a.values.tolist()) for a in axes] == [
        ("penalty", [0.1, 1, 10, 100]),
        ("d_steps", [1, 2, 5]),
        ("lr", [3e-4, 1e-3, 3e-3]),
    ]
    for axis in axes:
        for i, value in zip(axis.indices, axis.values, strict=True):
            setting = results.study.settings[i]
            assert {"penalty": weight(setting), "d_steps": setting.d_steps, "lr": setting.lr}[axis.option] == value
    # a rate of D's own is an axis, at what it is
    change = {
        "train": ["both"],
        "loss": ["wasserstein"],
        "penalty": ["gp:1"],
        "lr": [1e-3],
        "lr_d": [None, 4e-3],
        "d_steps": [2],
    }
    ((_, _, (axis,)),) = both_players._games_by_option(made(change | {"lr_g": [None], "warmup": [0]}))
    assert (axis.option, axis.values.tolist()) == ("lr_d", [1e-3, 4e-3])
    assert len(part(made({"lr": [1e-4]}), TITLES[2]).arguments["rows"][0]) == 2


# --- what is said ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("power", "words"),
    [(2.5, "it is less (p 0.008)"), (3.0, "no difference from that is shown"), (3.5, "it is more (p 0.008)")],
)
def test_part_1_finds_the_power_of_the_bound(power, words):
    size = 20.0
    results = made(
        lipschitz_grid=lambda s, seed, t: (
            np.exp(wobble(seed)) * size * weight(s) ** (power + wobble(seed)) if s.penalties else 1.0
        ),
        lipschitz_upper=lambda s, seed, t: (
            3 * np.exp(wobble(seed)) * size * weight(s) ** (power + wobble(seed)) if s.penalties else 1.0
        ),
        lipschitz_secant=lambda s, seed, t: (
            0.5 * np.exp(wobble(seed)) * size * weight(s) ** (power + wobble(seed)) if s.penalties else 1.0
        ),
    )
    one = part(results, TITLES[0])
    assert f"grows as c to the power {power:.2f} [{power - 0.02:.2f}, {power + 0.02:.2f}]" in one.sentence
    assert f"3 matrices whose weights all grow as c would make it c to the power 3: {words}." in one.sentence
    assert (
        "is 0.500 [0.500, 0.500] and the product of spectral norms, the upper one, 3.00 [3.00, 3.00] times"
        in one.sentence
    )
    # geometric means: wobbles cancel in logarithms
    assert f"at c = 0.01 at least {pieces.words(Estimate(size * 0.01**power, np.nan, np.nan, 1))} [" in one.sentence
    (slopes, _), _ = one.arguments["rows"]
    grid = slopes["lines"][1]
    assert np.allclose(grid["value"], size * np.array([0.01, 0.03, 0.1, 0.3]) ** power)
    assert [row["c"] for row in one.table] == ["0.01", "0.03", "0.1", "0.3"]


def test_layers_change_what_the_power_is_held_against():
    results = made(
        {"layers": [4]}, lipschitz_grid=lambda s, seed, t: weight(s) ** (3 + wobble(seed)) if s.penalties else 1.0
    )
    assert (
        "5 matrices whose weights all grow as c would make it c to the power 5: it is less"
        in part(results, TITLES[0]).sentence
    )


@pytest.mark.parametrize("turn", [1, -1])
def test_part_2_holds_the_slope_and_the_estimate_against_what_they_should_be(turn):
    def far(s):
        return turn * {0.1: 0.5, 1: 0.2}.get(weight(s), 0.0) if "gp" in s.penalties else 0.0

    results = made(
        lipschitz_grid=lambda s, seed, t: np.exp(far(s) + wobble(seed)),
        w1_critic=lambda s, seed, t: 2 + far(s) + 0.1 * wobble(seed),
    )
    sentence = part(results, TITLES[1]).sentence
    word, more = ("above", "more") if turn == 1 else ("below", "less")
    assert f"slope of 1: the largest found is {word} that at λ = 0.1 and λ = 1; no difference" in sentence
    assert "is shown at λ = 10 and λ = 100." in sentence
    size = r"\[0\.{}\d, 0\.{}\d\]"
    first, second = size.format(49, 50), size.format(19, 20)
    assert re.search(rf"{more} by 0\.500 {first} \(p 0\.008\) at λ = 0\.1; {more} by 0\.200 {second} \(p", sentence)
    assert len(re.findall(r"no difference shown \(0\.0+ \[−0\.00\d+, 0\.00\d+\]\) at λ = 100?\b", sentence)) == 2
    assert "slopes that are not 1." in sentence


def test_the_one_sided_penalty_has_its_own_part():
    alone = dataclasses.replace(STUDY, settings=(Setting(loss="wasserstein", train="d", penalty="gp"),))
    study_parts = parts(made({"penalty": ["gp:1", "gp:5", "gp_one_sided"], "slope": [2.0]}, alone))
    assert [p.title for p in study_parts] == ["2. D alone, gradient penalty", "2. D alone, one-sided gradient penalty"]
    assert "slopes that are not 2." in study_parts[0].sentence
    assert "slopes that are not at most 2." in study_parts[1].sentence
    assert len({p.picture for p in study_parts}) == 2


@pytest.mark.parametrize("turn", [1, -1])
def test_part_3_says_which_option_changes_what(turn):
    def jsd(s, seed, t):
        swinging = 0.001 * np.sin(40 * t + seed)
        return 0.3 + wobble(seed) + swinging + (turn * 0.2 + 0.1 * wobble(seed) if s.penalty == "gp:100" else 0)

    sentence = part(
        made(jsd=jsd, w1=lambda s, seed, t: 2 + (turn if s.lr == 3e-3 else 0) + 0.1 * wobble(seed)), TITLES[2]
    ).sentence
    word = "higher" if turn == 1 else "lower"
    size = r"0\.200 \[0\.19\d, 0\.20\d\] \(p 0\.008\)"
    rest = r"no difference is shown in the other 11\."
    assert re.search(rf"Against λ 1: at λ 100 JSD {word} by {size}; {rest}", sentence)
    assert "Against D steps 2: no difference is shown in 8 comparisons." in sentence
    assert (
        f"Against learning rate 0.001: at learning rate 0.003 W₁ {word} by 1.00 [1.00, 1.00] (p 0.008); no" in sentence
    )


def test_seeds_that_scatter_show_no_difference():
    """A mean that is far away, in four seeds of eight up and in four down."""
    sentence = part(
        made(jsd=lambda s, seed, t: 0.3 + (0.1 if s.d_steps == 5 else 0) * (-1) ** seed * (1 + seed)), TITLES[2]
    ).sentence
    assert "(p " not in sentence


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (50.0, "the samples end farther away (p 0.008)"),
        (0.5, "they end nearer (p 0.008)"),
        (1.0, "no difference from the first is shown"),
    ],
)
def test_part_4_tells_where_samples_go(factor, words):
    def w1(s, seed, t):  # least half-way
        return (1 + 0.1 * wobble(seed) * t) * (factor**t if t in (0, 1) else 0.4 + abs(t - 0.5) / 10) * 2

    results = made(w1=w1)
    # of the last samples a quarter is inside, some at infinity
    results.samples[:, -1, :12] = [30, 0]
    results.samples[:, -1, 0] = np.inf
    four = part(results, TITLES[3])
    assert four.sentence.count(words) == 3
    assert "critic · gp 1: 2.00 [2.00, 2.00] at first, least at step 600 with 0.80" in four.sentence
    assert four.sentence.count("0.250 [0.250, 0.250] of them inside") == 3
    how = four.arguments
    assert how["rows"] == ["critic · gp 1", "critic · clip 0.1", "standard GAN"]
    assert list(how["steps"]) == [0, 600, 750, 1200]
    assert how["notes"][0][-1] == "25 % inside, median |x| 30"


def test_the_frozen_d_is_drawn_as_it_was_frozen():
    """Weights that were kept give the D of the plane: the first frame's, beside the G of then."""
    setting = Setting(mode="gaussian", hidden=4, layers=1, train="g", warmup=5)
    results = made(study=dataclasses.replace(STUDY, settings=(setting,), seeds=1))
    networks = make_pair([setting], [0], torch.device("cpu"), torch.float32)
    g, d = (np.repeat(network.flat.detach().numpy(), 9, 0) for network in networks)
    g[1:], d[1:] = np.nan, np.nan
    results.weights[0] = (g, d)
    (four,) = parts(results)
    half_width = four.arguments["half_width"]
    assert half_width == 2.5 * four.arguments["frame"] == 2.5 * make_target("gaussian", 1.2).half_width
    with torch.no_grad():
        logits = networks[1](torch.from_numpy(grid_points(half_width, 96)).float().reshape(1, -1, 2)).reshape(96, 96)
    for moment in four.arguments["fields"][0]:
        assert np.allclose(moment, torch.sigmoid(logits), atol=1e-5)


@pytest.mark.parametrize("turn", [1, -1])
def test_part_5a_tells_slopes_that_still_grow(turn):
    def grid(s, seed, t):
        return 10 * np.exp(wobble(seed) * t + (turn * t if not s.penalties else 0))

    results = made(lipschitz_grid=grid, study=dataclasses.replace(STUDY, settings=STUDY.settings))
    sentence = part(results, TITLES[4]).sentence
    times = np.exp(turn * 0.5)
    assert f"{times:.2f}" in sentence or f"{times:.3f}" in sentence
    assert f"half-way: it has {'grown' if turn == 1 else 'shrunk'} (p 0.008)." in sentence
    assert "no change is shown of that of critic · clip 0.01, critic · clip 0.03" in sentence


@pytest.mark.parametrize("turn", [1, -1])
def test_part_5b_pairs_settings_that_differ_in_the_game_alone(turn):
    def modes(s, seed, t):
        return 3 + (turn if s.loss == "wasserstein" else -turn) * (1 if s.d_steps == 5 else 0) + 0 * seed

    results = made(modes_covered=modes)
    collapsed = next(i for i, s in enumerate(results.study.settings) if s.loss == "nonsaturating" and s.train == "both")
    for m in results.of_setting(collapsed):
        results.verdicts[m] = Verdict("collapsed")
    two = part(results, TITLES[5])
    word = "more" if turn == 1 else "fewer"
    place, size = "at 5 D steps, learning rate 0.001", "2.00 [2.00, 2.00] (p 0.008)"
    assert f"{place} modes covered {word} by {size}, no difference shown in JSD" in two.sentence
    assert two.sentence.count("(p ") == 1
    assert two.sentence.endswith("0 of 40 runs of WGAN-GP and 8 of 40 runs of the standard GAN collapsed.")
    assert [(row["setting"], row["game"]) for row in two.table][:2] == [
        ("1 D step, learning rate 0.001", "WGAN-GP"),
        ("1 D step, learning rate 0.001", "standard"),
    ]
    assert len(two.table) == 10
    first = two.arguments["rows"][0]
    assert [line["value"].tolist() for line in first[0]["lines"]] == [[3, 3, 3 + turn], [3, 3, 3 - turn]]


def test_few_seeds_show_nothing_and_say_so():
    results = made(
        study=dataclasses.replace(STUDY, seeds=3),
        jsd=lambda s, seed, t: 0.1 if s.loss == "wasserstein" else 0.6,
        lipschitz_grid=lambda s, seed, t: 1 + t,
    )
    for one in parts(results):
        assert "(p " not in one.sentence
        assert one.sentence.endswith("So few seeds cannot show a difference: that takes 6.")
    assert all("So few" not in one.sentence for one in parts(made()))


def test_what_diverged_is_left_out_and_stops_nothing():
    def broken(s, seed, t):
        return np.nan if seed == 2 else np.inf if seed == 3 and t == 1 else 2.0 + wobble(seed)

    results = made(**dict.fromkeys([*MEASURED, "jsd"], broken))
    study_parts = parts(results)
    assert [p.title for p in study_parts] == TITLES
    ((difference, _),) = pieces.compare([(results.final("w1", 0), results.final("jsd", 0))])
    assert difference.n == 6


def test_comparisons_are_corrected_for_one_another():
    rng = np.random.default_rng(0)
    pairs = [(rng.normal(size=8) + shift, np.zeros(8)) for shift in (5.0, 0.0, 0.9, 0.0)]
    compared = pieces.compare(pairs)
    for (a, b), (difference, p) in zip(pairs, compared, strict=True):
        assert difference == paired_difference(a, b)
        assert p >= difference.p
    assert any(p > difference.p for difference, p in compared)


def test_words_keep_three_digits_of_what_is_told():
    assert pieces.words(Estimate(0.00123456, 0.0011, 0.0014, 8)) == "0.00123 [0.00110, 0.00140]"
    assert pieces.words(Estimate(123.4, 100.0, 150.0, 8)) == "123 [100, 150]"
    assert pieces.words(Estimate(0.001, -0.5, 0.5, 8)) == "0.001 [−0.500, 0.500]"
    assert pieces.words(Estimate(2.0, np.nan, np.nan, 1)) == "2.00"
    assert pieces.words(Estimate(np.nan, np.nan, np.nan, 0)) == "–"
    assert pieces.words(pieces.geometric(np.array([1.0, 4.0, -1.0, np.nan, 16.0]))).startswith("4.00 [")


# --- figures ---------------------------------------------------------------------------------------------------------


def line(value, low=None, high=None, **how):
    value = np.array(value, float)
    ends = {
        "low": value if low is None else np.array(low, float),
        "high": value if high is None else np.array(high, float),
    }
    return {"name": "a", "colour": 0, "at": np.arange(1.0, 1 + len(value)), "value": value, **ends} | how


def panel(*lines, y="number", dots=True, **how):
    return {"title": "t", "x": "option", "y": y, "scales": ("linear", "linear"), "lines": lines, "dots": dots} | how


def test_panels_of_a_row_share_an_axis_that_shows_every_value():
    rows = [[panel(line([1, 2])), panel(line([1, 9]), dots=False), panel(line([0.1, 0.2]), y="other")]]
    first, second, other = panels_figure("title", ["remark"], rows).axes
    assert first.get_ylim() == second.get_ylim()
    low, high = first.get_ylim()
    assert low < 1
    assert high > 9
    assert other.get_ylim()[1] < 1
    assert [axes.get_ylabel() for axes in (first, second, other)] == ["number", "", "other"]


def test_dots_carry_their_intervals_and_seeds():
    drawn = line([2, 4, 3], low=[1, 3, np.nan], high=[3, 5, np.nan], seeds=np.array([[1.5, 4, 3], [2.5, 4, 3.0]]))
    (axes,) = panels_figure("title", [], [[panel(drawn)]]).axes
    (bars,) = axes.collections
    assert [segment[:, 1].tolist() for segment in bars.get_segments()] == [[1, 3], [3, 5]]
    assert [shown.get_ydata().tolist() for shown in axes.lines] == [[1.5, 4, 3], [2.5, 4, 3], [2, 4, 3]]


def test_intervals_far_out_do_not_flatten_the_values():
    (axes,) = panels_figure("t", [], [[panel(line([1, 2], low=[-500, 1], high=[500, 3]))]]).axes
    low, high = axes.get_ylim()
    assert low > -1
    assert high < 4
    (axes,) = panels_figure("t", [], [[panel(line([1, 100]), scales=("log", "log"), level=(1e-3, "asked"))]]).axes
    low, high = axes.get_ylim()
    assert 0 < low < 1e-3
    assert 100 < high < 1000
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["asked", "a"]


def test_a_legend_is_read_line_by_line():
    names = [f"λ = {k}" for k in range(7)]
    (axes,) = panels_figure("t", [], [[panel(*(line([k], name=name) for k, name in enumerate(names)))]]).axes
    legend = axes.get_legend()
    axes.figure.canvas.draw()
    boxes = [(text.get_window_extent(), text.get_text()) for text in legend.get_texts()]
    assert [name for _, name in sorted(boxes, key=lambda b: (-round(b[0].y0), b[0].x0))] == names


def travels(**how):
    asked = {
        "title": "t",
        "remarks": [],
        "rows": ["a", "b"],
        "steps": [0, 5],
        "samples": np.zeros((2, 2, 4, 2), np.float32),
        "fields": np.full((2, 2, 8, 8), 0.5),
        "density": np.exp(-(grid_points(4.0, 32) ** 2).sum(-1)),
        "half_width": 4.0,
        "frame": 2.0,
        "notes": [["", "x"], ["y", "z"]],
    }
    return travels_figure(**asked | how)


def test_samples_off_the_plane_are_left_out():
    samples = np.zeros((2, 2, 4, 2), np.float32)
    samples[0, 1] = [[np.inf, 0], [5, 0], [1, -3], [np.nan, 0]]
    axes = travels(samples=samples).axes
    assert [len(a.lines[0].get_xdata()) for a in axes] == [4, 1, 4, 4]
    assert axes[1].lines[0].get_xydata().tolist() == [[1, -3]]
    assert [a.texts[0].get_text() for a in axes] == ["", "x", "y", "z"]
    assert [a.get_title(loc="left") for a in axes] == ["step 0", "step 5"] * 2


def test_levels_of_d_are_even_in_its_log_odds():
    ramp = np.broadcast_to(1 / (1 + np.exp(-np.linspace(-2.5, 2.5, 8))), (2, 2, 8, 8))
    axes = travels(fields=ramp).axes[0]
    (levels,) = [c for c in axes.collections if hasattr(c, "levels")]
    assert list(levels.levels) == [-2, -1, 0, 1, 2]
    assert not [c for c in travels(fields=np.full((2, 2, 8, 8), np.nan)).axes[0].collections if hasattr(c, "levels")]


def test_figures_refuse_what_does_not_fit():
    with pytest.raises(ValueError, match="needs panels"):
        panels_figure("t", [], [])
    with pytest.raises(ValueError, match="3 moments"):
        travels(steps=[0, 1, 2])


# --- a run -----------------------------------------------------------------------------------------------------------


def test_a_run_has_its_parts_and_keeps_them(tmp_path: Path):
    """A laboratory of two settings: what a run writes, `report` and `render` write again."""
    small = {"mode": "gaussian", "std": 1.2, "hidden": 8, "layers": 1, "batch_size": 16, "loss": "wasserstein"}
    settings = (Setting(**small, penalty="clip:0.1", train="d"), Setting(**small, penalty="gp", train="g", warmup=2))
    study = dataclasses.replace(
        STUDY, settings=settings, steps=4, seeds=1, snapshots=2, frames=2, workers="1", device="cpu"
    )
    results, folder = run(study, tmp_path / "run", look=Look())
    pictures = {p.picture: (folder.path / p.picture).read_bytes() for p in parts(results)}
    assert set(pictures) == {"part-1-clip.png", "part-4-frozen.png"}
    pages = [(folder.path / name).read_text(encoding="utf-8") for name in ("report.html", "report.md")]
    for page in pages:
        assert "D alone, weights clipped" in page
        assert "D takes 8 steps" in page
        assert "G alone, D frozen" in page
    assert "![Generated points at several steps" in pages[1]
    for again in (lambda: rewrite_report(folder.path), lambda: redraw(folder.path, frames=1, workers="1")):
        again()
        assert {name: (folder.path / name).read_bytes() for name in pictures} == pictures
        for name, page in zip(("report.html", "report.md"), pages, strict=True):
            words = re.sub(r'src="[^"]*"|width="\d+" height="\d+"', "", page)
            assert (
                re.sub(r'src="[^"]*"|width="\d+" height="\d+"', "", (folder.path / name).read_text(encoding="utf-8"))
                == words
            )
