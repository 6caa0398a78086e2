"""What a run's numbers say of each target, in sentences.

Sentences are composed from the numbers that the tables show: a difference between settings is named only where its
p-value, corrected for every comparison of the report (`intervals.max_t`), is below 5 %; a score is called above or
below a perfect generator's only where its interval leaves that out; and what was not measured is said to be missing.
"""

from __future__ import annotations

import itertools

import numpy as np

from intervals import Estimate, smallest_p
from results import COMPARED, Compared, Pair, Results, differences, setting_labels
from tables import SCORES, counted, has_score, mean_words, number, places, targets_of, verdict_counts

REASONED = ("collapsed", "oscillating", "diverged")  # verdicts told with their reasons
LEVEL = 0.05  # a difference is shown where its corrected p-value is below


def observations(results: Results) -> list[tuple[str, str]]:
    """(heading, paragraph) of what the numbers say of each target: each setting, then pairs of settings compared."""
    return [
        (f"{target}: {heading}", words)
        for target, indices in targets_of(results).items()
        for heading, words in observe(results, indices)
    ]


def observe(results: Results, indices: list[int]) -> list[tuple[str, str]]:
    """The observations on one target's settings; a pair of two stds is told at that of its first."""
    labels = [label for _, label in setting_labels(results.study.settings)]
    found = [(labels[i], f"{_capture(results, i)} {_judged(results, i)}".strip()) for i in indices]
    family = differences(results)
    pairs: dict[Pair, list[Compared]] = {}
    for compared in family:
        if compared.pair.first in indices:
            pairs.setdefault(compared.pair, []).append(compared)
    for pair, of_scores in pairs.items():
        (x_target, x), (y_target, y) = (setting_labels(results.study.settings)[i] for i in pair[:2])
        heading = f"{x} against {y}"
        if pair.option == "std":  # which the labels of the two targets name, and the rest is equal
            rest, x, y = x, x_target.partition(" · ")[2], y_target.partition(" · ")[2]
            heading = f"{x} against {y}, {rest}"
        words = [_intro(of_scores[0].shared)]
        if pair.option == "std":
            words.append("Each score is relative to its own target.")
        words += [_difference(results, c, x, y) for c in of_scores]
        found.append((heading, " ".join(words)))
    return found


def _capture(results: Results, index: int) -> str:
    """How well a setting's generators capture the target, beside a perfect one."""
    names = [n for n in (*COMPARED, "spread") if has_score(results, n, index)]
    scored = max((results.estimate(name, index).n for name in names), default=0)
    seeds, modes = len(results.of_setting(index)), results.modes[index]
    if not scored:
        return f"None of {counted(seeds, 'seed')} has a score at the last snapshot."
    said = []
    for name in names:
        e, null, score = results.estimate(name, index), results.null[index][name][0], SCORES[name]
        if name == "modes_covered" and modes:
            full = int((results.final(name, index) == modes).sum())
            if modes == 1:
                said.append(f"G covers the target's one mode in {full} of {counted(e.n, 'seed')}.")
            else:
                said.append(
                    f"G covers {mean_words(e)} of {modes} modes, all of them in {full} of {counted(e.n, 'seed')}."
                )
            continue
        digits = places(score.digits, (e.low, null), (e.high, null))
        value, perfect = mean_words(e, digits), f"a perfect generator's {number(null, digits)}"
        unit = f" {score.unit}" if score.unit else ""
        title = score.title[0].upper() + score.title[1:]
        if e.n == 1:
            said.append(f"{title} is {value}{unit}, against {perfect}.")
        elif e.low <= null <= e.high:
            said.append(f"{title} is {value}{unit}: no difference from {perfect} is shown.")
        elif e.high < null:
            said.append(f"{title} is {value}{unit}, below {perfect}.")
        elif name == "high_quality":
            said.append(
                f"{title} is {value}, above {perfect}: too many samples lie near a centre,"
                " which is under-dispersion, not excellence."
            )
        else:
            said.append(f"{title} is {value}{unit}, above {perfect}.")
    if scored < seeds:
        have = "has" if scored == 1 else "have"
        said.append(f"Only {scored} of {seeds} seeds {have} scores, and the means are over those.")
    if scored == 1:
        said.append("From one seed there is no interval: another seed may do otherwise.")
    return " ".join(said)


