"""The report: every sentence true of its table, every picture inside the file, every name harmless."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from browser import CHROMIUM, Browser
from PIL import Image

from dynamics.base.intervals import paired_difference
from dynamics.pictures.study_parts import StudyPart
from dynamics.reports.comparisons import difference_rows
from dynamics.reports.markdown import escaped
from dynamics.reports.observations import observations, observe
from dynamics.reports.report import ReportedRun
from dynamics.reports.report import write_report as write
from dynamics.reports.tables import tex_table, text_table
from dynamics.runner.results import Member, Results
from dynamics.settings.catalogue.scores import SWINGS
from dynamics.settings.catalogue.verdicts import Verdict
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study
from dynamics.store.folder import RunFolder

NAN = float("nan")
EVIL = "<img src=x onerror=alert(1)>"
FACTS: dict[str, Any] = {
    "command": "python main.py --mode mixture_4",
    "versions": {"python": "3.11.2", "torch": "2.13.0"},
    "device": "cpu",
    "threads": 1,
    "seconds": {"training": 12.3, "all": 20.0},
}
# what a perfect generator scores at a target with 4 modes
NULL = {"modes_covered": 4.0, "high_quality": 0.989, "jsd": 0.016, "spread": 1.0}
MODELESS = {"modes_covered": NAN, "high_quality": NAN, "jsd": 0.016, "spread": 1.0}


def made(
    *table: tuple[Setting, Sequence[tuple[float, float, float]], list[str]],
    nulls: list[dict[str, float]] | None = None,
    **study: Any,
) -> Results:
    """Results of made-up final scores: a setting, its seeds' (modes, high quality, JSD), their verdicts."""
    settings = tuple(setting for setting, _, _ in table)
    seeds = len(table[0][1])
    final = np.array([scores for _, rows, _ in table for scores in rows], float)  # (M, 3)
    count, snapshots = len(final), 3
    scores = {name: np.repeat(final[:, [k]], snapshots, 1) for k, name in enumerate(list(NULL)[:3])}
    scores["spread"] = np.where(np.isfinite(scores["jsd"]), 1.0, NAN)
    for values in scores.values():
        values[:, :-1] = 0.123  # earlier snapshots must not matter
    asked: dict[str, Any] = {
        "name": "made",
        "question": "What happens?",
        "steps": 100,
        "seeds": seeds,
        "snapshots": 2,
    } | study
    results = Results(
        study=Study(settings=settings, **asked),
        members=[Member(i, seed) for i in range(len(settings)) for seed in range(seeds)],
        curve_steps=np.tile(np.arange(1, 101), (len(settings), 1)),
        curves={name: np.zeros((count, 100)) for name in ("d_loss", "g_loss", "d_real", "d_fake")},
        snapshot_steps=np.tile([0, 50, 100], (len(settings), 1)),
        scores=scores,
        measures={},
        frame_steps=np.tile([0, 100], (len(settings), 1)),
        samples=np.zeros((count, 2, 2048, 2), np.float16),
        null=[{name: (value, 0.0) for name, value in null.items()} for null in nulls or [NULL] * len(settings)],
        modes=[4 if np.isfinite(null["modes_covered"]) else None for null in nulls or [NULL] * len(settings)],
        rarest=[0.25 if np.isfinite(null["modes_covered"]) else None for null in nulls or [NULL] * len(settings)],
        verdicts=[Verdict(word) for _, _, words in table for word in words],
        seconds=[1.0] * len(settings),
    )
    results.swings = {name: np.full(count, NAN) for name in SWINGS}  # too short a run to swing
    return results


def mixture(d_steps: int, **rest: Any) -> Setting:
    return Setting(mode="mixture_4", std=0.2, d_steps=d_steps, **rest)


GOOD = [(4, 0.97 + 0.001 * k, 0.030 + 0.001 * k) for k in range(4)]
BAD = [(2 - k % 2, 0.80 + 0.01 * k, 0.30 + 0.01 * k) for k in range(4)]
# enough seeds to show a difference: the smallest p-value of 8 is 2/2^8
GOOD_8 = [(4, 0.97 + 0.001 * k, 0.030 + 0.001 * k) for k in range(8)]
BAD_8 = [(2 - k % 2, 0.80 + 0.01 * k, 0.30 + 0.01 * k) for k in range(8)]
ANY_8 = ["still learning"] * 8


def draw(folder: RunFolder, results: Results) -> list[str]:
    """Tiny but valid pictures in the places that `render` puts them."""
    kinds = ("losses.png", "frames.png", "density.gif")
    paths = [f"{name}/{kind}" for name in results.names for kind in kinds]
    paths += ["comparison.png", "comparison.gif"]
    paths += [f"curves-{target.replace(' · std ', '-std')}.png" for target in results.targets]
    for number, path in enumerate(paths):
        file = folder.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        frames = [Image.new("RGB", (1500, 80), (number, shade, 0)) for shade in (0, 200)]
        if path.endswith(".gif"):
            frames[0].save(file, save_all=True, append_images=frames[1:], duration=500, loop=0)
        else:
            frames[0].save(file)
    return paths


def write_report(results: Results, folder: RunFolder, facts: dict[str, Any]) -> None:
    write(results, folder, [ReportedRun("run", folder, results, facts)])


def report(
    results: Results, path: Path, *, pictures: bool = True, facts: dict[str, Any] | None = None
) -> tuple[str, str]:
    folder = RunFolder.create(path / "run")
    if pictures:
        draw(folder, results)
        for name in ("comparison.csv", "summary.csv", "differences.csv", "events.csv", "history.npz"):
            (folder.path / name).touch()
    write_report(results, folder, FACTS if facts is None else facts)
    return tuple((folder.path / f"report.{kind}").read_text(encoding="utf-8") for kind in ("html", "md"))  # type: ignore[return-value]


