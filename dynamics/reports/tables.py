"""The comparison as a table for terminal and report, and numbers in words."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from dynamics.base.intervals import Estimate
from dynamics.base.text_tables import aligned
from dynamics.runner.results import Results
from dynamics.settings.budget import samples_seen, updates
from dynamics.settings.catalogue.scores import COLUMNS, MODES, SCORES
from dynamics.targets.user_files import notes_of

NONE = "–"  # in place of a number that does not exist
SPENT = {  # budget -> what it counts, and how
    "updates": ("updates of D and G together", updates),
    "samples": ("real samples seen by D", samples_seen),
}
WIDTH = 100  # columns of the terminal's table


MODE_COUNTS = tuple(name for name, facts in SCORES.items() if facts.ends == MODES)


class Row(NamedTuple):
    """A line of the comparison: a setting, or what a perfect generator scores at the settings' target."""

    label: str
    seeds: str
    # mean and interval, in the order of the columns; then how many seeds have it, where others have another of them
    scores: list[tuple[str, str]]
    verdicts: list[str]


def text_table(results: Results) -> str:
    """The comparison for a terminal: a line per setting, and a perfect generator's scores at each target."""
    columns = columns_of(results)
    lines = [["", "seeds", *(title_of(name) for name in columns), "verdicts"]]
    titles = {}
    for target, indices in results.targets.items():
        titles[len(lines)] = target
        for row in rows_of(results, indices, perfect="perfect G", digits=dict.fromkeys(MODE_COUNTS, 1)):
            cells = [f"{mean} {interval}".rstrip() for mean, interval in row.scores]
            verdicts = row.verdicts or [""]
            lines.append([f" {row.label}", row.seeds, *cells, verdicts[0]])
            lines += [[""] * (len(columns) + 2) + [verdict] for verdict in verdicts[1:]]
    return "\n".join([aligned(lines, titles), "", *textwrap.wrap(legend(results, "perfect G"), WIDTH)])


def tex_table(results: Results) -> str:
    """The comparison as a LaTeX table (booktabs) for a paper: the terminal's rows, a rule between targets."""
    columns = columns_of(results)
    titles = ["target", "setting", "seeds", *(title_of(name) for name in columns), "verdicts"]
    lines = [
        "% \\usepackage{booktabs}",
        "% " + " ".join(legend(results, "perfect G").split()),
        f"\\begin{{tabular}}{{ll{'r' * (1 + len(columns))}l}}",
        "\\toprule",
        " & ".join(map(_tex, titles)) + r" \\",
    ]
    for target, indices in results.targets.items():
        lines.append("\\midrule")
        for number, row in enumerate(
            rows_of(results, indices, perfect="perfect G", digits=dict.fromkeys(MODE_COUNTS, 1))
        ):
            scores = [f"{mean} {interval}".rstrip() for mean, interval in row.scores]
            cells = [target if number == 0 else "", row.label, row.seeds, *scores, ", ".join(row.verdicts)]
            lines.append(" & ".join(map(_tex, cells)) + r" \\")
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}"]) + "\n"


_TEX = {c: f"\\{c}" for c in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "−": "$-$",
    "–": "--",
    "·": r"$\cdot$",
    "∞": r"$\infty$",
}


def _tex(text: str) -> str:
    return "".join(_TEX.get(c, c) for c in text)


def legend(results: Results, perfect: str) -> str:
    """What the table's brackets, null and signs mean."""
    samples = results.samples.shape[2]
    words = (
        "Mean over seeds [95 % interval of that mean];"
        f" {perfect}: what {samples} samples of the target itself score on average. Budget: {budget_words(results)}."
    )
    rows = [row for indices in results.targets.values() for row in rows_of(results, indices)]
    if any("/" in cell for row in rows for cell in (row.seeds, *(words for _, words in row.scores))):
        words += " Seeds m/n: m of n have scores, the means are over those."
    if results.study.seeds == 1:
        words += " One seed: there is no interval."
    if any(mean == NONE for row in rows for mean, _ in row.scores):
        words += f" {NONE}: the target cannot have that score, or no seed has it."
    return " ".join([words, *(f"{name}: {note}." for name, note in notes_of(results.study.settings).items())])


