import csv
import dataclasses
import io
import itertools
import json
import os
import re
import shutil

import numpy as np
import pytest
import torch
from scipy import stats

from dynamics.base.files import FolderInUse, NotARun, atomic
from dynamics.base.intervals import mean_interval, share_interval
from dynamics.games.losses import LOSSES, make_loss
from dynamics.games.networks import make_pair
from dynamics.pictures.picture_plan import plan as plan_pictures
from dynamics.reports.comparisons import comparison_rows, difference_rows, setting_pairs, write_tables
from dynamics.reports.observations import observations
from dynamics.reports.tables import tex_table, text_table
from dynamics.runner import results as results_module
from dynamics.runner.joint import join
from dynamics.runner.loading import load, study_of
from dynamics.runner.member_rows import summary_rows
from dynamics.runner.planning import beginning_notes, plan
from dynamics.runner.resolving import resolve
from dynamics.runner.results import Member, swing, swing_range
from dynamics.runner.running import run_study
from dynamics.runner.saving import manifest, save
from dynamics.runner.setting_names import clash, setting_labels, setting_names
from dynamics.runner.users_files import check_targets, keep_targets, same_targets
from dynamics.settings.budget import curve_steps, frame_steps, snapshot_steps
from dynamics.settings.catalogue.scores import GROUPS, SCORES, score_names
from dynamics.settings.catalogue.verdicts import VERDICTS, Verdict
from dynamics.settings.look import Look
from dynamics.settings.messages import OptionError
from dynamics.settings.network_sizes import parameters
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study
from dynamics.store.folder import RunFolder

TINY = {"hidden": 4, "batch_size": 8}


def tiny(**how):
    settings = tuple(Setting(mode="mixture_4", d_steps=d, **TINY) for d in (1, 2))
    return resolve(
        Study(
            "tiny",
            "q?",
            settings,
            **({"steps": 12, "seeds": 3, "snapshots": 4, "frames": 3, "workers": "1"} | how),
        )
    )


@pytest.fixture(scope="module")
def measured():
    return run_study(tiny())


def test_plan_puts_every_member_in_one_stack_of_its_structure():
    study = tiny(seeds=20, workers="2")
    members, stacks = plan(study)
    assert sorted(m for s in stacks for m in s.members) == list(range(40))
    for stack in stacks:
        assert len({s.structure for s in stack.settings}) == 1
        assert [members[m].seed for m in stack.members] == list(stack.seeds)


def test_results_do_not_depend_on_workers_or_cuts(measured, monkeypatch):
    from dynamics.runner import planning

    monkeypatch.setattr(planning, "stack_size", lambda setting, device: 2)
    other = run_study(tiny(workers="2"))
    for name, values in measured.scores.items():
        assert np.array_equal(other.scores[name], values, equal_nan=True)
    for name, values in measured.curves.items():
        assert np.array_equal(other.curves[name], values)
    assert np.array_equal(other.samples, measured.samples)


METHODS = [
    {},
    {"penalty": "gp"},
    {"update": "lookahead", "ema": 0.9},
    {"penalty": "spectral+label_smoothing", "update": "extragradient"},
    {"norm": "batch", "activation": "silu", "train": "both"},
]


@pytest.mark.parametrize("method", METHODS)
def test_every_score_of_every_method_is_the_same_for_any_cut_workers_and_seeds(method, monkeypatch):
    """Three seeds in one stack; each alone, by two workers; and with two more. Sizes that fill no vector register."""
    from dynamics.runner import planning

    setting = Setting(mode="ring_8", d_steps=1, hidden=16, batch_size=13, **method)
    how = {"steps": 10, "snapshots": 1, "frames": 1, "scores": "critic,slopes,lipschitz"}
    one, more = (run_study(resolve(Study("n", "q", (setting,), seeds=k, workers="1", **how))) for k in (3, 5))
    monkeypatch.setattr(planning, "stack_size", lambda setting, device: 1)
    alone = run_study(resolve(Study("n", "q", (setting,), seeds=3, workers="2", **how)))
    for other in (alone, more):
        for kind in ("scores", "curves", "measures"):
            for name, values in getattr(one, kind).items():
                assert np.array_equal(getattr(other, kind)[name][:3], values, equal_nan=True), name
        assert np.array_equal(other.samples[:3], one.samples)
        assert other.verdicts[:3] == one.verdicts


def test_arrays_have_the_stated_shapes(measured):
    assert measured.curves["d_loss"].shape == (6, 12)
    assert measured.scores["jsd"].shape == (6, 5)
    assert measured.samples.shape == (6, 4, 2048, 2)
    assert list(measured.frame_steps[0]) == [0, 4, 8, 12]
    assert measured.of_setting(1) == [3, 4, 5]