class Page(HTMLParser):
    """A strict reading of the page: tags must close in order."""

    VOID = frozenset(("meta", "img", "br", "link", "input", "hr"))

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.programs: list[str] = []
        self.cells: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "script" in self.open:
            self.programs.append(data)
        elif "style" not in self.open:
            self.words.append(data)
        if "td" in self.open or "th" in self.open:
            self.cells[-1] += data

    def every(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).replace("\u00a0", " ").split())


def paragraph(results: Results, heading: str) -> str:
    return dict(observations(results))[f"mixture_4 · std 0.2: {heading}"]


def not_shown(words: str) -> list[str]:
    """The scores in which a pair's paragraph shows no difference, and what it says of each."""
    match = re.search(r"(No difference shown|Too few seeds for a test) \([^)]*\) in (.*)\.$", words)
    return match[2].split("; ") if match else []


# --- observations -------------------------------------------------------------------------------------------


def test_opposite_outcomes_give_opposite_sentences() -> None:
    for two, one in ((GOOD_8, BAD_8), (BAD_8, GOOD_8)):
        results = made((mixture(2), two, ANY_8), (mixture(1), one, ANY_8))
        words = paragraph(results, "2 D steps against 1 D step")
        winner = "2 D steps" if two is GOOD_8 else "1 D step"
        more, higher, lower = ("more", "higher", "lower") if two is GOOD_8 else ("fewer", "lower", "higher")
        assert f"Modes covered: {more} with 2 D steps than with 1 D step" in words
        assert f"High quality: {higher} with 2 D steps than with 1 D step" in words
        assert f"JSD: {lower} with 2 D steps than with 1 D step" in words
        assert words.count(f"{winner} is the better.") == 2
        assert words.count("is the better.") == 2
        place = "nearer to" if two is GOOD_8 else "further from"
        assert f"the mean with 2 D steps is {place} a perfect generator's 0.989." in words
        assert not_shown(words) == ["share collapsed: equal in all 8 seeds"]
        assert "over 8 shared seeds. Modes" in words  # and no word of too few
        e = paired_difference(np.array(two)[:, 2], np.array(one)[:, 2])  # of the pairs, not of the two means
        low, high = sorted((abs(e.low), abs(e.high)))
        (p,) = (row["p_corrected"] for row in difference_rows(results) if row["score"] == "jsd")
        assert 2 / 2**8 <= p <= 3 * 2 / 2**8
        assert f"by {abs(e.value):.3f} [{low:.3f}, {high:.3f}] nats, corrected p {p:.3f}" in words


def test_each_question_has_its_paragraph() -> None:
    """Performance, stability, collapse and losses, each by its own numbers; the same in no other way round."""
    calm, wild = [0.01 + 0.001 * k for k in range(8)], [0.05 + 0.002 * k for k in range(8)]
    fine, gone = ["converged"] * 8, ["collapsed"] * 8
    for turn in (1, -1):
        table = [(mixture(2), GOOD_8, fine), (mixture(1), BAD_8, gone)][::turn]
        swings = [calm, wild][::turn]
        results = made(
            (mixture(2), *table[0][1:]), (mixture(1), *table[1][1:]), headings={"d_steps": "One against two"}
        )
        results.swings |= {name: np.concatenate(swings) for name in ("jsd_swing", "g_loss_swing")}
        each, ratio = observe(results)
        assert (each.heading, ratio.heading) == ("How each target is captured", "One against two")
        assert "of 16 GANs 8 collapsed and 8 converged; 8 hold all 4 modes at the end" in each.summary
        sentences = dict(re.findall(r"([A-Z][a-z ]+): (.*?)\.(?= [A-Z]|$)", ratio.summary))
        assert list(sentences) == ["Generator performance", "Stability", "Collapse", "Oscillation in the losses"]
        more, fewer = ("more", "higher") if turn == 1 else ("fewer", "lower")
        assert f"modes covered {more} with 2 D steps than with 1 D step on mixture_4 · std 0.2, by " in ratio.summary
        assert f"high quality {fewer} with 2 D steps" in sentences["Generator performance"]
        opposite = "lower" if turn == 1 else "higher"
        assert f"swing of JSD {opposite} with 2 D steps" in sentences["Stability"]
        assert f"swing of G's loss {opposite} with 2 D steps" in sentences["Oscillation in the losses"]
        counts = (
            "0 of 8 with 2 D steps, 8 of 8 with 1 D step"
            if turn == 1
            else "8 of 8 with 2 D steps, 0 of 8 with 1 D step"
        )
        assert sentences["Collapse"].startswith(f"{counts} collapsed; share collapsed {opposite} with 2 D steps")
        ((_, words),) = ratio.entries
        assert f"{'2 D steps' if turn == 1 else '1 D step'} is the steadier." in words
    same = made((mixture(2), GOOD_8, fine), (mixture(1), GOOD_8, fine))
    same.swings["jsd_swing"] = np.tile(calm, 2)
    summary = observe(same)[1].summary
    assert "Generator performance: no difference is shown in 3 comparisons." in summary
    assert "Stability: no difference is shown in 1 comparison." in summary
    assert "0 of 8 with 2 D steps, 0 of 8 with 1 D step collapsed; no difference is shown in 1 comparison." in summary
    assert " than with " not in summary


def test_many_pairs_are_told_in_part_and_counted_in_whole() -> None:
    rows = [GOOD_8, BAD_8] + [GOOD_8] * 8
    results = made(*((mixture(d + 1), rows[d], ANY_8) for d in range(10)))
    part = observe(results)[1]
    assert len(part.entries) == 24
    assert "21 more pairs of settings are in differences.csv alone." in part.summary
    # the nine pairs with the one bad setting differ, in three scores each; they are told first
    assert sum("is the better" in words for _, words in part.entries) == 9
    assert "23 more differences, in differences.csv; no difference is shown in the other 108" in part.summary


