"""The sentences over the observations: few, true of the numbers, different where these are."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from test_report import ANY_8, BAD_8, GOOD_8, NULL, made, mixture, report

from dynamics.reports.comparisons import differences
from dynamics.reports.observations import observe
from dynamics.reports.plain_sentences import p_words
from dynamics.runner.results import Results
from dynamics.settings.setting import Setting
from dynamics.studies import get_study

VERY = ["collapsed"] * 3 + ["oscillating", "still learning", "converged", "lost", "diverged"]


def assignment(kind: str) -> Results:
    """Results of the assignment's shape: settings that all differ, all but differ, or do not."""
    study, rng = get_study("homework"), np.random.default_rng(0)
    table = []
    for k, setting in enumerate(study.settings):
        rows = GOOD_8 if (k % 2 == 0) == (k < 6) else BAD_8
        if kind == "near":
            rows = [(int(rng.integers(2, 5)), float(rng.uniform(0.6, 0.9)), float(rng.uniform(0.1, 0.4))) for _ in VERY]
        table.append(
            (setting, GOOD_8 if kind == "same" else rows, VERY if k % 2 or kind != "far" else ["converged"] * 8)
        )
    results = made(*table, name="homework", headings=dict(study.headings))
    if kind == "far":
        swings = [0.01 + 0.001 * k if m % 2 else 0.09 - 0.002 * k for m in range(8) for k in range(8)]
        results.swings = {name: np.array(swings) for name in results.swings}
    return results


def outside_details(html: str) -> str:
    """What a page's observations show before anything is unfolded."""
    section = html.partition('<h2 id="observed">Observations</h2>')[2].partition("</section>")[0]
    section = re.sub(r"<details>(?!\s*<summary>)", "", section)
    shown = re.sub(r"<details>\s*<summary>(.*?)</summary>.*?</details>", r"\1", section, flags=re.S)
    return re.sub(r"<[^>]*>", " ", shown).replace("\u00a0", " ")


@pytest.mark.parametrize("kind", ["far", "near", "same"])
def test_the_assignment_is_told_in_350_words(kind: str, tmp_path: Path) -> None:
    """A sentence for each mode and each question; all else is folded, or in a table."""
    results = assignment(kind)
    parts = observe(results)
    assert [len(part.sentences) for part in parts] == [4, 1, 4]
    html, markdown = report(results, tmp_path)
    observed = markdown.partition("## Observations")[2].partition("\n## ")[0]
    plain = "\n".join(line for line in observed.splitlines() if not line.startswith("|"))
    for text in (outside_details(html), plain):
        assert 150 < len(text.split()) <= 350
        for part in parts:
            assert part.heading in text
            assert not any(words in text for _, words in part.entries)
    tables = [line for line in observed.splitlines() if line.startswith("|")]
    assert len(tables) == sum(3 + len(part.entries) for part in parts)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in tables} == {3}


def test_a_difference_is_named_with_its_direction_size_and_p() -> None:
    for two, one, clause in ((GOOD_8, BAD_8, "comes closer to"), (BAD_8, GOOD_8, "stays further from")):
        results = made((mixture(2), two, ANY_8), (mixture(1), one, ANY_8))
        (sentence,) = observe(results)[1].sentences
        jsd = next(c for c in differences(results) if c.score == "jsd")
        low, high = sorted((abs(jsd.difference.low), abs(jsd.difference.high)))
        size = f"JSD by {abs(jsd.difference.value):.3f} [{low:.3f}, {high:.3f}] nats, p = {p_words(jsd.p_corrected)}"
        assert sentence.startswith(f"On mixture_4, std 0.2, G {clause} the data with 2 D steps than with 1 ({size})")
        more = "covers more modes" if two is GOOD_8 else "covers fewer modes"
        assert f" and {more} (p = 0.0" in sentence


def test_what_is_not_shown_is_called_chance_and_what_is_far_from_it_no_difference() -> None:
    one = [(4, 0.95, 0.05 + 0.01 * (k % 3)) for k in range(8)]
    near = [(4, 0.95, jsd + (0.02 + 0.001 * k if k < 6 else -0.02)) for k, (_, _, jsd) in enumerate(one)]
    results = made((mixture(2), near, ANY_8), (mixture(1), one, ANY_8))
    (jsd,) = (c.p_corrected for c in differences(results) if c.score == "jsd")
    assert 0.05 < jsd < 0.5
    (sentence,) = observe(results)[1].sentences
    assert "8 seeds show no difference between 2 D steps and 1: that G stays further from the data with 2 D steps" in (
        sentence
    )
    assert "could be chance (JSD by 0.0" in sentence
    assert f"p = {p_words(jsd)})." in sentence
    same = made((mixture(2), one, ANY_8), (mixture(1), one, ANY_8))
    (sentence,) = observe(same)[1].sentences
    assert sentence.endswith("8 seeds show no difference between 2 D steps and 1 (no p is below 1.000).")


def test_a_verdict_is_told_in_seeds() -> None:
    results = made((mixture(2), GOOD_8, ["converged"] * 8), (mixture(1), GOOD_8, ["collapsed"] * 8))
    (sentence,) = observe(results)[1].sentences
    assert "G collapses less often with 2 D steps than with 1 (0 of 8 seeds against 8, p = 0.008)." in sentence


@pytest.mark.parametrize(
    ("words", "ended"),
    [
        (["converged"] * 8, "all 8 GANs converged, and all hold all 4 modes"),
        (["collapsed"] * 5 + ["lost"] * 3, "most GANs collapsed (5 of 8, 3 lost), and"),
        (
            ["collapsed"] * 3 + ["lost"] * 2 + ["converged", "oscillating", "diverged"],
            "the GANs end differently (3 of 8 collapsed, 2 lost, 3 otherwise), and",
        ),
        (["collapsed"] * 4 + ["lost"] * 4, "the GANs end differently (4 of 8 collapsed, 4 lost), and"),
    ],
)
def test_how_gans_ended_is_said_by_how_many(words: list[str], ended: str) -> None:
    (sentence,) = observe(made((mixture(2), GOOD_8, words)))[0].sentences
    assert sentence.startswith(f"On mixture_4, std 0.2, {ended}")
    assert sentence.endswith(" (JSD 0.034, perfect generator 0.016).")


def test_one_gan_is_one() -> None:
    for part in observe(made((mixture(2), GOOD_8[:1], ["collapsed"]))):
        words = f"{part.summary} {' '.join(part.sentences)}"
        assert "the one GAN collapsed" in words
        assert not re.search(r"\b1 GANs?\b", words)


def test_many_pairs_are_one_sentence() -> None:
    rows = [GOOD_8, BAD_8] + [GOOD_8] * 3
    settings = [Setting(mode="mixture_4", std=0.2, lr=0.001 * (k + 1)) for k in range(5)]
    results = made(*((s, r, ANY_8) for s, r in zip(settings, rows, strict=True)), nulls=[NULL] * 5)
    (sentence,) = observe(results)[1].sentences
    assert "4 of 10 pairs of settings differ; most of all, G " in sentence
    few = made(*((s, r[:3], ANY_8[:3]) for s, r in zip(settings, rows, strict=True)))
    (sentence,) = observe(few)[1].sentences
    assert sentence == (
        "On mixture_4, std 0.2, 3 seeds are too few for a test of 10 pairs of settings; JSD is 0.030 to 0.320 nats over"
        " all of them."
    )