def test_a_run_read_back_is_the_run(measured, tmp_path):
    folder = RunFolder.create(tmp_path / "run")
    save(measured, folder)
    folder.write_json("run.json", manifest(measured, status="done"))
    back = load(folder)
    assert back.study == measured.study
    assert back.members == measured.members
    for one, other in zip(back.verdicts, measured.verdicts, strict=True):
        assert (one.word, one.detail, one.diverged_at) == (other.word, other.detail, other.diverged_at)
    assert back.events == measured.events
    pairs = ((back.scores, measured.scores), (back.curves, measured.curves), (back.measures, measured.measures))
    for one, other in pairs:
        assert all(np.array_equal(one[name], other[name], equal_nan=True) for name in other)
    assert np.array_equal(back.samples, measured.samples)
    for name in ("curve_steps", "snapshot_steps", "frame_steps", "seconds"):
        assert np.array_equal(getattr(back, name), getattr(measured, name)), name
    for name, pair in measured.null[0].items():
        assert back.null[0][name] == pytest.approx(pair, nan_ok=True)


def test_tables_agree_with_the_arrays(measured, tmp_path):
    folder = RunFolder.create(tmp_path / "run")
    save(measured, folder)
    write_tables(measured, folder)
    with open(tmp_path / "run" / "summary.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["setting"], int(r["seed"])) for r in rows] == [
        (f"mixture_4-std0.2-d{d}", seed) for d in (1, 2) for seed in range(3)
    ]
    assert [float(r["jsd"]) for r in rows] == list(measured.scores["jsd"][:, -1])
    with open(tmp_path / "run" / "comparison.csv", newline="") as file:
        first = next(csv.DictReader(file))
    spread = measured.scores["spread"][:3, -1]
    low, high = stats.t.interval(0.95, 2, spread.mean(), stats.sem(spread))
    cut = [spread.mean(), max(low, 0.0), high]  # a spread is not negative
    assert [float(first[f"spread_{k}"]) for k in ("mean", "low", "high")] == pytest.approx(cut)
    assert int(first["spread_n"]) == 3