def test_pairing_shows_what_the_means_alone_would_not() -> None:
    one = [(4, 0.9, 0.1 * k) for k in range(1, 9)]
    two = [(4, 0.9, 0.1 * k - 0.01 - 0.001 * k) for k in range(1, 9)]
    results = made((mixture(2), two, ANY_8), (mixture(1), one, ANY_8))
    first, second = results.estimate("jsd", 0), results.estimate("jsd", 1)
    assert second.low < first.value < second.high  # the settings' own intervals overlap
    words = paragraph(results, "2 D steps against 1 D step")
    assert "JSD: lower with 2 D steps than with 1 D step, by 0.015" in words
    assert "modes covered: equal in all 8 seeds" in not_shown(words)


def test_no_difference_is_said_to_be_none() -> None:
    one = [(4, 0.95, 0.05), (3, 0.97, 0.07), (4, 0.96, 0.06), (3, 0.94, 0.04)] * 2
    results = made((mixture(2), one[::-1], ANY_8), (mixture(1), one, ANY_8))
    words = paragraph(results, "2 D steps against 1 D step")
    assert len(not_shown(words)) == 4
    assert "better" not in words
    assert "No difference shown (2 D steps − 1 D step) in modes covered: " in words
    assert re.search(r"; JSD: 0\.000 \[−0\.0\d+, 0\.0\d+\] nats, corrected p 1\.000;", words)


def test_a_difference_that_rounds_to_nothing_is_still_told_from_zero() -> None:
    one = [(4, 0.95, 0.05 + 0.01 * k) for k in range(8)]
    two = [(4, 0.95, jsd - 0.0002 - 0.00001 * k) for k, (_, _, jsd) in enumerate(one)]
    words = paragraph(made((mixture(2), two, ANY_8), (mixture(1), one, ANY_8)), "2 D steps against 1 D step")
    assert re.search(
        r"JSD: lower .* by 0\.0002\d* \[0\.000[12]\d*, 0\.000[23]\d*\] nats, corrected p 0\.008; 2 D", words
    )


def nominal(p: float) -> tuple[list[tuple[float, float, float]], list[tuple[float, float, float]]]:
    """Two settings whose JSD alone differs, over 8 seeds, with the asked p-value, 2/256 or 8/256, uncorrected."""
    # beside five large ones, four of the eight patterns of the signs of -1, 1, 0.9 give a sum of 0.9 or more
    differences = {0.0078125: [1, 1, 0.9], 0.03125: [-1, 1, 0.9]}[p] + [3, 3.5, 4, 4.5, 5]
    one = [(4, 0.95, 0.15) for _ in range(8)]
    two = [(4, 0.95, 0.15 + d / 20) for d in differences]
    assert paired_difference(np.array(two)[:, 2], np.array(one)[:, 2]).p == p
    return two, one


def noise(pattern: int) -> list[int]:
    """Eight signs that add up to 0, as far from 0 as can be under one pattern of flips: a row of Hadamard's matrix."""
    return [(-1) ** bin(pattern & k).count("1") for k in range(8)]


def beside_noise(p: float, targets: int) -> Results:
    """`nominal(p)` in the JSD of mixture_4; its modes and quality, and other targets' scores, differ by chance."""
    two, one = nominal(p)
    signs = zip(noise(1), noise(2), strict=True)
    two = [(3 + (a > 0), 0.95 + b / 100, jsd) for (a, b), (_, _, jsd) in zip(signs, two, strict=True)]
    table = [(mixture(2), two, ANY_8), (mixture(1), one, ANY_8)]
    for mode, first in (("ring_8", 3), ("grid_25", 6))[: targets - 1]:
        columns = zip(noise(first), noise(first + 1), noise((first + 2) % 8 or 1), strict=True)
        other = [(3 + (a > 0), 0.95 + b / 100, 0.15 + c / 100) for a, b, c in columns]
        start = [(3.5, 0.95, 0.15)] * 8
        table += [(Setting(mode=mode, std=0.2, d_steps=d), rows, ANY_8) for d, rows in ((2, other), (1, start))]
    return made(*table)


def test_the_correction_turns_a_nominal_difference_into_none() -> None:
    results = beside_noise(0.03125, 2)
    (jsd,) = (r for r in difference_rows(results) if r["score"] == "jsd" and r["setting"].startswith("mixture"))
    assert jsd["low"] > 0  # by its own interval, and by its own p, there would be one
    assert jsd["p"] < 0.05 < jsd["p_corrected"]
    words = paragraph(results, "2 D steps against 1 D step")
    assert len(not_shown(words)) == 4
    assert f"corrected p {jsd['p_corrected']:.3f}" in words
    assert "better" not in words
    words = paragraph(beside_noise(0.0078125, 2), "2 D steps against 1 D step")
    assert "JSD: higher with 2 D steps than with 1 D step" in words
    assert "1 D step is the better." in words


def test_every_target_counts_in_the_correction() -> None:
    corrected = []
    for targets in (1, 2, 3):
        rows = difference_rows(beside_noise(0.03125, targets))
        assert len(rows) == 4 * targets
        corrected.append(rows[2]["p_corrected"])
    assert 0.03125 < corrected[0] < corrected[1] < corrected[2]