def budget_words(results: Results) -> str:
    """What the settings spend alike, and how many generator steps that is."""
    steps, budget = results.steps, results.study.budget
    if min(steps) == max(steps):
        return f"{counted(steps[0], 'generator step')} each"
    between = f"{min(steps)} to {max(steps)} generator steps"
    if budget not in SPENT or any("budget" in apart for apart in results.apart):
        return between
    words, spent_in = SPENT[budget]
    spent = [spent_in(setting, n) for setting, n in zip(results.study.settings, steps, strict=True)]
    return f"{round(float(np.mean(spent)))} {words} each, to the nearest round, in {between}"


def columns_of(results: Results) -> list[str]:
    return [name for name in COLUMNS if name in results.scores]


def title_of(name: str) -> str:
    score = SCORES[name]
    return f"{score.title}, {score.unit}" if score.unit else score.title


def rows_of(
    results: Results,
    indices: list[int],
    *,
    perfect: str = "perfect generator",
    digits: Mapping[str, int] | None = None,
) -> list[Row]:
    """The settings of one target, then its null; `digits` replaces those of some scores."""
    columns = columns_of(results)
    places = {name: SCORES[name].digits for name in columns} | dict(digits or {})
    rows = []
    for index in indices:
        scored = max((results.estimate(name, index).n for name in columns), default=0)
        seeds = len(results.of_setting(index))
        scores = []
        for name in columns:
            missing = Estimate(np.nan, np.nan, np.nan, 0)
            e = results.estimate(name, index) if has_score(results, name, index) else missing
            fewer = f"({e.n}/{seeds})" if 0 < e.n < scored else ""
            scores.append((number(e.value, places[name]), f"{interval(e, places[name])} {fewer}".strip()))
        verdicts = [f"{count} {verdict}" for verdict, count in verdict_counts(results, index).items()]
        label = " · ".join(filter(None, (results.labels[index][1], came_to(results, index))))
        rows.append(Row(label, str(seeds) if scored == seeds else f"{scored}/{seeds}", scores, verdicts))
    null = []
    for name in columns:
        value = results.null[indices[0]][name][0]
        null.append((number(value, 0 if name in MODE_COUNTS and value % 1 == 0 else places[name]), ""))
    return [*rows, Row(perfect, "", null, [])]


def came_to(results: Results, index: int) -> str:
    """Of a setting that has not ended, which step its scores are of: 'at step 1200 of 3000', 'not begun'; else ''."""
    if results.reached is None or results.has_ended(index):
        return ""
    step = results.last_step(index)
    if step is None:
        return results.reached.words(results.of_setting(index))
    return f"at step {step} of {results.steps[index]}"


def has_score(results: Results, name: str, index: int) -> bool:
    """Whether a setting's target can have a score at all."""
    return name in results.scores and bool(np.isfinite(results.null[index][name][0]))


def verdict_counts(results: Results, index: int) -> dict[str, int]:
    """Verdict -> number of the setting's seeds, the most frequent first."""
    words = [results.words[m] for m in results.of_setting(index)]
    return {word: words.count(word) for word in sorted(set(words), key=lambda w: (-words.count(w), w))}


# --- numbers in words ---------------------------------------------------------------------------------------


def number(value: float, digits: int) -> str:
    """A number with a real minus sign; `NONE` for one that does not exist."""
    if np.isnan(value):
        return NONE
    if np.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:.{digits}f}" if abs(value) < 1e5 else f"{value:.1e}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def interval(e: Estimate, digits: int) -> str:
    return "" if e.n == 0 or np.isnan(e.low) else f"[{number(e.low, digits)}, {number(e.high, digits)}]"


def mean_words(e: Estimate, digits: int = 2) -> str:
    return f"{number(e.value, digits)} {interval(e, digits)}".rstrip()


def places(least: int, *pairs: tuple[float, float]) -> int:
    """Decimal places, `least` or more, at which numbers that differ look different; 8 at most."""
    differ = [pair for pair in pairs if np.isfinite(pair).all() and pair[0] != pair[1]]
    fits = (d for d in range(least, 8) if all(number(x, d) != number(y, d) for x, y in differ))
    return next(fits, 8)


def counted(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
