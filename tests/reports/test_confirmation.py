"""The best settings again on new seeds: which, on what, and what is said of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_report import made, mixture

from dynamics import workflow
from dynamics.base import intervals
from dynamics.base.intervals import max_t
from dynamics.base.progress import silent
from dynamics.cli.app import main
from dynamics.cli.options import read_options
from dynamics.reports.ranking import confirmed, leading
from dynamics.reports.ranking_words import ranking_parts
from dynamics.runner.fresh_seeds import Confirmation, fresh_study
from dynamics.runner.results import Results
from dynamics.settings.budget import steps_of
from dynamics.settings.messages import OptionError
from dynamics.settings.study import Study
from dynamics.store.folder import MANIFEST

TINY = "--mode mixture_4 --steps 4 --hidden 4 --batch-size 8 --frames 2 --snapshots 2 --workers 1 --no-figures --quiet"
SWEPT = [*TINY.split(), "--lr", "0.001,0.003,0.01,0.03", "--d-steps", "1"]


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Intervals by fewer resamples: none of them is looked at closely."""
    monkeypatch.setattr(intervals, "_RESAMPLES", 999)
    intervals._difference.cache_clear()
    yield
    intervals._difference.cache_clear()


def of_jsd(table: np.ndarray, rates: list[int], **study: Any) -> Results:
    """Results of settings of these learning rates whose JSD is `table` (settings, seeds)."""
    rows = [[(4.0, 0.9, float(v)) for v in values] for values in table]
    settings = [mixture(1, lr=0.001 * (k + 1)) for k in rates]
    return made(*((s, r, ["converged"] * len(r)) for s, r in zip(settings, rows, strict=True)), **study)


def again(results: Results, table: np.ndarray) -> Confirmation:
    """What the leading settings came to on new seeds: `table` (settings of the study, seeds)."""
    places = leading(results)
    return Confirmation(of_jsd(table[places], places, seed=results.study.seeds), places)


def tables(run: Path) -> dict[str, str]:
    names = ("summary.csv", "ranking.csv", "confirm/summary.csv", "confirm/comparison.csv", "confirm/events.csv")
    return {name: (run / name).read_text() for name in names}


def test_the_first_of_many_equal_settings_loses_its_luck_on_new_seeds() -> None:
    """JSDs N(0.3, 0.05²), 13 settings of one truth: the least of 13 means of n = 8 is 1.67 standard errors too low."""
    old, new = [], []
    for trial in range(60):
        rng = np.random.default_rng(trial)
        results = of_jsd(rng.normal(0.3, 0.05, (13, 8)), list(range(13)), confirm=8)
        (c,) = confirmed(results, again(results, rng.normal(0.3, 0.05, (13, 8))))
        first = c.before[0].setting
        old.append(c.before[0].score.estimate.value)
        new.append(next(p.score.estimate.value for p in c.after if p.setting == first))
    error = 0.05 / np.sqrt(8)
    assert np.mean(old) == pytest.approx(0.3 - 1.668 * error, abs=3 * 0.55 * error / np.sqrt(60))
    assert np.mean(new) == pytest.approx(0.3, abs=3 * error / np.sqrt(60))


def test_they_are_held_against_the_one_that_was_first_before() -> None:
    """The new seeds turn the order round: settings are held against the old first all the same, as one family."""
    rng = np.random.default_rng(0)
    old = 0.1 + 0.05 * np.arange(5)[:, None] + rng.normal(0, 0.001, (5, 8))
    new = 0.5 - 0.05 * np.arange(5)[:, None] + rng.normal(0, 0.001, (5, 6))
    results = of_jsd(old, list(range(5)), confirm=6)
    fresh = again(results, new)
    assert fresh.places == [0, 1, 2]
    (c,) = confirmed(results, fresh)
    assert [p.setting for p in c.after] == [p.setting for p in c.before] == [0, 1, 2]
    assert [p.score.estimate.value for p in c.after] == pytest.approx(list(new[:3].mean(1)))
    assert [p.score.estimate.value for p in c.before] == pytest.approx(list(old[:3].mean(1)))
    p = max_t(np.stack([new[1] - new[0], new[2] - new[0]]))
    assert [a.against.p for a in c.after if a.against] == pytest.approx(list(p))
    (part,) = ranking_parts(results, [], [c])
    assert (
        part.sentences[-1]
        == "On the new seeds the settings at place 2 and 3 are better than the first (p < 0.05, corrected)."
    )