def test_too_few_seeds_are_said_to_be_too_few() -> None:
    for seeds in (2, 5, 6):
        results = made((mixture(2), GOOD_8[:seeds], ANY_8[:seeds]), (mixture(1), BAD_8[:seeds], ANY_8[:seeds]))
        words = paragraph(results, "2 D steps against 1 D step")
        few = f"{seeds} shared seeds. {seeds} seeds are too few for a test, which takes 6."
        assert (few in words) == (seeds < 6)
        every = " ".join(f"{words} {part.summary} {' '.join(part.sentences)}" for part in observe(results))
        assert (re.search("no difference", every, re.I) is None) == (seeds < 6)
        jsd = "JSD is 0.030 to 0.0" in every
        assert (f"{seeds} seeds are too few for a test: JSD is " in every and jsd) == (seeds < 6)
        assert (len(not_shown(words)) == 4) == (seeds < 6)
        assert ("better" not in words) == (seeds < 6)
    rows = [(NAN, NAN, NAN)] * 3 + GOOD_8[3:]
    words = paragraph(made((mixture(2), rows, ANY_8), (mixture(1), BAD_8, ANY_8)), "2 D steps against 1 D step")
    assert words.count("(only 5 of 8 shared seeds have it at both)") == 3
    assert "No difference shown (2 D steps − 1 D step) in share collapsed: equal in all 8 seeds." in words
    assert "Too few seeds for a test (2 D steps − 1 D step) in modes covered: " in words


def test_a_tight_target_is_compared_with_a_wide_one() -> None:
    nulls = [NULL, NULL | {"high_quality": 0.995}]
    for tight, wide in ((GOOD_8, BAD_8), (BAD_8, GOOD_8)):
        settings = [Setting(mode="mixture_4", std=std, d_steps=2) for std in (0.2, 1.2)]
        # in either order of the study the tight one is told against the wide one, within its own target
        for turn in (1, -1):
            table = [(s, rows, ANY_8) for s, rows in zip(settings, (tight, wide), strict=True)]
            results = made(*table[::turn], nulls=nulls[::turn])
            words = paragraph(results, "std 0.2 against std 1.2, 2 D steps")
            assert "Each score is relative to its own target." in words
            assert [heading for heading, _ in observations(results)].count("mixture_4 · std 1.2: 2 D steps") == 1
            assert sum("against" in heading for heading, _ in observations(results)) == 1
            lower = "lower" if tight is GOOD_8 else "higher"
            winner = "std 0.2" if tight is GOOD_8 else "std 1.2"
            assert f"JSD: {lower} with std 0.2 than with std 1.2, by 0." in words
            assert words.count(f"{winner} is captured the better.") == 2
            assert f"; to a perfect generator's 0.989 and 0.995, {winner} is the nearer." in words
    same = made(*((s, GOOD_8, ANY_8) for s in settings))
    assert paragraph(same, "std 0.2 against std 1.2, 2 D steps").count("equal in all 8 seeds") == 4


def test_every_pair_of_d_steps_is_compared_and_only_where_all_else_is_equal() -> None:
    rows = (GOOD, ["converged"] * 4)
    ratios = made(*((mixture(d), *rows) for d in (5, 1, 2)))
    headings = [heading.partition(": ")[2] for heading, _ in observations(ratios)]
    assert headings[3:] == [
        "2 D steps against 1 D step",
        "5 D steps against 1 D step",
        "5 D steps against 2 D steps",
    ]
    rates = made((mixture(2, lr=0.01), *rows), (mixture(1, lr=0.001), *rows))
    assert not any("against" in heading for heading, _ in observations(rates))
    one = made((mixture(2, lr=0.01), *rows), (mixture(2, lr=0.001), *rows))
    headings = [heading.partition(": ")[2] for heading, _ in observations(one)]
    assert headings[2:] == ["2 D steps · lr 0.01 against 2 D steps · lr 0.001"]


def test_capture_is_told_beside_a_perfect_generator() -> None:
    words = paragraph(made((mixture(2), GOOD, ["converged"] * 4)), "2 D steps")
    assert "G covers 4.00 [4.00, 4.00] of 4 modes, all of them in 4 of 4 seeds." in words
    assert "below a perfect generator's 0.989" in words
    assert "nats, above a perfect generator's 0.016." in words
    assert "Verdicts on 4 seeds, as shares [95 % interval]: 4 converged (1.00 [0.51, 1.00])." in words
    worse = paragraph(made((mixture(2), BAD, ["collapsed"] * 3 + ["still learning"])), "2 D steps")
    assert "all of them in 0 of 4 seeds." in worse
    assert "3 collapsed (0.75 [0.30, 0.95]), 1 still learning (0.25 [0.05, 0.70])." in worse
    perfect = [(4, 0.988 + 0.001 * k, 0.015 + 0.001 * k) for k in range(3)]
    same = paragraph(made((mixture(2), perfect, ["converged"] * 3)), "2 D steps")
    assert same.count(", an interval that holds a perfect generator's") == 3  # high quality, JSD, spread
    shrunk = paragraph(made((mixture(2), [(4, 1.0, 0.1), (4, 0.999, 0.1)], ["collapsed"] * 2)), "2 D steps")
    assert "above a perfect generator's 0.989: too many samples lie near a centre, which is under-dispersion" in shrunk


