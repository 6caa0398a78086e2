"""Runs of one setting with other seeds are one run of all: the same tables to the byte, each seed once."""

import dataclasses
import itertools

import numpy as np
import pytest

from dynamics.base.files import NotARun
from dynamics.pictures.picture_plan import plan, plan_joint
from dynamics.reports.comparisons import write_tables
from dynamics.reports.observations import observe
from dynamics.reports.tables import rows_of, tex_table, text_table
from dynamics.runner.joint import join
from dynamics.runner.loading import load
from dynamics.runner.member_rows import event_rows
from dynamics.runner.resolving import resolve
from dynamics.runner.running import run_study
from dynamics.settings.catalogue.verdicts import Verdict
from dynamics.settings.look import Look
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study
from dynamics.store.folder import RunFolder
from dynamics.workflow import joint_report, run

TINY = {"mode": "mixture_4", "std": 1.2, "hidden": 4, "batch_size": 8}
TABLES = ("comparison.csv", "differences.csv", "comparison.tex")


def tiny(seed, seeds, *d_steps, **how):
    settings = tuple(Setting(d_steps=d, **TINY) for d in d_steps or (1, 2))
    asked = {"steps": 32, "snapshots": 16, "frames": 2, "workers": "1", "scores": "transport"} | how
    return resolve(Study("tiny", "q?", settings, seed=seed, seeds=seeds, **asked))


def trained(*how, **more):
    return run_study(tiny(*how, **more))


def tables(results, path):
    folder = RunFolder.create(path)
    write_tables(results, folder)
    folder.write_text("comparison.tex", tex_table(results))
    return [(path / name).read_bytes() for name in TABLES]


def contents(results):
    """What a reader sees."""
    rows = [rows_of(results, indices) for indices in results.targets.values()]
    return rows, text_table(results), observe(results)


@pytest.fixture(scope="module")
def whole():
    return trained(0, 7)


@pytest.fixture(scope="module")
def parts():
    return [trained(0, 3), trained(3, 2), trained(5, 2)]


# --- other seeds are pooled ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_runs_of_other_seeds_are_one_run_of_all(whole, parts, order, tmp_path):
    joint, sources, places = join([parts[k] for k in order], [f"run{k}" for k in order])
    assert tables(joint, tmp_path / "joint") == tables(whole, tmp_path / "whole")
    assert contents(joint) == contents(whole)
    assert joint.members == whole.members
    assert (joint.names, joint.labels, joint.apart) == (whole.names, whole.labels, [{}, {}])
    assert event_rows(joint) == event_rows(whole)
    assert np.array_equal(joint.samples[:, -1], whole.samples[:, -1])
    assert places == [[0, 1]] * 3
    for member, (source, m) in zip(joint.members, sources, strict=True):
        assert source.members[m] == member
    assert joint.study.name == " + ".join(f"run{k}" for k in order)


def test_pooled_pictures_are_those_of_one_run(whole, parts):
    """But for the seconds, which are measured: a setting's are the mean over the GANs of all its runs."""
    joint, sources, _ = join(parts, ["a", "b", "c"])
    alone, pooled = (
        {p.path: p.arguments for p in pictures}
        for pictures in (plan(whole, Look()), plan_joint(joint, sources, Look()))
    )
    assert sorted(pooled) == ["comparison.png", "curves-mixture_4-std1.2.png"]
    curves, expected = pooled["curves-mixture_4-std1.2.png"], alone["curves-mixture_4-std1.2.png"]
    assert (curves["title"], curves["names"]) == (expected["title"], expected["names"])
    for track, other in zip(curves["tracks"], expected["tracks"], strict=True):
        assert (track.label, track.null) == (other.label, other.null)
        for values, others in zip(track.values, other.values, strict=True):
            np.testing.assert_array_equal(values, others)  # (seeds, snapshots)
    for clock, other in zip(curves["clocks"][:2], expected["clocks"][:2], strict=True):
        np.testing.assert_array_equal(clock.at, other.at)
    for index in (0, 1):
        share = sum(part.seconds[index] * n for part, n in zip(parts, (3, 2, 2), strict=True)) / 7
        assert joint.seconds[index] == pytest.approx(share)
    for cell, plane in pooled["comparison.png"]["planes"].items():
        np.testing.assert_array_equal(plane.samples, alone["comparison.png"]["planes"][cell].samples)
    for score, other in zip(pooled["comparison.png"]["scores"], alone["comparison.png"]["scores"], strict=True):
        assert (score.mean, score.low, score.high) == (other.mean, other.low, other.high)


