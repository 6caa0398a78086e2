"""Many settings: the order, what can be told from the first and from a baseline, and a short report."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from test_report import NAN, made, mixture, report

from dynamics import workflow
from dynamics.base import intervals
from dynamics.base.intervals import max_t, paired_difference
from dynamics.cli.app import main
from dynamics.cli.options import read_options
from dynamics.reports.ranking import BEST, is_ranked, leading, rankings
from dynamics.reports.ranking_words import ranking_parts, ranking_rows
from dynamics.runner.results import Results
from dynamics.settings.study import FEW_FRAMES, MANY_SETTINGS


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Intervals by fewer resamples: hundreds of them are made here, and none is looked at closely."""
    monkeypatch.setattr(intervals, "_RESAMPLES", 999)
    intervals._difference.cache_clear()
    yield
    intervals._difference.cache_clear()


def many(count: int, seeds: int = 8, apart: float = 0.001, baseline: str | None = None, bad: int = 0) -> Results:
    """Settings whose JSD rises with their place by `apart`, beside noise of size 0.01; `bad` diverge in one seed."""
    rng = np.random.default_rng(1)
    table = []
    for k in range(count):
        rows = [(4.0, 0.95, 0.1 + apart * k + 0.01 * float(rng.standard_normal())) for _ in range(seeds)]
        words = ["converged"] * seeds
        if k < bad:
            rows[0], words[0] = (NAN, NAN, NAN), "diverged"
        table.append((mixture(1, lr=0.001 * (k + 1)), rows, words))
    return made(*table[::-1], baseline=baseline)


def test_the_order_is_that_of_mean_jsd_and_a_diverged_gan_counts_as_the_worst() -> None:
    results = many(14, apart=0.02, bad=1)
    (ranking,) = rankings(results)
    means = [p.score.estimate.value for p in ranking.placed]
    assert means == sorted(means)
    last = ranking.placed[[p.setting for p in ranking.placed].index(13)]  # the best of those seeds that have a score
    jsd = results.final("jsd", 13)
    assert last.score.estimate.value == pytest.approx(np.mean([np.log(2), *jsd[1:]]))
    assert (last.diverged, last.score.most) == (1, np.log(2))
    assert leading(results) == [p.setting for p in ranking.placed[:3]]


def test_each_of_the_best_has_the_p_of_its_own_family() -> None:
    """A setting is called worse than the first where it is, among all that are held against that setting."""
    results = many(14)
    (ranking,) = rankings(results)
    jsd = np.stack([results.final("jsd", i) for i in range(14)])
    first, second = ranking.placed[0].setting, ranking.placed[1].setting
    family = [first] + [p.setting for p in ranking.placed[2:]]
    p = max_t(np.stack([jsd[i] - jsd[second] for i in family]))[0]
    against = ranking.placed[1].against
    assert against is not None
    assert against.p == pytest.approx(p)
    assert against.difference.estimate[:2] == paired_difference(jsd[second], jsd[first]).estimate[:2]
    assert [p.against is None for p in ranking.placed] == [k in (0, *range(BEST, 14)) for k in range(14)]


def test_the_best_in_truth_is_seldom_called_worse() -> None:
    """Of settings that do not differ, the one that is best in truth (any) is told from the first in 5 % at most."""
    called = 0
    for trial in range(40):
        rng = np.random.default_rng(trial)
        rows = [[(4.0, 0.9, float(v)) for v in rng.uniform(0.1, 0.2, 8)] for _ in range(13)]
        results = made(*((mixture(1, lr=0.001 * (k + 1)), r, ["converged"] * 8) for k, r in enumerate(rows)))
        (ranking,) = rankings(results)
        called += any(p.setting == 0 and p.against is not None and p.against.shown for p in ranking.placed)
    assert called <= 6  # of 40 at 5 %, more than 6 have a chance of 0.3 %


@pytest.mark.parametrize("seeds", [1, 3, 8])
def test_ties_are_said_to_be_ties_and_few_seeds_are_not_tested(seeds: int) -> None:
    results = many(14, seeds)
    (part,) = ranking_parts(results, rankings(results))
    words = " ".join(part.sentences)
    assert ("cannot be told apart by these seeds" in words) == (seeds == 8)
    assert ("too few for a test, which takes 6" in words) == (seeds < 6)
    assert ("corrected p" in part.columns) == (seeds == 8)
    assert "The best of 14 looks better than it is" in words
    assert {len(row) for row in part.rows} == {len(part.columns)}
    apart = many(14, seeds, apart=0.045)
    (part,) = ranking_parts(apart, rankings(apart))
    assert ("The first is better than the next nine (p < 0.05)." in part.sentences) == (seeds == 8)