def test_the_diverged_and_the_lost_are_among_all_seeds_and_told():
    """Two of eight collapsed, not two of two that could: the others diverged or lost the data, which is compared."""
    rows = [(0, 0.0, 0.66)] * 8
    gone = ["collapsed"] * 2 + ["lost"] * 5 + ["diverged"]
    results = made((mixture(2), [(NAN, NAN, NAN), *rows[1:]], gone[::-1]), (mixture(1), GOOD * 2, ["converged"] * 8))
    results.verdicts[:8] = [Verdict(verdict.word, "why") for verdict in results.verdicts[:8]]
    captured, changed = observe(results)
    assert "mixture_4 · std 0.2: of 16 GANs 8 converged, 5 are lost, 2 collapsed and 1 diverged" in captured.summary
    words = captured.entries[0][1]
    assert "5 lost (0.62 [0.31, 0.86]), 2 collapsed (0.25 [0.07, 0.59]), 1 diverged (0.12 [0.02, 0.47])" in words
    assert "Lost: seed 1: why; seed 2: why; seed 3: why; and 2 more, see summary.csv." in words
    assert "Only 7 of 8 seeds have scores, and the means are over those." in words
    assert "2 of 8 with 2 D steps (1 diverged, 5 lost), 0 of 8 with 1 D step collapsed" in changed.summary
    assert "Divergence, and loss of the data: no difference is shown in 2 comparisons" in changed.summary
    assert "Share lost: higher" not in changed.entries[0][1]
    assert "share lost: 0.62 [" in changed.entries[0][1]
    all_lost = made((mixture(2), rows, ["lost"] * 8), (mixture(1), GOOD * 2, ["converged"] * 8))
    summary = observe(all_lost)[1].summary
    assert "share lost higher with 2 D steps than with 1 D step on mixture_4 · std 0.2, by 1.00 [1.00, 1.00]" in summary
    fewer = made((mixture(2), [(NAN, NAN, NAN), *rows[1:]], ["lost"] * 8), (mixture(1), GOOD * 2, ["converged"] * 8))
    assert "(p 0.016, only 7 of 8 shared seeds have it at both)" in observe(fewer)[1].summary


def test_members_without_scores_are_left_out_and_counted() -> None:
    rows = [*GOOD[:2], (NAN, NAN, NAN), (NAN, NAN, NAN)]
    results = made(
        (mixture(2), rows, ["converged", "converged", "diverged", "failed"]),
        (mixture(1), BAD, ["collapsed"] * 4),
    )
    results.verdicts[2] = Verdict("diverged", step=40)
    words = paragraph(results, "2 D steps")
    assert "all of them in 2 of 2 seeds." in words
    assert "Only 2 of 4 seeds have scores, and the means are over those." in words
    assert "Verdicts on 3 seeds" in words
    assert "1 diverged (0.33 [" in words
    assert "The earliest divergence was seen at step 40." in words
    assert "1 seed failed to run and is left out." in words
    pair = paragraph(results, "2 D steps against 1 D step")
    assert pair.count("(only 2 of 4 shared seeds have it at both)") == 3
    assert "No difference" not in pair
    table = text_table(results)
    assert re.search(r" 2 D steps +2/4 ", table)
    assert "Seeds m/n" in " ".join(table.split())


def test_nothing_scored_is_nothing_claimed() -> None:
    rows = [(NAN, NAN, NAN)] * 2
    results = made((mixture(2), rows, ["diverged"] * 2), (mixture(1), GOOD[:2], ["converged"] * 2))
    assert paragraph(results, "2 D steps").startswith(
        "None of 2 seeds has a score at the last snapshot. Verdicts on 2 seeds"
    )
    pair = paragraph(results, "2 D steps against 1 D step")
    assert pair.count("no shared seed has it at both") == 3
    assert "better" not in pair


def test_one_seed_has_no_interval_and_shows_no_difference() -> None:
    results = made((mixture(2), GOOD[:1], ["converged"]), (mixture(1), BAD[:1], ["collapsed"]))
    words = paragraph(results, "2 D steps")
    assert "JSD is 0.030 nats, against a perfect generator's 0.016." in words
    assert "From one seed there is no interval" in words
    pair = paragraph(results, "2 D steps against 1 D step")
    assert pair.startswith("One shared seed, so a difference has no interval.")
    assert pair.count(" in the one seed") == 4
    assert "better" not in pair
    assert "there is no interval" in " ".join(text_table(results).split())


def test_a_target_without_modes_is_judged_by_what_it_has() -> None:
    settings = [Setting(mode="swiss_roll", std=0.1, d_steps=d) for d in (2, 1)]
    rows = [(NAN, NAN, 0.1 + 0.01 * k) for k in range(8)], [(NAN, NAN, 0.3 + 0.02 * k) for k in range(8)]
    results = made(*((s, r, ANY_8) for s, r in zip(settings, rows, strict=True)), nulls=[MODELESS] * 2)
    text = " ".join(words for _, words in observations(results))
    assert "modes" not in text.lower()
    assert "High quality" not in text
    assert "JSD: lower with 2 D steps" in text
    assert "scores, and the means" not in text  # all seeds have the scores that there are
    assert "corrected p 0.008" in text  # 2/2^8
    assert re.search(r" 2 D steps +8 +–  +–  +0\.135 \[", text_table(results))


# --- LaTeX --------------------------------------------------------------------------------------------------


def test_the_tex_table_has_the_terminals_numbers_and_escapes() -> None:
    results = made((mixture(2), GOOD, ["converged"] * 4), (mixture(1), BAD, ["collapsed"] * 4))
    lines = tex_table(results).splitlines()
    assert lines[2] == r"\begin{tabular}{llrrrrl}"
    rows = [line for line in lines if line.endswith(r" \\")]
    assert len(rows) == 1 + 2 + 1
    for row in rows:
        assert len(re.findall(r"(?<!\\)&", row)) == 6
        assert not re.search(r"(?<!\\)[_%#]", row)
    assert rows[1].startswith(r"mixture\_4 $\cdot$ std 0.2 & 2 D steps & 4 & 4.0 [4.0, 4.0] & ")
    assert rows[3].startswith(" & perfect G & ")
    plain = text_table(results)
    for cell in re.findall(r"\d\.\d+ \[[^]]*\]", "".join(rows)):
        assert cell.replace("$-$", "−") in plain
    lone = tex_table(made((Setting(mode="swiss_roll", std=0.1), [(NAN, NAN, 0.1)], ["converged"]), nulls=[MODELESS]))
    assert " & -- & -- & 0.100 & " in lone


# --- tables -------------------------------------------------------------------------------------------------