def test_settings_that_one_run_has_alone_keep_their_own_seeds(whole, parts):
    joint, sources, places = join([parts[0], trained(3, 2, 2, 5)], ["a", "b"])
    assert [s.d_steps for s in joint.study.settings] == [1, 2, 5]
    assert [[joint.members[m].seed for m in joint.of_setting(i)] for i in range(3)] == [
        [0, 1, 2],
        [0, 1, 2, 3, 4],
        [3, 4],
    ]
    assert places == [[0, 1], [1, 2]]
    assert joint.study.name == "a beside b"
    np.testing.assert_array_equal(joint.final("jsd", 1), whole.final("jsd", 1)[:5])
    for member, (source, m) in zip(joint.members, sources, strict=True):
        theirs = source.members[m]
        assert (source.study.settings[theirs.setting], theirs.seed) == (
            joint.study.settings[member.setting],
            member.seed,
        )


def test_what_was_trained_or_looked_at_otherwise_is_not_pooled(parts):
    """Verdicts and swings depend on the snapshots, everything on the steps and on what a run begins with."""
    for name, word, other in (
        ("snapshots", "run", trained(7, 1, snapshots=8)),
        ("steps", "budget", trained(7, 1, steps=16)),
        ("budget", "budget", trained(7, 1, 1, budget="updates", steps=32)),
        (
            "from_run",
            "run",
            dataclasses.replace(parts[1], study=dataclasses.replace(parts[1].study, from_run="runs/earlier")),
        ),
    ):
        joint, _, places = join([parts[0], other], ["a", "b"])
        assert len(joint.study.settings) == 2 + len(other.study.settings), name
        assert {seed for m, seed in ((m.setting, m.seed) for m in joint.members) if m < 2} == {0, 1, 2}
        assert [word in apart for apart in joint.apart] == [True] * len(joint.apart), name
        assert len(set(joint.names)) == len(joint.names)
        assert places[1][0] == 2
    three, *_ = join([parts[0], parts[1], trained(7, 1, snapshots=8)], ["a", "b", "c"])
    assert three.apart == [{"run": "a + b"}] * 2 + [{"run": "c"}] * 2


# --- a seed that both have -------------------------------------------------------------------------------------------


def test_a_seed_of_two_runs_counts_once(whole, parts, tmp_path):
    over = trained(2, 5)
    for runs in ([parts[0], over], [over, parts[0]], [whole, *parts], [*parts, whole, over], [whole, whole]):
        joint, *_ = join(runs, [f"run{k}" for k in range(len(runs))])
        assert joint.members == whole.members
        path = tmp_path / str(len(list(tmp_path.iterdir())))
        assert tables(joint, path) == tables(whole, path.with_name(f"{path.name}-whole"))


@pytest.mark.parametrize("name", ["jsd", "w2", "d_loss_swing", "verdict", "why", "diverged_at"])
def test_a_seed_whose_rows_differ_is_refused(parts, name):
    """In one line that says which seed of which setting, in which runs, and what differs."""
    one, other = parts[0], trained(2, 2)
    m = 2  # seed 2 of two D steps
    assert (other.members[m].setting, other.members[m].seed) == (1, 2)
    if name in other.scores:
        other.scores[name][m, -1] = np.nextafter(other.scores[name][m, -1], 9)  # one bit
    elif name == "d_loss_swing":
        other.swings[name][m] *= 2
    else:
        word, detail = other.words[m], other.verdicts[m].detail
        changes = {"verdict": ("failed", detail), "why": (word, "another"), "diverged_at": ("diverged", detail)}
        other.verdicts[m] = Verdict(*changes[name], step=4 if name == "diverged_at" else None)
        if name == "diverged_at":
            same = one.members.index(other.members[m])
            one = dataclasses.replace(one, verdicts=list(one.verdicts))
            one.verdicts[same] = Verdict("diverged", detail, step=3)
    with pytest.raises(NotARun) as refused:
        join([one, other], ["runs/a", "runs/b"])
    words = str(refused.value)
    assert words.startswith("runs/a, runs/b: both have seed 2 of mixture_4-std1.2-d2, and it is not the same: ")
    assert f" {name} is " in words
    assert words.endswith("; leave one of the runs out")
    assert "\n" not in words
    join([parts[0], parts[1], dataclasses.replace(other, members=[])], ["a", "b", "c"])  # nothing of it: no matter