def test_everything_is_held_against_a_baseline() -> None:
    for baseline in ("mixture_4-std0.2-d1-lr0.006", "mixture_4 · std 0.2 · 1 D step · lr 0.006", "1 D step · lr 0.006"):
        results = many(14, apart=0.03, baseline=baseline)
        (ranking,) = rankings(results)
        assert results.labels[ranking.against][1] == "1 D step · lr 0.006"
        held = [p for p in ranking.placed if p.against is not None]
        jsd = np.stack([results.final("jsd", i) for i in range(14)])
        p = max_t(np.stack([jsd[x.setting] - jsd[ranking.against] for x in held]))
        assert [x.against.p for x in held if x.against] == pytest.approx(list(p))
        assert ranking.against in leading(results)
        (part,) = ranking_parts(results, [ranking])
        assert "Of 13 other settings 5 are better and 8 are worse" in " ".join(part.sentences)
        assert len(part.rows) == 14
        rows = ranking_rows(results, [ranking])
        assert [row["place"] for row in rows] == list(range(1, 15))
        assert [row["against"] for row in rows if row["against"]] == ["mixture_4-std0.2-d1-lr0.006"] * 13


def test_a_baseline_is_asked_for_a_run_and_for_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny = "--mode mixture_4 --lr 0.001,0.002 --steps 4 --seeds 2 --hidden 4 --batch-size 8 --frames 2 --snapshots 2"
    arguments = [*tiny.split(), "--no-figures", "--quiet", "--workers", "1", "--out", str(tmp_path / "run")]
    assert main([*arguments, "--baseline", "mixture_4-std0.2-d2-lr0.003"]) == 2
    assert "--baseline mixture_4-std0.2-d2-lr0.003: must be a setting of the run" in (words := capsys.readouterr().err)
    assert "(did you mean mixture_4-std0.2-d2-lr0.00" in words
    assert main([*arguments, "--baseline", "mixture_4-std0.2-d2-lr0.002"]) == 0
    page = (tmp_path / "run/report.md").read_text()
    assert "The baseline is 2 D steps · lr 0.002" in page
    assert main(["report", str(tmp_path / "run"), "--baseline", "2 D steps · lr 0.001"]) == 0
    assert "The baseline is 2 D steps · lr 0.001" in (tmp_path / "run/report.md").read_text()
    assert workflow.load(tmp_path / "run").study.baseline == "2 D steps · lr 0.001"  # and it stays so
    capsys.readouterr()
    assert main(["report", str(tmp_path / "run"), "--baseline", "2 D steps · lr 0.01"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def visible(html: str) -> list[str]:
    """The words of a page that are not folded."""
    body = re.sub(r"<(script|style).*?</\1>", "", html, flags=re.S)
    folded = re.compile(r"<details>(?:(?!<details>).)*?</details>", re.S)
    while folded.search(body):
        body = folded.sub(" ", body)
    return re.sub(r"<[^>]*>", " ", body).split()


@pytest.mark.parametrize("baseline", [None, "1 D step · lr 0.006"])
def test_forty_settings_are_told_in_2000_words_a_ranking_first(baseline: str | None, tmp_path: Path) -> None:
    html, markdown = report(many(40, 6, baseline=baseline), tmp_path)
    assert len(visible(html)) <= 2000
    assert (
        len(re.sub(r"(?m)^(\||!\[).*$", "", markdown).split()) <= 2000
    )  # outside tables, which stand for what is folded
    assert len(html.encode()) <= 6_000_000
    assert html.index('id="ranking-1"') < html.index('id="observed"')
    assert (tmp_path / "run/ranking.csv").read_text().count("\n") == 41


def test_up_to_twelve_settings_are_not_ranked(tmp_path: Path) -> None:
    for count in (MANY_SETTINGS, MANY_SETTINGS + 1):
        results = many(count, 2)
        html, _ = report(results, tmp_path / str(count))
        assert is_ranked(results.study) == ("Ranking: " in html) == (count > MANY_SETTINGS)
        assert (tmp_path / str(count) / "run/ranking.csv").is_file() == (count > MANY_SETTINGS)


def test_many_settings_keep_few_frames_and_the_first_have_animations(tmp_path: Path) -> None:
    few, lots = ({"mode": "mixture_4", "lr": ",".join(f"0.00{k}" for k in range(1, n + 1))} for n in (3, 9))
    lots["d_steps"] = "1,2"
    assert read_options(None, few).study.frames == 50
    asked = read_options(None, lots).study
    assert asked.frames == FEW_FRAMES
    assert f"{FEW_FRAMES} animation frames are kept; --frames sets another number" in asked.notes[-1]
    assert read_options(None, lots | {"frames": "20"}).study.frames == 20
    results = many(14)
    pictures = workflow.plan(results, workflow.Look())
    kept = workflow._without_most_animations(results, pictures)
    left_out = {p.path for p in pictures} - {p.path for p in kept}
    first = {results.names[i] for i in leading(results)}
    assert {p.rpartition("/")[2] for p in left_out} == {"density.gif", "seeds.gif"}
    assert {p.path.partition("/")[0] for p in kept if p.path.endswith(".gif")} == first
    assert len(left_out) == 2 * (14 - 3)