def test_the_table_holds_the_estimates_and_fits_the_terminal() -> None:
    results = made(
        (mixture(2), [(4, 0.9, 0.05), (1, 0.2, 0.5)], ["collapsed", "still learning"]),
        (mixture(1), [(NAN, NAN, NAN), (2, 0.5, 0.4)], ["diverged", "collapsed"]),
    )
    lines = text_table(results).splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[1] == "mixture_4 · std 0.2"
    e = results.estimate("jsd", 0)
    row = lines[2].replace("−", "-")
    assert f"{e.value:.3f} [{e.low:.3f}, {e.high:.3f}]" in row
    assert "1 collapsed" in lines[2]
    assert lines[3].split() == ["1", "still", "learning"]
    assert re.fullmatch(r" 1 D step +1/2 +2\.0 +0\.500 +0\.400 +1 collapsed", lines[4])
    perfect = next(line for line in lines if "perfect G" in line)
    assert perfect.split()[2:] == ["4", "0.989", "0.016"]
    assert "nan" not in "\n".join(lines).lower()


def test_both_reports_show_the_estimates(tmp_path: Path) -> None:
    results = made((mixture(2), GOOD, ["converged"] * 4), (mixture(1), BAD, ["collapsed"] * 3 + ["diverged"]))
    html, markdown = report(results, tmp_path)
    cells = [" ".join(cell.split()).replace("−", "-") for cell in Page(html).cells]
    rows = markdown.replace("−", "-")
    for index in (0, 1):
        for name, digits in (("modes_covered", 2), ("high_quality", 3), ("jsd", 3)):
            e = results.estimate(name, index)
            shown = f"{e.value:.{digits}f} [{e.low:.{digits}f}, {e.high:.{digits}f}]"
            assert shown in cells
            assert f"| {shown} |" in rows
    assert "3 collapsed 1 diverged" in cells
    assert "| 3 collapsed, 1 diverged |" in rows
    for part in observe(results):
        sentences = [(part.heading, sentence) for sentence in part.sentences]
        for heading, words in [*part.entries, (part.heading, part.summary), *sentences]:
            assert words in Page(html).text
            assert heading in Page(html).text
            assert words in markdown
    for text in (Page(html).text, markdown):
        assert FACTS["command"] in text
        assert "torch 2.13.0" in text
        assert "Device cpu, 1 thread a worker, training 12 s, all 20 s." in text
        assert "seeds 0 to 3 and 100 generator steps each, at 2048 samples" in text
        assert "nan" not in re.findall(r"\w+", text.lower())


def test_numbers_that_do_not_exist_are_dashes(tmp_path: Path) -> None:
    results = made((mixture(2), [(NAN, NAN, NAN)] * 2, ["diverged"] * 2))
    html, markdown = report(results, tmp_path, facts={})
    assert Page(html).cells.count("–") == 3
    assert "| mixture_4 · std 0.2 | 2 D steps | 0/2 | – | – | – | 2 diverged |" in markdown
    assert "nan" not in re.findall(r"\w+", (Page(html).text + markdown + text_table(results)).lower())


# --- the files ----------------------------------------------------------------------------------------------


def test_the_page_holds_its_pictures_and_asks_for_nothing(tmp_path: Path) -> None:
    results = made((mixture(2), GOOD, ["converged"] * 4), (mixture(1), BAD, ["collapsed"] * 4))
    html, _ = report(results, tmp_path)
    page = Page(html)
    policy = next(m["content"] for m in page.every("meta") if m.get("http-equiv") == "Content-Security-Policy")
    # nothing runs but the page's one program, and that it is this one stands in the policy
    (program,) = page.programs
    digest = base64.b64encode(hashlib.sha256(program.encode()).digest()).decode()
    assert policy == f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert page.every("script") == [{}]
    assert program == (Path(__file__).parents[2] / "dynamics/reports/templates/player.js").read_text(encoding="utf-8")
    assert not re.search(r"fetch|XMLHttp|WebSocket|import|eval|innerHTML|https?:", program)
    images = page.every("img")
    assert len(images) == 2 + 2 * 3 + 1
    for image in images:
        kind, _, data = (image["src"] or "").partition(";base64,")
        assert kind in ("data:image/png", "data:image/gif")
        with Image.open(io.BytesIO(base64.b64decode(data, validate=True))) as picture:
            picture.load()
            assert (str(picture.width), str(picture.height)) == (image["width"], image["height"])
            assert getattr(picture, "n_frames", 1) == (2 if kind.endswith("gif") else 1)
        assert image["alt"]
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "object", "form", "base")
        assert not any(name.startswith("on") or name in ("srcset", "action", "background") for name in attributes)
        if "href" in attributes:
            assert (attributes["href"] or "").removeprefix("#") in ids
    style = html.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    assert not re.search(r"https?://", html)
    assert page.every("html") == [{"lang": "en"}]
    assert any(m.get("name") == "viewport" for m in page.every("meta"))


def test_markdown_links_lead_to_files(tmp_path: Path) -> None:
    results = made((mixture(2, loss="hinge"), GOOD, ["converged"] * 4), (mixture(1), BAD, ["collapsed"] * 4))
    _, markdown = report(results, tmp_path)
    links = re.findall(r"\]\(([^)]*)\)", markdown)
    assert len(links) == 2 + 2 * 3 + 1 + 5
    for link in links:
        assert (tmp_path / "run" / unquote(link)).is_file()
    tables = [line for line in markdown.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in tables[:5]} == {8}