def _judged(results: Results, index: int) -> str:
    """The verdicts on a setting's seeds, each share with Wilson's interval."""
    counts = verdict_counts(results, index)
    failed = counts.pop("failed", 0)
    said = []
    if counts:
        n = sum(counts.values())
        shares = [f"{count} {word} ({mean_words(results.share(word, index))})" for word, count in counts.items()]
        said.append(f"Verdicts on {counted(n, 'seed')}, as shares [95 % interval]: {', '.join(shares)}.")
    why: dict[str, list[str]] = {}  # word -> seeds and reasons
    for m in results.of_setting(index):
        if results.verdicts[m] in REASONED and results.details[m]:
            why.setdefault(results.verdicts[m], []).append(f"seed {results.members[m].seed}: {results.details[m]}")
    for word, reasons in why.items():
        more = f"; and {len(reasons) - 3} more, see summary.csv" if len(reasons) > 3 else ""
        said.append(f"{word[0].upper() + word[1:]}: {'; '.join(reasons[:3])}{more}.")
    steps = [at for m in results.of_setting(index) if (at := results.diverged_at[m]) is not None]
    if steps:
        said.append(f"The earliest divergence was seen at step {min(steps)}.")
    if failed:
        said.append(f"{counted(failed, 'seed')} failed to run and {'is' if failed == 1 else 'are'} left out.")
    return " ".join(said)


def _intro(shared: int) -> str:
    """What a pair's paragraph is made from, and whether so few seeds can show a difference at all."""
    if shared == 1:
        return "One shared seed, so a difference has no interval."
    said = f"Differences within a seed, mean [95 % interval] over {counted(shared, 'shared seed')}."
    if smallest_p(shared) < LEVEL:
        return said
    needed = next(n for n in itertools.count(1) if smallest_p(n) < LEVEL)
    return f"{said} So few seeds cannot show a difference: that takes {needed}."


def _p_words(p: float) -> str:
    if p < 0.001:
        return "below 0.001" if p < 0.0005 else number(p, 4)
    return number(min(p, 1.0), places(3, (p, LEVEL)))


def _difference(results: Results, compared: Compared, x: str, y: str) -> str:
    """What the paired values of a score show of the first setting, named `x`, against the second, `y`."""
    name, option = compared.score, compared.pair.option
    score, nulls = SCORES[name], [results.null[i][name][0] for i in compared.pair[:2]]
    title, unit = score.title[0].upper() + score.title[1:], f" {score.unit}" if score.unit else ""
    e = compared.difference.estimate
    left_out = f"; only {e.n} of {compared.shared} shared seeds have it at both" if e.n < compared.shared else ""
    digits = places(score.digits, (e.low, 0), (e.high, 0), (e.value, 0))
    if e.n == 0:
        return f"{title}: no difference can be shown, no shared seed has it at both."
    if e.n == 1:
        value = number(e.value, digits)
        return f"{title}: no difference can be shown from one seed ({x} − {y}: {value}{unit}{left_out})."
    if left_out and smallest_p(e.n) >= LEVEL:
        left_out += ", too few to show one"
    if e.value == e.low == e.high == 0:
        return f"{title}: no difference shown (equal in all {e.n} seeds{left_out})."
    corrected = f"corrected p {_p_words(compared.p_corrected)}"
    if not compared.p_corrected < LEVEL:
        return f"{title}: no difference shown ({x} − {y}: {mean_words(e, digits)}{unit}, {corrected}{left_out})."
    by = mean_words(e if e.value > 0 else Estimate(-e.value, -e.high, -e.low, e.n), digits)
    if np.isclose(e.low, e.high, rtol=1e-9, atol=0):
        left_out += "; every seed differs by the same, so the interval has no width"
    upward = e.value > 0
    words = ("more", "fewer") if name == "modes_covered" else ("higher", "lower")
    said = f"{title}: {words[0] if upward else words[1]} with {x} than with {y}, by {by}{unit}, {corrected}{left_out}"
    if name == "high_quality":  # more is not better: nearer to a perfect generator's is
        far = [abs(mean - null) for mean, null in zip(compared.means, nulls, strict=True)]
        if option == "std":  # two targets, each with its own
            place = (
                f"{x} is the nearer"
                if far[0] < far[1]
                else f"{y} is the nearer"
                if far[0] > far[1]
                else "both are as near"
            )
            there = " and ".join(number(null, score.digits) for null in nulls)
            return f"{said}; to a perfect generator's {there}, {place}."
        place = "nearer to" if far[0] < far[1] else "further from" if far[0] > far[1] else "as far from"
        return f"{said}; the mean with {x} is {place} a perfect generator's {number(nulls[0], score.digits)}."
    better = x if upward == (name == "modes_covered") else y
    return f"{said}; {better} is {'captured the better' if option == 'std' else 'the better'}."
