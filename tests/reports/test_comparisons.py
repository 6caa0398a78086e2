"""Settings beside one another: pairs by seed, swings by closed forms, runs joined against one that holds them all."""

import csv
import dataclasses
import itertools

import numpy as np
import pytest

from dynamics import workflow
from dynamics.base.intervals import max_t
from dynamics.reports import comparisons
from dynamics.reports.comparisons import (
    Pair,
    comparison_rows,
    difference_rows,
    differences,
    setting_pairs,
    write_tables,
)
from dynamics.runner.joint import join
from dynamics.runner.resolving import resolve
from dynamics.runner.results import swing
from dynamics.runner.running import run_study
from dynamics.settings.catalogue.verdicts import Verdict
from dynamics.settings.option_fields import FIELDS
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study
from dynamics.store.folder import RunFolder

TINY = {"hidden": 4, "batch_size": 8}


def tiny(*d_steps, **how):
    settings = tuple(Setting(mode="mixture_4", d_steps=d, **TINY) for d in d_steps or (1, 2))
    asked = {"steps": 12, "seeds": 3, "snapshots": 4, "frames": 3, "workers": "1"} | how
    return resolve(Study("tiny", "q?", settings, **asked))


@pytest.fixture(scope="module")
def measured():
    return run_study(tiny())


# --- differences -----------------------------------------------------------------------------------------------------


def test_pairs_differ_in_one_option_and_share_the_mode():
    base = {"mode": "mixture_4"}
    settings = [
        Setting(**base, std=0.2, d_steps=5),
        Setting(**base, std=0.2, d_steps=1),
        Setting(**base, std=1.2, d_steps=1),
        Setting(**base, std=0.2, d_steps=2),
        Setting(**base, std=0.2, d_steps=1, lr=0.1),
        Setting(**base, std=0.2, d_steps=2, lr=0.2, loss="hinge"),
        Setting(mode="ring_8", std=0.2, d_steps=1),
    ]
    assert setting_pairs(settings) == [
        Pair(3, 1, "d_steps"),
        Pair(0, 1, "d_steps"),
        Pair(0, 3, "d_steps"),
        Pair(1, 2, "std"),
        Pair(1, 4, "lr"),
    ]
    for one, other, option in setting_pairs(settings[::-1]):  # the order of the study decides only where it must
        differ = [n for n in FIELDS[Setting] if getattr(settings[::-1][one], n) != getattr(settings[::-1][other], n)]
        assert differ == [option]
    assert len(setting_pairs(settings[::-1])) == 5
    assert setting_pairs(settings[:1]) == []


def test_differences_are_those_of_the_final_scores(measured):
    rows = difference_rows(measured)
    assert [row["score"] for row in rows] == ["modes_covered", "high_quality", "jsd", "collapsed"]  # too short to swing
    for row in rows:
        assert (row["setting"], row["against"]) == ("mixture_4-std0.2-d2", "mixture_4-std0.2-d1")
        final = measured.last(row["score"])  # members: 3 seeds of one D step, then 3 of two
        assert row["difference"] == pytest.approx(np.mean(final[3:] - final[:3]))
        assert row["n"] == 3
        assert row["p"] in (0.25, 0.5, 0.75, 1.0)  # quarters of the patterns of 3 signs
    by_seed = [measured.last(row["score"])[3:] - measured.last(row["score"])[:3] for row in rows]
    assert [row["p_corrected"] for row in rows] == list(max_t(np.array(by_seed)))


def test_an_option_counts_between_two_settings_where_it_has_an_effect_in_both():
    """Without a penalty its weight is nothing: that setting is a pair with each weight, and these are one another's."""
    none, light, heavy = (
        Setting(penalty=penalty, penalty_weight=weight)
        for penalty, weight in (("none", 1.0), ("gp", 1.0), ("gp", 10.0))
    )
    pairs = [(none, light, "penalty"), (none, heavy, "penalty"), (light, heavy, "penalty_weight")]
    for settings in itertools.permutations([none, light, heavy]):
        made = {(frozenset((settings[p.first], settings[p.second])), p.option) for p in setting_pairs(settings)}
        assert made == {(frozenset((one, other)), option) for one, other, option in pairs}
        assert len(setting_pairs(settings)) == 3
    adam, slow, sgd = Setting(beta1=0.9), Setting(beta1=0.5), Setting(optimizer="sgd", beta1=0.5)
    assert {pair.option for pair in setting_pairs([adam, slow, sgd])} == {"beta1", "optimizer"}
    both = Setting(optimizer="sgd", beta1=0.5, lr=0.1)  # and two options that count are one too many
    assert setting_pairs([adam, both]) == []