def test_names_stay_text(tmp_path: Path) -> None:
    question = f"{EVIL} [a](http://evil.example) | *b* `c`\n\n# not a heading ~~d~~ $x$ &amp;"
    results = made((mixture(2), GOOD, ["converged"] * 4), name=EVIL, question=question)
    results.failures.append({"members": [0, 2], "error": f"```\n{EVIL} {{{{ 7 * 7 }}}}"})
    html, markdown = report(results, tmp_path, pictures=False, facts={**FACTS, "command": f"x ```\n{EVIL}"})
    page = Page(html)
    assert not page.every("img")
    assert not page.every("a") or all((a["href"] or "").startswith("#") for a in page.every("a"))
    assert page.text.count(EVIL) == 5  # title, heading, question, failure, command
    assert "{{ 7 * 7 }}" in page.text
    assert "mixture_4-std0.2-d2 seeds 0, 2" in page.text
    outside = re.sub(r"(?ms)^(`{3,})\n.*?\n\1$", "", markdown)
    assert "<img" not in outside
    assert "`" not in outside.replace("\\`", "")
    assert "](" not in re.sub(r"\]\([\w/.-]+\)", "", outside.replace("\\](", ""))
    assert not re.search(r"^# not", markdown, re.M)
    assert outside.startswith("# &lt;img src=x onerror=alert(1)&gt;\n\n&lt;img")
    assert r"\| \*b\* \`c\` # not a heading \~\~d\~\~ \$x\$ &amp;amp;" in outside
    for text, shown in (
        ("- a", r"\- a"),
        ("1. a", r"1\. a"),
        ("[a]: b", r"\[a]: b"),
        ("[0.1, 0.2]", "[0.1, 0.2]"),
    ):
        assert escaped(text) == shown  # a list, a link's definition; an interval is neither
    assert "````\nx ```\n" in markdown  # a fence longer than any inside


def test_without_pictures_the_report_says_how_to_get_them(tmp_path: Path) -> None:
    results = made((mixture(2), GOOD, ["converged"] * 4))
    html, markdown = report(results, tmp_path, pictures=False)
    for text in (Page(html).text, markdown):
        assert "This run's pictures have not been drawn." in text
        assert f"python main.py render {tmp_path.as_posix()}/run" in text
    assert not Page(html).every("img")
    assert "![" not in markdown


def test_pictures_that_are_missing_or_broken_are_left_out(tmp_path: Path) -> None:
    results = made((mixture(2), GOOD, ["converged"] * 4))
    folder = RunFolder.create(tmp_path)
    paths = draw(folder, results)
    (folder.path / "comparison.gif").unlink()
    (folder.path / paths[0]).write_bytes(b"<svg onload=alert(1)>")
    write_report(results, folder, FACTS)
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert len(page.every("img")) == 4
    assert "2 of this run's 6 pictures are not in its folder." in page.text


def test_one_moment_is_no_animation_and_none_is_missed(tmp_path: Path) -> None:
    results = made((mixture(2), GOOD, ["converged"] * 4))
    results.frame_steps, results.samples = results.frame_steps[:, 1:], results.samples[:, 1:]
    folder = RunFolder.create(tmp_path)
    for path in draw(folder, results):
        if path.endswith(".gif"):
            (folder.path / path).unlink()
    write_report(results, folder, FACTS)
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert len(page.every("img")) == 4
    assert "pictures" not in page.text
    assert not page.every("script")  # there is nothing to play


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    results = made((mixture(2), GOOD, ["converged"] * 4))
    first = report(results, tmp_path)
    write_report(results, RunFolder(tmp_path / "run"), FACTS)
    assert (tmp_path / "run/report.html").read_text(encoding="utf-8") == first[0]
    assert (tmp_path / "run/report.md").read_text(encoding="utf-8") == first[1]


# --- a study's own parts ------------------------------------------------------------------------------------

STUDY_PARTS = [
    StudyPart(
        "1. One alone",
        "It is 2.0 [1.5, 2.5].",
        "part-1-one.png",
        "panels_figure",
        {},
        [{"c": "1", "L": "2 [1, 3]"}],
        "Two",
    ),
    StudyPart("2. Both", "No difference is shown.", "part-2-both.png", "panels_figure", {}),
]


def with_parts(path: Path, parts: Sequence[StudyPart], pictures: Sequence[str]) -> tuple[str, str]:
    results = made((mixture(2), GOOD, ["converged"] * 4))
    folder = RunFolder.create(path / "run")
    draw(folder, results)
    for picture in pictures:
        Image.new("RGB", (120, 40)).save(folder.path / picture)
    write(results, folder, [ReportedRun("run", folder, results, FACTS, parts)])
    return tuple((folder.path / f"report.{kind}").read_text(encoding="utf-8") for kind in ("html", "md"))  # type: ignore[return-value]


def test_a_part_has_its_title_sentence_picture_and_table(tmp_path: Path) -> None:
    html, markdown = with_parts(tmp_path, STUDY_PARTS, ["part-1-one.png", "part-2-both.png"])
    page = Page(html)
    for part in STUDY_PARTS:
        assert part.sentence in page.text
        assert part.sentence in markdown
        assert page.text.index(part.sentence) < page.text.rindex("All settings") < page.text.rindex("How it was")
    assert "\n## 1\\. One alone\n" in markdown
    assert "\n## 2\\. Both\n" in markdown
    # a picture says what it shows, or else which part it is of
    assert [i["alt"] for i in page.every("img")][:2] == ["Two", "2. Both"]
    assert all(str(i["src"]).startswith("data:image/png") for i in page.every("img")[:2])
    assert "![Two](part-1-one.png)" in markdown
    assert r"![2\. Both](part-2-both.png)" in markdown
    assert [" ".join(cell.replace("\u00a0", " ").split()) for cell in page.cells[:4]] == ["c", "L", "1", "2 [1, 3]"]
    assert "\n| c | L |\n|---|---|\n| 1 | 2 [1, 3] |\n" in markdown
    assert "pictures" not in page.text