def test_a_baseline_is_trained_again_too_and_all_are_held_against_it() -> None:
    old = 0.1 + 0.05 * np.arange(6)[:, None] + np.zeros((6, 2))
    results = of_jsd(old, list(range(6)), confirm=3, baseline="1 D step · lr 0.006")
    assert leading(results) == [0, 1, 2, 5]
    (c,) = confirmed(results, again(results, old[:, :1] + np.arange(3) * 0.01))
    assert (c.against, c.has_baseline, c.tested) == (5, True, False)
    assert [p.against is None for p in c.after] == [False, False, False, True]
    (part,) = ranking_parts(results, [], [c])
    assert part.sentences[-1] == "3 seeds are too few for a test, which takes 6: brackets are ranges over seeds."
    assert part.rows[-1][-1] == "the baseline"


@pytest.mark.parametrize("budget", ["steps", "updates", "samples"])
def test_they_train_as_long_as_before_on_the_next_seeds(budget: str) -> None:
    study = read_options(
        None, {"d_steps": "1,3,5", "lr": "0.001,0.002", "budget": budget, "seeds": "4", "seed": "7"}
    ).study
    places = [5, 2, 3]
    fresh = fresh_study(Study(**{**vars_of(study), "confirm": 6}), places)
    assert fresh.seed_list == tuple(range(11, 17))
    assert fresh.settings == tuple(study.settings[i] for i in places)
    assert np.abs(np.subtract(steps_of(fresh), [steps_of(study)[i] for i in places])).max() <= 1


def vars_of(study: Study) -> dict[str, Any]:
    return {name: getattr(study, name) for name in study.__dataclass_fields__}


def test_it_is_the_run_that_these_settings_and_seeds_make_by_themselves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And so are one that is asked for afterwards, one that is killed on the way, and one that is done over."""
    assert main([*SWEPT, "--seeds", "2", "--confirm", "3", "--out", str(tmp_path / "all")]) == 0
    whole = tables(tmp_path / "all")
    assert "had no part in the choice" in capsys.readouterr().out
    results = workflow.load(tmp_path / "all")
    rates = [f"{results.study.settings[i].lr:g}" for i in leading(results)]
    by_hand = [*TINY.split(), "--lr", ",".join(rates), "--d-steps", "1", "--seeds", "3", "--seed", "2"]
    assert main([*by_hand, "--out", str(tmp_path / "by-hand")]) == 0
    assert (tmp_path / "by-hand/summary.csv").read_text() == whole["confirm/summary.csv"]

    assert main([*SWEPT, "--seeds", "2", "--out", str(tmp_path / "later")]) == 0
    assert not (tmp_path / "later/ranking.csv").exists()
    assert main(["resume", str(tmp_path / "later"), "--confirm", "3", "--quiet"]) == 0
    assert tables(tmp_path / "later") == whole
    assert "The best on new seeds" in (tmp_path / "later/report.md").read_text()
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "later/confirm").iterdir()}
    assert main(["resume", str(tmp_path / "later"), "--quiet"]) == 0  # all of it is done
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "later/confirm").iterdir()} == before

    assert main([*SWEPT, "--seeds", "2", "--force", "--out", str(tmp_path / "all")]) == 0  # without: it goes
    assert not (tmp_path / "all/confirm").exists()
    assert "new seeds:" not in (tmp_path / "all/report.md").read_text()


def test_one_that_is_stopped_while_it_confirms_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = read_options(None, {"lr": "0.001,0.01", "mode": "gaussian"} | small()).study
    workflow.run(study, tmp_path / "whole", look=None)
    train, calls = workflow.run_study, []

    def stopped(*args: Any, **rest: Any) -> Results:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return train(*args, **rest)

    monkeypatch.setattr(workflow, "run_study", stopped)
    with pytest.raises(KeyboardInterrupt):
        workflow.run(study, tmp_path / "stopped", look=None)
    run = json.loads((tmp_path / "stopped" / MANIFEST).read_text())
    assert run["status"] == "interrupted"
    workflow.rewrite_report(tmp_path / "stopped")  # what there is, meanwhile
    assert "The best on new seeds" not in (tmp_path / "stopped/report.md").read_text()
    workflow.resume(tmp_path / "stopped", silent)
    for name in ("ranking.csv", "confirm/comparison.csv", "confirm/events.csv"):
        assert (tmp_path / "stopped" / name).read_text() == (tmp_path / "whole" / name).read_text()
    assert "The best on new seeds" in (tmp_path / "stopped/report.md").read_text()


def small() -> dict[str, str]:
    words = "steps=4 hidden=4 batch_size=8 frames=2 snapshots=2 workers=1 seeds=2 confirm=2"
    return dict(pair.split("=") for pair in words.split())  # type: ignore[misc]


def test_a_plan_says_which_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SWEPT, "--seeds", "2", "--seed", "5", "--confirm", "3", "--dry-run"]) == 0
    assert "the best three of each target again, on new seeds 7 to 9\n" in capsys.readouterr().out


def test_new_seeds_have_no_players_of_another_run() -> None:
    with pytest.raises(OptionError, match="--confirm with --from"):
        read_options(None, {"from_": "somewhere", "confirm": "3"})