def test_scores_that_one_run_lacks_do_not_make_rows_differ(whole, parts, tmp_path):
    joint, *_ = join([whole, trained(2, 4, scores="none")], ["a", "b"])
    assert joint.members == whole.members
    assert "w2" not in joint.scores
    np.testing.assert_array_equal(joint.scores["jsd"][:, 0], whole.scores["jsd"][:, -1])


def test_what_was_not_scored_alike_is_not_pooled(parts):
    mean, std = parts[1].null[0]["jsd"]
    rounded = [null | {"jsd": (mean * (1 + 1e-9), std)} for null in parts[1].null]  # another processor's rounding
    joint, *_ = join([parts[0], dataclasses.replace(parts[1], null=rounded)], ["a", "b"])
    assert joint.null[0]["jsd"] == parts[0].null[0]["jsd"]
    changed = [null | {"jsd": (mean * 1.01, std)} for null in parts[1].null]
    with pytest.raises(
        NotARun, match=r"^a, b: not scored alike: a perfect generator's jsd on mixture_4-std1\.2-d1 is "
    ):
        join([parts[0], dataclasses.replace(parts[1], null=changed)], ["a", "b"])
    fewer = dataclasses.replace(parts[1], samples=parts[1].samples[:, :, :100])
    with pytest.raises(NotARun, match=r"^b: is scored from 100 samples, a from 2048$"):
        join([parts[0], fewer], ["a", "b"])


def test_what_failed_is_told_of_once(parts):
    """A seed that failed in both is one failure, of the joint results' members."""

    def failed(run, *members):
        verdicts = [Verdict("failed") if m in members else verdict for m, verdict in enumerate(run.verdicts)]
        scores = {name: values.copy() for name, values in run.scores.items()}
        for values in scores.values():
            values[list(members)] = np.nan
        failures = [{"members": list(members), "error": "x"}]
        changes = {"verdicts": verdicts, "scores": scores, "failures": failures}
        return dataclasses.replace(run, **changes, curves=run.curves)

    one, other = failed(parts[0], 1, 2), failed(parts[1], 3)
    joint, *_ = join([one, other], ["a", "b"])
    assert joint.failures == [{"members": [1, 2], "error": "x"}, {"members": [9], "error": "x"}]
    assert [joint.members[9].setting, joint.members[9].seed] == [1, 4]
    again, *_ = join([one, one, other], ["a", "b", "c"])
    assert again.failures == joint.failures


# --- as a folder -----------------------------------------------------------------------------------------------------


def test_a_pooled_report_has_one_run_s_tables(tmp_path):
    """From folders, with pictures: the tables to the byte, in the page, and every run's pictures with its seeds."""
    for name, (seed, seeds) in {"whole": (0, 4), "a": (0, 2), "b": (2, 2)}.items():
        run(tiny(seed, seeds), tmp_path / name, look=Look() if name != "whole" else None)
    joint_report([tmp_path / "a", tmp_path / "b"], tmp_path / "both")
    for name in TABLES:
        assert (tmp_path / "both" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    whole, both = ((tmp_path / name / "report.md").read_text(encoding="utf-8") for name in ("whole", "both"))

    def rows(text):
        return [line for line in text.splitlines() if line.startswith("| ")]

    assert rows(both) == rows(whole)
    assert "\n2 settings × 4 seeds = 8 GANs, 32 generator steps each\n" in both
    assert "these settings, seeds 0 to 3 and" in both
    for kind, (name, seeds) in itertools.product(
        ("losses.png", "frames.png", "density.gif"), {"a": "seeds 0 to 1", "b": "seeds 2 to 3"}.items()
    ):
        for d in (1, 2):
            assert f"{d} D step{'s' * (d > 1)} · {name}, {seeds}\n" in both
            assert f"](../{name}/mixture_4-std1.2-d{d}/{kind})" in both
    assert both.count("Where several runs are pooled, each picture is of its own run's seeds.") == 4
    assert "Where several runs are pooled" not in whole
    assert "not in its folder" not in both
    assert "pictures have not been drawn" not in both


def test_a_report_on_several_runs_is_no_run(tmp_path):
    """It says so, whoever is asked to take it for one."""
    home = RunFolder.create(tmp_path / "both")
    home.write_json("run.json", {"report": ["a", "b"], "files": []})
    with pytest.raises(NotARun, match="both: a report on several runs, not a run; name the runs themselves"):
        load(RunFolder.open(home.path))