def test_links_lead_to_the_parts(tmp_path: Path) -> None:
    page = Page(with_parts(tmp_path, STUDY_PARTS, ["part-1-one.png", "part-2-both.png"])[0])
    anchors = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    assert {"part-1", "part-2", "settings"} <= anchors
    assert {str(a["href"])[1:] for a in page.every("a") if str(a["href"]).startswith("#")} <= anchors


def test_a_parts_missing_picture_is_missed(tmp_path: Path) -> None:
    html, markdown = with_parts(tmp_path, STUDY_PARTS, ["part-1-one.png"])
    for text in (Page(html).text, markdown):
        assert "1 of this run's 8 pictures is not in its folder." in text
        assert "No difference is shown." in text


def test_hostile_parts_are_harmless(tmp_path: Path) -> None:
    part = StudyPart(EVIL, EVIL, "part.png", "f", {}, [{EVIL: f"{EVIL} | *b*"}], EVIL)
    html, markdown = with_parts(tmp_path, [part], ["part.png"])
    page = Page(html)
    assert not any("onerror" in attributes for _, attributes in page.tags)
    assert page.every("img")[0]["alt"] == EVIL
    assert "<img" not in markdown
    assert r"\| \*b\* |" in markdown


def test_without_parts_there_is_no_heading_of_theirs(tmp_path: Path) -> None:
    html, markdown = with_parts(tmp_path, [], [])
    assert "All settings" not in Page(html).text
    assert "## All settings" not in markdown


def test_runs_beside_one_another_have_their_own_parts(tmp_path: Path) -> None:
    results = made((mixture(2), GOOD, ["converged"] * 4), (mixture(1), BAD, ["collapsed"] * 4))
    homes = []
    for name in ("a", "b"):
        home = RunFolder.create(tmp_path / name)
        Image.new("RGB", (120, 40)).save(home.path / "part-1-one.png")
        homes.append(home)
    out = RunFolder.create(tmp_path / "joint")
    one = made((mixture(2), GOOD, ["converged"] * 4))
    two = made((mixture(1), BAD, ["collapsed"] * 4))
    reported = [
        ReportedRun(*run, FACTS, STUDY_PARTS[:1], [k])
        for k, run in enumerate(zip("ab", homes, (one, two), strict=True))
    ]
    write(results, out, reported)
    markdown = (out.path / "report.md").read_text(encoding="utf-8")
    for name in "ab":
        assert f"\n## {name}, 1. One alone\n\nIt is 2.0 [1.5, 2.5].\n\n![Two](../{name}/part-1-one.png)\n" in markdown


def test_very_many_settings_have_no_animation_side_by_side_and_none_is_missed(tmp_path: Path) -> None:
    for count, many in ((12, False), (13, True)):
        results = made(*((mixture(d + 1), GOOD[:1], ["converged"]) for d in range(count)))
        folder = RunFolder.create(tmp_path / str(count))
        draw(folder, results)
        (folder.path / "comparison.gif").unlink()
        write_report(results, folder, FACTS)
        page = Page((folder.path / "report.html").read_text(encoding="utf-8"))
        assert ("not in its folder" in page.text) is not many
        assert ("A line a setting" in page.text) is many
        assert ("Left: final samples" in page.text) is not many


# --- in a browser -------------------------------------------------------------------------------------------

# what the page says of itself: its width, its window's, pictures that did not decode
LOOK = """(async () => {
  const images = [...document.images];
  const decoded = await Promise.allSettled(images.map(image => image.decode()));
  return {
    wide: document.documentElement.scrollWidth, window: innerWidth, images: images.length,
    films: document.querySelectorAll('canvas.film').length,
    broken: decoded.filter(d => d.status != 'fulfilled').length,
    dark: getComputedStyle(document.body).backgroundColor,
  };
})()"""


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: the page is not looked at in a browser")
def test_nothing_overflows_in_a_browser(tmp_path: Path) -> None:
    many = [(mixture(d, loss=loss), GOOD, ["converged"] * 4) for d in (1, 2, 5) for loss in ("hinge", "lsgan")]
    results = made(*many, name=EVIL, question="w" * 200)
    facts = {**FACTS, "command": "python main.py --mode mixture_4 " + "x" * 300}
    report(results, tmp_path, facts=facts)
    browser = Browser(tmp_path)
    try:
        target = browser.ask("Target.createTarget", url="about:blank")["targetId"]
        session = browser.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            browser.ask(f"{domain}.enable", session)
        backgrounds = set()
        for width, scheme in ((1280, "light"), (390, "light"), (390, "dark")):
            media = [{"name": "prefers-color-scheme", "value": scheme}]
            browser.ask("Emulation.setEmulatedMedia", session, features=media)
            size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
            browser.ask("Emulation.setDeviceMetricsOverride", session, **size)
            browser.ask("Page.navigate", session, url=(tmp_path / "run/report.html").as_uri())
            while not any(event.get("method") == "Page.loadEventFired" for event in browser.events):
                browser.events.append(browser.hear())
            look = browser.ask("Runtime.evaluate", session, expression=LOOK, awaitPromise=True, returnByValue=True)
            seen = look["result"]["value"]
            assert seen["window"] == width
            assert seen["wide"] <= width
            assert seen["images"] + seen["films"] == 2 + 6 * 3 + 1
            assert seen["broken"] == 0
            backgrounds.add(seen["dark"])
            methods = [event.get("method") for event in browser.events]
            requests = [
                e["params"]["request"]["url"] for e in browser.events if e.get("method") == "Network.requestWillBeSent"
            ]
            assert all(url.startswith(("file:", "data:")) for url in requests)
            assert "Log.entryAdded" not in methods
            assert "Runtime.exceptionThrown" not in methods
            assert "Page.javascriptDialogOpening" not in methods
            browser.events.clear()
        assert len(backgrounds) == 2  # light and dark differ
    finally:
        browser.close()