def test_differences_pair_by_seed_not_by_place(measured):
    order = [0, 1, 2, 5, 3, 4]
    shuffled = dataclasses.replace(
        measured,
        members=[measured.members[m] for m in order],
        **{of: {n: v[order] for n, v in getattr(measured, of).items()} for of in ("scores", "curves")},
        verdicts=[measured.verdicts[m] for m in order],
    )
    assert difference_rows(shuffled) == difference_rows(measured)
    parts = {of: {n: v[1:] for n, v in getattr(measured, of).items()} for of in ("scores", "curves")}
    parts |= {of: getattr(measured, of)[1:] for of in ("members", "verdicts")}
    fewer = difference_rows(dataclasses.replace(measured, **parts))
    jsd = measured.scores["jsd"][:, -1]
    assert [row["n"] for row in fewer] == [2, 2, 2, 2]  # the seed that one setting lacks is not paired
    assert fewer[2]["difference"] == pytest.approx(np.mean(jsd[4:] - jsd[1:3]))


def test_differences_are_written(measured, tmp_path):
    write_tables(measured, RunFolder.create(tmp_path / "run"))
    with open(tmp_path / "run" / "differences.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for row, made in zip(rows, difference_rows(measured), strict=True):
        assert {name: type(made[name])(row[name]) for name in made} == made
    alone = run_study(dataclasses.replace(measured.study, settings=measured.study.settings[:1]))
    write_tables(alone, RunFolder.create(tmp_path / "alone"))
    assert (tmp_path / "alone" / "differences.csv").read_text() == ",".join(rows[0]) + "\n"


def test_shares_of_rare_verdicts_are_compared_where_a_seed_has_them(measured):
    words = ["converged", "diverged", "lost", "converged", "diverged", "collapsed"]
    compared = {c.score: c for c in differences(dataclasses.replace(measured, verdicts=list(map(Verdict, words))))}
    assert [compared[n].difference.value for n in ("collapsed", "diverged", "lost")] == pytest.approx(
        [1 / 3, 0, -1 / 3]
    )
    assert compared["lost"].difference.n == 3
    assert {c.score for c in differences(measured)} & {"diverged", "lost"} == set(measured.words) & {
        "diverged",
        "lost",
    }


def test_collapse_is_compared_as_a_share(measured):
    words = ["collapsed", "collapsed", "failed", "converged", "collapsed", "converged"]
    compared = differences(dataclasses.replace(measured, verdicts=list(map(Verdict, words))))
    (collapse,) = (c for c in compared if c.score == "collapsed")
    assert collapse.means == (0.5, 1.0)  # of two and of one D step, over the seeds that neither failed
    assert (collapse.difference.value, collapse.difference.n) == (-0.5, 2)
    assert collapse.difference.low >= -1


# --- swings ----------------------------------------------------------------------------------------------------------


def test_a_swing_is_the_standard_deviation_about_a_straight_trend():
    steps = np.arange(0, 2001, 10)[None]
    x = steps / 2000
    trend = 3 - 7 * x  # no swing, however steep
    wave = 0.4 * np.sin(2 * np.pi * 10 * x)  # five whole waves in the last half: 0.4 / sqrt(2)
    early = np.where(x < 0.5, 1e6 * np.cos(50 * x), 0)  # the first half does not matter
    assert swing(trend, steps) == pytest.approx(0, abs=1e-12)
    assert swing(trend + wave + early, steps) == pytest.approx(0.4 / np.sqrt(2), rel=0.03)
    assert swing(1e200 * (trend + wave), steps) == pytest.approx(1e200 * swing(trend + wave, steps))
    noise = np.random.default_rng(0).normal(0, 0.3, (2000, 21))
    times = np.broadcast_to(np.arange(21), noise.shape)
    assert np.mean(swing(noise, times) ** 2) == pytest.approx(0.09, rel=0.05)  # unbiased, for ten points too


def test_no_swing_is_told_of_few_points_or_of_what_is_not_finite():
    steps = np.arange(17)[None]
    values = np.zeros((1, 17))
    assert swing(values, steps) == 0  # eight points are after the middle
    assert np.isnan(swing(values[:, 2:], steps[:, 2:] - 2))
    values[0, -3] = np.inf
    assert np.isnan(swing(values, steps))


def test_a_runs_table_and_its_sentences_are_of_one_computation(tmp_path, monkeypatch):
    """And what was handed on says what the results alone say, byte for byte."""
    corrected = []
    monkeypatch.setattr(comparisons, "max_t", lambda d: corrected.append(d) or max_t(d))
    for seed in (0, 3):
        workflow.run(tiny(seed=seed), tmp_path / str(seed), look=None)
    assert len(corrected) == 2
    monkeypatch.setattr(workflow, "usable_cores", lambda: 1)
    workflow.joint_report([tmp_path / "0", tmp_path / "3"], tmp_path / "both")
    assert len(corrected) == 3
    before = {name: (tmp_path / "0" / name).read_bytes() for name in ("differences.csv", "report.md", "report.html")}
    write_tables(workflow.load(tmp_path / "0"), RunFolder(tmp_path / "0"))
    workflow.rewrite_report(tmp_path / "0")  # nobody else needs them here
    assert len(corrected) == 5
    assert {name: (tmp_path / "0" / name).read_bytes() for name in before} == before
    assert b"\nmixture_4-std0.2-d2," in before["differences.csv"]
    assert b"What --d-steps changes" in before["report.md"]


# --- several runs ----------------------------------------------------------------------------------------------------


def test_runs_joined_are_the_run_that_holds_them_all(measured):
    parts = [run_study(tiny(d)) for d in (1, 2)]
    joint, sources, places = join(parts, ["one", "two"])
    assert joint.apart == [{}, {}]
    assert (joint.names, joint.labels) == (measured.names, measured.labels)
    for row, whole in zip(comparison_rows(joint), comparison_rows(measured), strict=True):
        assert {k: repr(v) for k, v in row.items()} == {k: repr(v) for k, v in whole.items()}  # NaN is NaN
    assert difference_rows(joint) == difference_rows(measured)
    assert [(run is parts[m // 3], place) for m, (run, place) in enumerate(sources)] == [
        (True, m % 3) for m in range(6)
    ]
    assert places == [[0], [1]]
    assert joint.events == measured.events
    assert np.array_equal(joint.samples[:, -1], measured.samples[:, -1])


def test_what_tells_joined_runs_apart_is_named():
    short, long = run_study(tiny(1)), run_study(tiny(1, steps=16))
    joint, *_ = join([short, long], ["a", "b"])
    assert [column for _, column in joint.labels] == ["1 D step · 12 steps", "1 D step · 16 steps"]
    assert {c.pair for c in differences(joint)} == {Pair(0, 1, "budget")}
    assert len(set(joint.names)) == 2
    seldom = run_study(tiny(1, snapshots=2))  # the same training, looked at at other steps: swings and verdicts differ
    apart, *_ = join([short, seldom], ["a", "b"])
    assert apart.apart == [{"run": "a"}, {"run": "b"}]
    assert [(c.pair.option, c.difference.value) for c in differences(apart)][:3] == [("run", 0.0)] * 3
    later, *_ = join([short, run_study(tiny(1, snapshots=2, seed=3))], ["a", "b"])  # other seeds: nothing is paired
    assert {c.shared for c in differences(later)} == {0}
    updates, *_ = join([short, run_study(tiny(1, 2, budget="updates"))], ["a", "b"])
    assert [next(iter(apart.values())) for apart in updates.apart] == ["12 steps", "24 updates", "24 updates"]
    with pytest.raises(ValueError, match="no runs"):
        join([], [])
