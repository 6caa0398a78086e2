"""What a run's numbers say of each target, in sentences.

Sentences are composed from the numbers that the tables show: a difference is named only where its interval
leaves out 0, a score is called above or below a perfect generator's only where its interval leaves that out,
and what was not measured is said to be missing.
"""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np

from intervals import Estimate, mean_interval
from results import Results, setting_labels
from settings import Setting
from tables import COMPARED, SCORES, counted, has_score, mean_words, number, places, targets_of, verdict_counts


def observations(results: Results) -> list[tuple[str, str]]:
    """(heading, paragraph) of what the numbers say of each target: each setting, then D steps compared."""
    return [
        (f"{target}: {heading}", words)
        for target, indices in targets_of(results).items()
        for heading, words in observe(results, indices)
    ]


def observe(results: Results, indices: list[int]) -> list[tuple[str, str]]:
    """The observations on one target's settings."""
    labels = [label for _, label in setting_labels(results.study.settings)]
    found = [(labels[i], f"{_capture(results, i)} {_judged(results, i)}".strip()) for i in indices]
    alike: dict[Setting, list[int]] = {}
    for i in indices:
        alike.setdefault(dataclasses.replace(results.study.settings[i], d_steps=1), []).append(i)
    for group in alike.values():
        group.sort(key=lambda i: results.study.settings[i].d_steps)
        for fewer, more in itertools.combinations(group, 2):
            found.append((f"{labels[more]} against {labels[fewer]}", _compare(results, more, fewer)))
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
    steps = [at for m in results.of_setting(index) if (at := results.diverged_at[m]) is not None]
    if steps:
        said.append(f"The earliest loss that was not finite was seen at step {min(steps)}.")
    if failed:
        said.append(f"{counted(failed, 'seed')} failed to run and {'is' if failed == 1 else 'are'} left out.")
    return " ".join(said)


def _compare(results: Results, more: int, fewer: int) -> str:
    """Two settings that differ in D steps alone, compared within each seed that they share."""
    rows = [{results.members[m].seed: m for m in results.of_setting(i)} for i in (more, fewer)]
    seeds = sorted(rows[0].keys() & rows[1].keys())
    a, b = ([row[seed] for seed in seeds] for row in rows)
    said = [f"Differences within a seed, mean [95 % interval] over {len(seeds)} shared seeds."]
    if len(seeds) == 1:
        said = ["One shared seed, so a difference has no interval."]
    for name in COMPARED:
        if has_score(results, name, more):
            pair = (results.scores[name][a, -1], results.scores[name][b, -1])
            said.append(_difference(results, name, (more, fewer), *pair))
    return " ".join(said)


def _difference(results: Results, name: str, indices: tuple[int, int], a: np.ndarray, b: np.ndarray) -> str:
    """What the paired values (n,) of a score show of the first setting against the second."""
    score, null = SCORES[name], results.null[indices[0]][name][0]
    title, unit = score.title[0].upper() + score.title[1:], f" {score.unit}" if score.unit else ""
    x, y = (setting_labels(results.study.settings)[i][1] for i in indices)
    both = np.isfinite(a) & np.isfinite(b)
    shared, a, b = len(a), a[both], b[both]
    e = mean_interval(a - b)
    left_out = f"; only {e.n} of {shared} shared seeds have it at both" if e.n < shared else ""
    digits = places(score.digits, (e.low, 0), (e.high, 0), (e.value, 0))
    if e.n == 0:
        return f"{title}: no difference can be shown, no shared seed has it at both."
    if e.n == 1:
        value = number(e.value, digits)
        return f"{title}: no difference can be shown from one seed ({x} − {y}: {value}{unit}{left_out})."
    if np.array_equal(a, b):
        return f"{title}: no difference shown (equal in all {e.n} seeds{left_out})."
    if e.low <= 0 <= e.high:
        return f"{title}: no difference shown ({x} − {y}: {mean_words(e, digits)}{unit}{left_out})."
    by = mean_words(e if e.value > 0 else Estimate(-e.value, -e.high, -e.low, e.n), digits)
    if np.isclose(e.low, e.high, rtol=1e-9, atol=0):
        left_out += "; every seed differs by the same, so the interval has no width"
    upward = e.value > 0
    words = ("more", "fewer") if name == "modes_covered" else ("higher", "lower")
    said = f"{title}: {words[0] if upward else words[1]} with {x} than with {y}, by {by}{unit}{left_out}"
    if name == "high_quality":  # more is not better: nearer to a perfect generator's is
        far = [abs(float(values.mean()) - null) for values in (a, b)]
        place = "nearer to" if far[0] < far[1] else "further from" if far[0] > far[1] else "as far from"
        return f"{said}; the mean with {x} is {place} a perfect generator's {number(null, score.digits)}."
    return f"{said}; {x if upward == (name == 'modes_covered') else y} is the better."