def test_equal_results_give_equal_bytes(measured, tmp_path):
    for name in "ab":
        folder = RunFolder.create(tmp_path / name)
        save(measured, folder)
        write_tables(measured, folder)
    for file in ("summary.csv", "comparison.csv", "differences.csv", "events.csv", "history.npz", "frames.npz"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_a_failed_stack_costs_its_members_alone(monkeypatch, tmp_path):
    from dynamics.runner import tasks

    real = tasks.train_stack

    def broken(settings, *args, **how):
        if settings[0].d_steps == 2:
            raise RuntimeError("out of luck")
        return real(settings, *args, **how)

    monkeypatch.setattr(tasks, "train_stack", broken)
    results = run_study(tiny())
    assert results.words[3:] == ["failed"] * 3
    assert "failed" not in results.words[:3]
    assert "out of luck" in results.failures[0]["error"]
    rows = comparison_rows(results)
    assert rows[1]["jsd_n"] == 0
    save(results, RunFolder.create(tmp_path / "run"))
    assert np.isfinite(results.seconds[0])
    assert np.isnan(results.seconds[1])


def test_divergence_is_a_result_with_a_step():
    calm = Setting(mode="gaussian", optimizer="sgd", loss="lsgan", **TINY)
    wild = Setting(mode="gaussian", optimizer="sgd", loss="lsgan", lr=1e6, **TINY)
    results = run_study(resolve(Study("n", "q", (calm, wild), steps=30, seeds=2, snapshots=3, workers="1")))
    assert results.words[2:] == ["diverged"] * 2
    assert all(v.diverged_at is not None and v.diverged_at <= 30 for v in results.verdicts[2:])
    assert "diverged" not in results.words[:2]
    assert np.isnan(summary_rows(results)[2]["jsd"])
    share = results.share("diverged", 1)
    assert (share.value, share.high) == (1.0, 1.0)


def test_names_tell_settings_apart():
    settings = [Setting(std=0.2, lr=lr, loss=loss) for lr in (1e-3, 1e-4) for loss in ("hinge", "lsgan")]
    assert setting_names(settings)[0] == "gaussian-std0.2-d2-losshinge-lr0.001"
    assert len(set(setting_names(settings))) == len(set(setting_labels(settings))) == 4
    assert setting_labels([Setting(std=0.2)]) == [("gaussian · std 0.2", "2 D steps")]


def test_a_label_names_no_option_without_effect():
    one = Setting(std=0.2, unroll=1)
    unrolled = [dataclasses.replace(one, update="unrolled", unroll=k) for k in (1, 5)]
    words = ["update alternating", "update unrolled · unroll 1", "update unrolled · unroll 5"]
    assert [label for _, label in setting_labels([one, *unrolled])] == [f"2 D steps · {word}" for word in words]
    # where nothing else tells two settings apart, as in runs of before, it is named
    twins = [one, dataclasses.replace(one, unroll=5)]
    assert [label for _, label in setting_labels(twins)] == ["2 D steps · unroll 1", "2 D steps · unroll 5"]


def test_players_of_another_mode_are_mentioned(tmp_path):
    study = Study("n", "q", (Setting(mode="gaussian", **TINY),), from_run=str(tmp_path / "run"))
    folder = RunFolder.create(tmp_path / "run")
    folder.write_json("run.json", manifest(resolve(Study("n", "q", (Setting(mode="mixture_4", **TINY),)))))
    (words,) = beginning_notes(study)
    assert words == f"--from {tmp_path / 'run'}: its players were trained on mixture_4, not on gaussian"
    same = Study("n", "q", (Setting(mode="mixture_4", **TINY),), from_run=study.from_run)
    assert beginning_notes(same) == beginning_notes(dataclasses.replace(same, from_run=None)) == []


def test_names_that_would_be_too_long_are_cut_and_stay_apart():
    several = {"lr_g": 0.00123, "lr_d": 0.00456, "momentum": 0.123456, "beta1": 0.123456, "beta2": 0.123456}
    several |= {"alpha_d": 0.123456, "alpha_g": 0.123456, "lookahead_alpha": 0.12345, "slope": 0.1234, "ema": 0.123456}
    many = [
        dataclasses.replace(Setting(), **several, hidden=h, hidden_d=9, layers_d=3, batch_size=9) for h in (7, 8, 9)
    ]
    names = setting_names([Setting(), *many])
    assert names[0] == "gaussian-stddefault-d2"
    assert len(set(names)) == 4
    assert max(len(name) for name in names) == 189
    assert names == setting_names([Setting(), *many])
    parts = setting_names([Setting(), Setting(penalty="gp:0.1+spectral"), Setting(penalty="gp:\t1e-3")])
    assert parts[1:] == ["gaussian-stddefault-d2-penaltygp=0.1+spectral", "gaussian-stddefault-d2-penaltygp=_1e-3"]


# --- intervals -------------------------------------------------------------------------------------------------------


def test_mean_interval_is_students():
    values = np.array([1.0, 4, 2, 8, np.nan, 5])
    e = mean_interval(values)
    known = values[np.isfinite(values)]
    assert (e.low, e.high) == pytest.approx(stats.t.interval(0.95, 4, known.mean(), stats.sem(known)))
    assert (e.value, e.n) == (4.0, 5)
    one = mean_interval(np.array([3.0]))
    assert one.value == 3
    assert np.isnan(one.low)
    assert mean_interval(np.array([np.nan])).n == 0


@pytest.mark.parametrize(("count", "n"), [(0, 8), (1, 8), (5, 8), (8, 8), (37, 100)])
def test_share_interval_is_wilsons(count, n):
    e = share_interval(count, n)
    expected = stats.binomtest(count, n).proportion_ci(0.95, method="wilson")
    assert (e.low, e.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


# --- the folder ------------------------------------------------------------------------------------------------------


def write_half(path):
    with atomic(path) as temporary:
        temporary.write_text("ne", encoding="ascii")
        temporary.write_text("né", encoding="ascii")


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_half(path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    with atomic(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_folders_with_contents_are_kept(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(FolderInUse, match="--force"):
        RunFolder.create(tmp_path)
    folder = RunFolder.create(tmp_path, force=True)
    folder.write_text("x/made.txt", "by a run")
    folder.write_json("run.json", {"files": [*folder.files(), "../outside.txt"][1:]})
    (tmp_path.parent / "outside.txt").write_text("not ours")
    RunFolder.create(tmp_path, force=True)
    assert (tmp_path / "mine.txt").read_text() == "precious"
    assert not (tmp_path / "x").exists()
    assert (tmp_path.parent / "outside.txt").exists()


def test_json_is_strict(tmp_path):
    folder = RunFolder(tmp_path)
    folder.write_json("a.json", {"x": [np.float64("nan"), float("inf"), 1.5, np.int64(3)]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": [None, None, 1.5, 3]}


def test_what_is_no_run_is_said_to_be_none(tmp_path):
    with pytest.raises(NotARun, match="no run"):
        load(RunFolder(tmp_path))
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(NotARun, match=r"run\.json"):
        load(RunFolder(tmp_path))
    (tmp_path / "run.json").write_text('{"format": 99}')
    with pytest.raises(NotARun, match="format 99"):
        load(RunFolder(tmp_path))


def test_a_std_that_a_mode_does_not_take_is_the_users_mistake():
    with pytest.raises(OptionError, match="--std: std of spiral must be at least"):
        resolve(Study("n", "q", (Setting(mode="spiral", std=0.01),)))


# --- cells -----------------------------------------------------------------------------------------------------------

ACTIVE = ("=cmd()", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''@x", "-")
PLAIN = ("", "a=b", "'", "'a", "−1", "1 = 1", "é", "a,b", 'say "x"', "two\nlines", "a\r\nb")


def test_no_cell_becomes_a_formula_and_texts_are_read_back(tmp_path):
    folder = RunFolder.create(tmp_path / "run")
    texts = [*ACTIVE, *PLAIN]
    folder.write_csv("t.csv", [{"text": text, "number": -1.5, "whole": -3, "np": np.float64(-2.0)} for text in texts])
    with open(tmp_path / "run" / "t.csv", newline="", encoding="utf-8") as file:
        cells = list(csv.DictReader(file))
    for text, row in zip(texts, cells, strict=True):
        assert row["text"] == (f"'{text}" if text in ACTIVE else text)
        assert (row["number"], row["whole"], row["np"]) == ("-1.5", "-3", "-2.0")  # numbers stay such
    assert [row["text"] for row in folder.read_csv("t.csv")] == texts


def test_words_that_are_no_text_become_escapes(tmp_path):
    """As in a file's name that was not UTF-8, which the command of run.json has."""
    folder = RunFolder.create(tmp_path / "run")
    folder.write_json("a.json", {"command": "--mode \udcff.csv"})
    folder.write_text("a.md", "\udcff.csv")
    folder.write_csv("a.csv", [{"mode": "\udcff.csv"}])
    assert folder.read_json("a.json") == {"command": "--mode \\udcff.csv"}
    assert (tmp_path / "run" / "a.md").read_text() == "\\udcff.csv"
    assert folder.read_csv("a.csv") == [{"mode": "\\udcff.csv"}]


# --- what is known here and elsewhere --------------------------------------------------------------------------------


def test_what_load_takes_for_a_verdict_is_one_or_the_word_for_none():
    assert (*VERDICTS, "failed") == results_module.WORDS


def test_every_score_swing_and_share_has_a_range_that_its_values_keep(measured):
    names = [*measured.scores, *measured.swings, *VERDICTS]
    assert set(SCORES) == {*names, *(name for group in GROUPS.values() for name in group.scores)}
    for name in SCORES:
        assert measured.range(name, 0).least <= measured.range(name, 0).most
    assert measured.range("modes_covered", 0) == measured.range("ema_modes_hit", 0) == (0, 4)
    assert measured.range("reverse_kl", 0) == (0, pytest.approx(np.log(4)))
    rare = dataclasses.replace(measured, rarest=[0.01, None], modes=[4, None])
    assert rare.range("reverse_kl", 0) == (0, pytest.approx(np.log(100)))  # all mass on the rarest
    assert rare.range("reverse_kl", 1) == (0, np.inf)
    for name in names:
        values, (least, most) = measured.last(name), measured.range(name, 0)
        assert (np.isnan(values) | ((values >= least) & (values <= most))).all(), name


@pytest.mark.parametrize("count", [8, 9, 25])
def test_no_course_of_jsd_swings_more_than_its_range(count):
    """Values at either end in turns, in blocks, at random: none is further about its trend."""
    most, rng = swing_range("jsd").most, np.random.default_rng(0)
    steps = np.arange(2 * count)[None] + 1
    courses = [np.arange(2 * count) // block % 2 for block in range(1, count)]
    courses += list(rng.integers(2, size=(200, 2 * count)))
    swings = [swing(np.log(2) * course[None].astype(float), steps)[0] for course in courses]
    assert max(swings) <= most
    if count == 8:
        assert max(swings) > 0.97 * most


@pytest.mark.parametrize("loss", LOSSES)
def test_the_range_of_gs_loss_against_the_best_d(loss, measured):
    """Whatever the two densities are, their log ratio is a number: over all of them G's loss has these ends."""
    for alpha_g in (1.0, 0.5, 3.0):
        setting = Setting(loss=loss, alpha_g=alpha_g)
        made = make_loss([setting])
        study = dataclasses.replace(measured.study, settings=(setting,))
        least, most = dataclasses.replace(measured, study=study).range("g_loss_optimal", 0)
        if made.optimal_logit is None:
            assert (least, most) == (-np.inf, np.inf)  # there is no best D
            continue
        ratio = torch.linspace(-700, 700, 14001, dtype=torch.float64)[:, None]
        losses = torch.stack([made.generator(made.optimal_logit(r[None])) for r in ratio]).numpy()
        assert losses.min() >= least - 1e-12
        assert losses.max() <= most + 1e-12
        for end, reached in ((least, losses.min()), (most, losses.max())):
            assert reached == pytest.approx(end, abs=1e-3) if np.isfinite(end) else abs(reached) > 100


def test_intervals_stay_in_the_ranges_everywhere(measured):
    """Seeds that differ much: Student's interval of nearly every score leaves its range."""
    rng, changed = np.random.default_rng(0), {}
    for name, values in measured.scores.items():
        least, most = measured.range(name, 0)
        ends = least, most if np.isfinite(most) else 1.0
        changed[name] = np.where(rng.random(values.shape) < 0.5, *ends)
        changed[name][:3, -1], changed[name][3:, -1] = [ends[0], ends[0], ends[1]], [ends[1], ends[1], ends[0]]
    extreme = dataclasses.replace(measured, scores=changed, verdicts=list(map(Verdict, ["collapsed", "diverged"] * 3)))
    cut = 0
    for index, row in enumerate(comparison_rows(extreme)):
        for name in changed:
            least, most = extreme.range(name, index)
            assert least <= row[f"{name}_low"] <= row[f"{name}_mean"] <= row[f"{name}_high"] <= most
            low, high = stats.t.interval(0.95, 2, row[f"{name}_mean"], stats.sem(extreme.final(name, index)))
            cut += low < least or high > most
            assert (row[f"{name}_low"], row[f"{name}_high"]) == pytest.approx((max(low, least), min(high, most)))
    assert cut == 2 * len(changed)
    kinds = {"modes_covered": 4, "high_quality": 1, "jsd": np.log(2), "collapsed": 1, "diverged": 1}
    bounds = {row["score"]: row for row in difference_rows(extreme)}
    assert set(bounds) == set(kinds)
    for name, size in kinds.items():
        assert -size <= bounds[name]["low"] <= bounds[name]["difference"] <= bounds[name]["high"] <= size
    assert bounds["jsd"]["high"] == np.log(2)
    drawn = next(p for p in plan_pictures(extreme, Look()) if p.path == "comparison.png").arguments["scores"]
    most = {"modes covered": 4, "high quality": 1, "JSD": np.log(2)}
    assert [shown.name for shown in drawn] == list(most)
    for shown in drawn:
        assert min(shown.low.values()) == 0
        assert max(shown.high.values()) == most[shown.name]
    for table in (text_table(extreme), tex_table(extreme)):
        intervals = re.findall(r"\[([^],]*), ([^]]*)\]", table)
        assert len(intervals) == 2 * len(most)
        for (low, high), end in zip(intervals, 2 * list(most.values()), strict=True):
            assert 0 <= float(low) < float(high) <= round(end, 3)
    text = " ".join(words for _, words in observations(extreme))
    intervals = [
        tuple(map(float, ends)) for ends in re.findall(r"\[(-?[0-9.]+), (-?[0-9.]+)\]", text.replace("−", "-"))
    ]
    assert len(intervals) > 10
    assert max(abs(end) for ends in intervals for end in ends) <= 4


def test_equal_results_in_another_order_of_seeds_are_equal(measured):
    """21 seeds, where p is drawn, in two orders: every table but the members' own is the same to the bit."""
    rng, count = np.random.default_rng(0), 21
    study = dataclasses.replace(measured.study, seeds=count)
    members = [Member(i, seed) for i in range(2) for seed in range(count)]
    scores = {name: rng.random((2 * count, 5)) ** 3 for name in measured.scores}
    arrays = {"curves": {}, "measures": {}, "samples": np.zeros((2 * count, 4, 1, 2), np.float16)}
    words = [Verdict(word) for word in rng.choice(["collapsed", "lost", "converged", "diverged"], 2 * count).tolist()]
    one = dataclasses.replace(measured, study=study, members=members, scores=scores, verdicts=words, **arrays)
    order = np.concatenate([rng.permutation(count), count + rng.permutation(count)])
    other = dataclasses.replace(
        one,
        members=[members[m] for m in order],
        scores={name: values[order] for name, values in scores.items()},
        verdicts=[words[m] for m in order],
    )
    assert repr(comparison_rows(other)) == repr(comparison_rows(one))
    rows = difference_rows(one)
    assert {row["score"] for row in rows} == {"modes_covered", "high_quality", "jsd", "collapsed", "diverged", "lost"}
    assert repr(difference_rows(other)) == repr(rows)
    assert all(row["p_corrected"] >= row["p"] for row in rows)
    assert [other.members[m].seed for m in other.of_setting(1)] == list(range(count))


def test_shares_are_of_all_seeds_and_sum_to_one(measured):
    words = ["collapsed", "diverged", "lost", "failed", "diverged", "still learning"]
    of = dataclasses.replace(measured, verdicts=list(map(Verdict, words)))
    names = [word.replace(" ", "_") for word in VERDICTS]
    for index, row in enumerate(comparison_rows(of)):
        assert sum(row[f"{name}_share"] for name in names) == pytest.approx(1)
        assert row["verdicts_n"] == (3, 2)[index]  # a failed seed has no verdict
    first = comparison_rows(of)[0]
    assert [first[f"{name}_share"] for name in names] == pytest.approx([0, 1 / 3, 0, 1 / 3, 1 / 3, 0])
    assert (first["diverged_low"], first["diverged_high"]) == share_interval(1, 3)[1:3]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"latent_dim": 3, "hidden": 5, "layers": 3, "hidden_d": 7, "layers_d": 1},
        {"activation": "maxout", "pieces": 3, "layers": 2},
        {"activation_d": "maxout", "activation": "tanh", "pieces": 2},
        {"packing": 2, "batch_size": 8, "minibatch_std": 1},
        {"norm": "batch", "penalty": "spectral"},
    ],
)
def test_sizes_of_networks_are_theirs(changes):
    setting = Setting(**({"hidden": 6} | changes))
    z = torch.zeros(1, 8, setting.latent_dim)
    assert parameters(setting) == tuple(network.plain(z).width for network in make_pair([setting], [0]))


@pytest.mark.parametrize("how", [{"steps": 12}, {"steps": 501, "frames": 0}, {"steps": 3}, {"budget": "updates"}])
def test_numbers_of_looks_are_the_budget_s(how, tmp_path):
    """`load` checks lengths that it has from a rule: here against the steps themselves."""
    study = tiny(**({"seeds": 1} | how))
    folder = RunFolder.create(tmp_path / "run")
    results = run_study(study) if study.steps < 20 else empty(study)
    save(results, folder)
    folder.write_json("run.json", manifest(results))
    back = load(folder)
    for name, of in (("curve_steps", curve_steps), ("snapshot_steps", snapshot_steps), ("frame_steps", frame_steps)):
        assert getattr(back, name).tolist() == [list(steps) for steps in of(study)]


def empty(study):
    """The results of a study whose members all failed: NaN throughout."""
    from dynamics.runner.gathering import empty_results, judge_members

    members, _ = plan(study)
    results = empty_results(study, members)
    results.failures = [{"members": list(range(len(members))), "error": "x"}]
    results.seconds = [np.nan] * len(study.settings)
    judge_members(results)
    return results


# --- users' files ----------------------------------------------------------------------------------------------------

POINTS = "x,y\n" + "".join(f"{k % 7},{k % 5}\n" for k in range(40))


def of_points(path, **how):
    settings = tuple(Setting(mode=str(path), d_steps=d, hidden=4, batch_size=8) for d in (1, 2))
    how = {"steps": 3, "seeds": 2, "snapshots": 2, "frames": 1, "workers": "1"} | how
    return resolve(Study("points", "q?", settings, **how))


def carried_out(study, path):
    """As a run is: the study with the folder's copies, the results, the folder."""
    folder = RunFolder.create(path)
    study = keep_targets(study, folder)
    results = run_study(study)
    save(results, folder)
    write_tables(results, folder)
    folder.write_json("run.json", manifest(results, files=folder.made()))
    return results, folder


@pytest.fixture
def quick(monkeypatch):
    """A perfect generator's scores are not what these tests are of, and take seconds for every file."""
    monkeypatch.setattr(
        "dynamics.runner.gathering.null_scores",
        lambda target, groups: dict.fromkeys(score_names(groups), (1.0, 0.1)),
    )


def same_results(some, others):
    return all(np.array_equal(some.scores[name], others.scores[name], equal_nan=True) for name in some.scores)


def test_a_run_needs_nothing_but_its_folder(tmp_path, monkeypatch, quick):
    monkeypatch.chdir(tmp_path)
    original = tmp_path / "elsewhere" / "my points, new.csv"
    original.parent.mkdir()
    original.write_text(POINTS)
    asked = of_points("elsewhere/my points, new.csv")
    results, folder = carried_out(asked, "runs/a")
    assert (tmp_path / "runs/a/targets/my points, new.csv").read_text() == POINTS
    # shown as ever
    assert results.names == setting_names(asked.settings)
    assert results.names[0].startswith("my_points__new.csv-std")
    assert results.labels == setting_labels(asked.settings)
    assert results.labels[0][0].startswith("my points, new.csv · std ")
    # stored by its place in the folder, and no path of this machine anywhere
    run = folder.read_json("run.json")
    assert [s["mode"] for s in run["settings"]] == ["targets/my points, new.csv"] * 2
    for table in ("summary.csv", "comparison.csv"):
        assert {row["mode"] for row in folder.read_csv(table)} == {"targets/my points, new.csv"}
    for name in folder.files():
        if not name.endswith(".npz"):
            assert str(tmp_path) not in (folder.path / name).read_text()
    assert run["files"] == folder.files()
    # without the original, from elsewhere, and moved
    shutil.rmtree(original.parent)
    monkeypatch.chdir("/")
    back = load(RunFolder.open(tmp_path / "runs" / "a"))
    assert back.study == results.study
    assert (back.names, back.labels, back.targets) == (results.names, results.labels, results.targets)
    assert same_results(back, results)
    assert study_of(RunFolder(tmp_path / "runs" / "a"), run) == results.study
    (tmp_path / "runs" / "a").rename(tmp_path / "moved")
    moved = load(RunFolder.open(tmp_path / "moved"))
    assert str(tmp_path / "moved") in moved.study.settings[0].mode
    assert plan_pictures(moved, Look())
    assert same_results(run_study(moved.study), results)  # trained again from the copy: the same


def test_a_target_is_kept_once_and_by_nobody_else_s_name(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    for place in "ab":
        (tmp_path / place / "points.csv").write_text(POINTS)
    study = of_points(tmp_path / "a" / "points.csv")
    folder = RunFolder.create(tmp_path / "run")
    kept = keep_targets(study, folder)
    (copy,) = (folder.path / "targets").iterdir()
    stamp = copy.stat()
    assert keep_targets(kept, folder) == kept == keep_targets(study, folder)
    assert keep_targets(of_points(tmp_path / "b" / "points.csv"), folder) == kept  # the same file
    assert (copy.stat().st_mtime_ns, copy.stat().st_ino) == (stamp.st_mtime_ns, stamp.st_ino)
    (tmp_path / "b" / "points.csv").write_text(POINTS + "6,6\n")
    with pytest.raises(OSError, match="another file is there already"):
        keep_targets(of_points(tmp_path / "b" / "points.csv"), folder)
    assert copy.read_text() == POINTS
    (tmp_path / "a" / "points.csv").unlink()
    with pytest.raises(OptionError, match="No such file"):
        keep_targets(study, RunFolder.create(tmp_path / "other"))
    assert not list((tmp_path / "other").rglob("*.csv"))


def test_two_files_that_some_system_would_call_alike(tmp_path):
    for place in ("a", "b"):
        (tmp_path / place).mkdir()

    def clash_of(*names):
        paths = [tmp_path / place / name for place, name in zip("ab", names, strict=True)]
        for path in paths:
            path.write_text(POINTS)
        settings = tuple(Setting(mode=str(path), std=0.1 * (k + 1)) for k, path in enumerate(paths))
        if clashing := clash(settings):
            with pytest.raises(OptionError, match="two files would both be called"):
                keep_targets(Study("s", "q", settings), RunFolder.create(tmp_path / "run", force=True))
        return clashing

    assert clash_of("points.csv", "points.csv") == "points.csv"
    assert clash_of("Points.csv", "points.csv") == "Points.csv"  # macOS, Windows
    assert clash_of("é.csv", "e\u0301.csv") == "é.csv"  # macOS
    assert clash_of("a.csv", "a.png") is None
    assert clash_of("a:.csv", "a?.csv") is None  # told apart by their digits
    (tmp_path / "a" / "a b.csv").write_text(POINTS)
    alike = (
        Setting(mode=str(tmp_path / "a" / "a b.csv"), std=0.1),
        Setting(mode=str(tmp_path / "b" / "a_b.csv"), std=0.1),
    )
    assert clash(alike) == "a_b.csv-std0.1-d2"
    assert clash([Setting(lr=lr) for lr in (0.1, 0.2)]) is None


def test_a_file_in_the_folder_that_is_replaced(tmp_path):
    (tmp_path / "run" / "targets").mkdir(parents=True)
    (tmp_path / "run" / "targets" / "points.csv").write_text(POINTS)
    (tmp_path / "link.csv").symlink_to("run/targets/points.csv")
    for mode in ("run/targets/points.csv", "link.csv"):
        study = Study("s", "q", (Setting(mode=str(tmp_path / mode)),))
        with pytest.raises(OptionError, match=r"lies in .*run, whose run is replaced"):
            check_targets(study, tmp_path / "run")
        check_targets(study, tmp_path / "runs")
    check_targets(Study("s", "q", (Setting(mode="mixture"),)), tmp_path)


def test_a_run_that_kept_no_copy_says_so(tmp_path, quick):
    """As those made before: in a line, and the file is not looked at even where it is."""
    (tmp_path / "points.csv").write_text(POINTS)
    _, folder = carried_out(of_points(tmp_path / "points.csv"), tmp_path / "run")
    run = folder.read_json("run.json")
    for path in (str(tmp_path / "points.csv"), "points.csv", "../points.csv", "targets/../../points.csv"):
        folder.write_json("run.json", {**run, "settings": [s | {"mode": path} for s in run["settings"]]})
        with pytest.raises(
            NotARun, match=r"run: its target \S*points\.csv is not in the run folder, .*; train it again$"
        ):
            load(folder)
    folder.write_json("run.json", run)
    (folder.path / "targets" / "points.csv").unlink()
    with pytest.raises(NotARun, match=r"run: the run has no targets/points\.csv, which it was trained on$"):
        load(folder)
    (folder.path / "targets" / "points.csv").symlink_to(tmp_path / "points.csv")
    with pytest.raises(NotARun, match="leads out of the run folder"):
        load(folder)


ODD = ["=cmd().csv", "CON.csv", "-x.csv", "é" * 120 + ".csv", "a:b.csv", "a?b.csv", "dots...csv", "end .csv", ".csv"]
ODD += ["нос.csv", "$x$.csv", "\x1b[31m.csv", "two\nlines.csv", "\udcff.csv", "@a.csv", "aux.b.csv", "~x.csv", "+1.csv"]


def test_odd_names_make_sound_runs(tmp_path, quick):
    """Through the folder and back: portable names, sheltered cells, and all of them in one study."""
    settings = []
    for number, name in enumerate(ODD):
        with open(os.fsencode(tmp_path / "x")[:-1] + os.fsencode(name), "w") as file:
            file.write(POINTS + f"{number},{number}\n")
        settings.append(Setting(mode=f"{tmp_path}/{name}", hidden=4, batch_size=8))
    study = resolve(Study("odd", "q?", tuple(settings), steps=2, snapshots=1, frames=0, workers="1"))
    folder = RunFolder.create(tmp_path / "run")
    kept = keep_targets(study, folder)
    assert setting_names(kept.settings) == setting_names(study.settings)
    assert setting_labels(kept.settings) == setting_labels(study.settings)
    names = setting_names(study.settings)
    copies = [path.name for path in (folder.path / "targets").iterdir()]
    assert len(set(names)) == len(copies) == len(ODD)
    for name in (*names, *copies):
        assert not set(name) & set('<>:"/\\|?*$\n\x1b')
        assert name[0] not in "-=+@.~ "
        assert name[-1] not in " ."
        assert len(name.encode()) <= 200
        assert name.partition(".")[0].upper() not in ("CON", "AUX")
    results = empty(kept)
    save(results, folder)
    write_tables(results, folder)
    folder.write_json("run.json", manifest(results, files=folder.made()))
    assert load(RunFolder.open(folder.path)).study == kept
    summary = (folder.path / "summary.csv").read_text()
    for row in itertools.islice(csv.reader(io.StringIO(summary)), 1, None):
        assert not [cell for cell in row if cell[:1] in tuple("=+@\t\r")]
        assert not [cell for cell in row if cell[:1] == "-" and not cell[1:2].isdigit()]


def test_runs_of_one_file_are_compared(tmp_path, quick):
    """Each has a copy of its own; the same contents are the same target, others of the name are not."""
    (tmp_path / "points.csv").write_text(POINTS)
    runs = []
    for place, lr in (("a", 0.01), ("b", 0.02)):
        study = of_points(tmp_path / "points.csv")
        settings = tuple(dataclasses.replace(s, lr=lr) for s in study.settings)
        runs.append(carried_out(dataclasses.replace(study, settings=settings), tmp_path / place)[0])
    assert len({s.mode for run in runs for s in run.study.settings}) == 2
    joint, *_ = join(same_targets(runs), ["a", "b"])
    assert {pair.option for pair in setting_pairs(joint.study.settings, joint.apart)} == {"d_steps", "lr"}
    assert same_results(same_targets(runs)[1], runs[1])
    (tmp_path / "b" / "targets" / "points.csv").write_text(POINTS + "1,1\n")
    with pytest.raises(NotARun, match=r"/b: its target points\.csv is another than that of \S*/a$"):
        same_targets(runs)
