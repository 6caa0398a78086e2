"""D alone: how steep it becomes, bounded by clipping, by a gradient penalty, or by nothing, and what it tells of W₁."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dynamics.base.intervals import REAL, Range, difference_range, mean_interval
from dynamics.pictures.study_parts import StudyPart
from dynamics.reports.tables import counted
from dynamics.runner.results import Results
from dynamics.settings.budget import updates
from dynamics.settings.network_sizes import players

from . import _part_pieces as pieces

if TYPE_CHECKING:
    from dynamics.pictures.interval_panels import IntervalLine, IntervalPanel

BOUNDS: dict[str, tuple[str, str | int]] = {  # score -> its name in figures, its colour
    "lipschitz_upper": ("product of spectral norms (≥ L)", 1),
    "lipschitz_grid": ("largest slope on a grid (≤ L)", "D"),
    "lipschitz_secant": ("largest secant of samples (≤ L)", 2),
}
DISTANCES: dict[str, tuple[str, str | int]] = {
    "w1": ("exact W₁", "generated"),
    "w1_critic": ("critic's, over the slope found", "D"),
    "w1_lower": ("critic's, over spectral norms", 1),
}
PENALTIES = {  # penalty -> its words in a title, what it asks of a slope, the end of its picture's name
    "gp": ("gradient penalty", "", "gp"),
    "gp_one_sided": ("one-sided gradient penalty", "at most ", "gp-one-sided"),
}
FREE = ("penalty", "penalty_weight")
SLOPE, DISTANCE = "slope of D, per data unit", "W₁, data units"


# --- with a bound on its slope ---------------------------------------------------------------------------------------


def clipped(results: Results) -> list[StudyPart]:
    """Part 1: weight clipping, over the bound of the weights."""
    made = []
    chosen = [i for i, s in enumerate(results.study.settings) if pieces.critic(s, "d", "clip")]
    for family in pieces.families(results, chosen, FREE):
        bounds = np.array([pieces.weight(results, i) for i in family.indices])
        names = [f"c = {c:g}" for c in bounds]
        sentences = [
            _trained(results, family.indices[0], "every weight clipped to [−c, c] after each"),
            _between(results, family.indices, names),
            _power(results, family.indices, bounds),
            _estimates(results, family.indices, names),
        ]
        title = f"1. D alone, weights clipped{family.words}"
        drawing = _drawn(results, title, family.indices, bounds, ("bound c of every weight", "c"))
        made.append(
            StudyPart(
                title, pieces.paragraph(results, sentences), f"part-1-clip{family.file}.png", "panels_figure", **drawing
            )
        )
    return made


def penalised(results: Results) -> list[StudyPart]:
    """Part 2: the gradient penalty, over its weight."""
    made = []
    for penalty, (words, limit, file) in PENALTIES.items():
        chosen = [i for i, s in enumerate(results.study.settings) if pieces.critic(s, "d", penalty)]
        for family in pieces.families(results, chosen, FREE):
            weights = np.array([pieces.weight(results, i) for i in family.indices])
            asked = results.study.settings[family.indices[0]].slope
            names = [f"λ = {weight:g}" for weight in weights]
            sentences = [
                _trained(results, family.indices[0], f"with a penalty λ on slopes that are not {limit}{asked:g}"),
                _between(results, family.indices, names),
                _against_asked(results, family.indices, names, asked),
                _estimates(results, family.indices, names),
            ]
            title = f"2. D alone, {words}{family.words}"
            axis = "weight λ of the gradient penalty"
            drawing = _drawn(results, title, family.indices, weights, (axis, "λ"), asked)
            path = f"part-2-{file}{family.file}.png"
            made.append(StudyPart(title, pieces.paragraph(results, sentences), path, "panels_figure", **drawing))
    return made


def _trained(results: Results, index: int, condition: str) -> str:
    steps = updates(results.study.settings[index], int(results.snapshot_steps[index, -1]))
    return f"G stays as it was drawn, and D takes {counted(steps, 'step')}, {condition}."


def _between(results: Results, indices: Sequence[int], names: Sequence[str]) -> str:
    """Between what the Lipschitz constant lies at the first and the last setting, and how far apart its bounds are."""
    ends = []
    for index, name in {indices[0]: names[0], indices[-1]: names[-1]}.items():
        low, high = (pieces.geometric(results.final(score, index)) for score in ("lipschitz_grid", "lipschitz_upper"))
        ends.append(f"at {name} at least {pieces.words(low)} and at most {pieces.words(high)}")
    logs = {name: [np.log(pieces.positive(results.final(name, i))) for i in indices] for name in BOUNDS}
    apart = {
        name: pieces.exp(mean_interval(np.mean(logs[name], 0) - np.mean(logs["lipschitz_grid"], 0), within))
        for name, within in (("lipschitz_secant", REAL), ("lipschitz_upper", Range(0, np.inf)))
    }
    return (
        f"Its Lipschitz constant L, per data unit, as geometric means, is {'; '.join(ends)}. Of the largest slope on a"
        " grid, which is a lower bound, the largest slope between two samples is"
        f" {pieces.words(apart['lipschitz_secant'])} and the product of spectral norms, the upper one,"
        f" {pieces.words(apart['lipschitz_upper'])} times as much."
    )


def _power(results: Results, indices: Sequence[int], bounds: np.ndarray) -> str:
    """The power of c that the slope grows as, seed by seed, beside the number of D's matrices."""
    if len(bounds) < 2:
        return ""
    slopes = np.log(pieces.positive(np.array([results.final("lipschitz_grid", i) for i in indices])))  # (values, seeds)
    away = np.log(bounds) - np.log(bounds).mean()
    powers = (away[:, None] * slopes).sum(0) / (away**2).sum()
    matrices = len(players(results.study.settings[indices[0]])[1].weights)
    ((difference, p),) = pieces.compare([(powers, np.full(len(powers), float(matrices)))])
    verdict = pieces.difference_words(difference, p, "more", "less")
    return (
        f"That slope grows as c to the power {pieces.words(mean_interval(powers))}, by a line through its logarithm"
        f" within each seed; {matrices} matrices whose weights all grow as c would make it c to the power {matrices}:"
        f" {f'it is {verdict}' if verdict else 'no difference from that is shown'}."
    )


def _against_asked(results: Results, indices: Sequence[int], names: Sequence[str], asked: float) -> str:
    """Whether the largest slope found is what the penalty asks, at each weight."""
    if asked <= 0:
        return ""
    logs = [np.log(pieces.positive(results.final("lipschitz_grid", i))) for i in indices]
    places: dict[str, list[str]] = {"above": [], "below": [], "": []}
    for name, (d, p) in zip(names, pieces.compare([(a, np.full(len(a), np.log(asked))) for a in logs]), strict=True):
        places[pieces.difference_words(d, p, "above", "below").partition(" ")[0]].append(name)
    findings = [
        f"the largest found is {word} that at {pieces.listed(at)}" for word, at in places.items() if word and at
    ]
    if places[""]:
        findings.append(f"no difference of the largest found from that is shown at {pieces.listed(places[''])}")
    return f"The penalty asks for a slope of {asked:g}: {'; '.join(findings)}."


def _estimates(results: Results, indices: Sequence[int], names: Sequence[str]) -> str:
    """The critic's estimate of W₁ beside the exact one, within seeds, setting by setting."""
    pairs = [(results.final("w1_critic", i), results.final("w1", i)) for i in indices]
    tests = pieces.compare(
        pairs, [difference_range(results.range("w1_critic", i), results.range("w1", i)) for i in indices]
    )
    findings = []
    for name, (d, p) in zip(names, tests, strict=True):
        finding = pieces.difference_words(d, p, "more", "less", by=True)
        findings.append(f"{finding or f'no difference shown ({pieces.words(d.estimate)})'} at {name}")
    return (
        f"The exact distance between the same points is W₁ = {pieces.final_words(results, 'w1', indices[0])} data"
        " units. Beside it the critic's estimate, the difference of its means over the largest slope found:"
        f" {'; '.join(findings)}."
    )


def _drawn(
    results: Results,
    title: str,
    indices: Sequence[int],
    at: np.ndarray,
    labels: tuple[str, str],
    asked: float | None = None,
) -> dict[str, Any]:
    """A part's figure and table: bounds and distances against the option's values `at`, and over training."""
    label, short = labels
    values = [f"{short} = {value:g}" for value in at]
    slopes: IntervalPanel = {
        "title": "Lipschitz constant L at the end",
        "x": label,
        "y": SLOPE,
        "scales": ("log", "log"),
        "lines": [pieces.against_option(results, n, indices, at, *look, log=True) for n, look in BOUNDS.items()],
        "dots": True,
    }
    distances: IntervalPanel = {
        "title": "W₁ at the end",
        "x": label,
        "y": DISTANCE,
        "scales": ("log", "linear"),
        "lines": [pieces.against_option(results, n, indices, at, *look) for n, look in DISTANCES.items()],
        "dots": True,
    }
    steeper = pieces.over_steps(results, "lipschitz_grid", indices, values, "Largest slope on a grid", SLOPE, log=True)
    estimates = pieces.over_steps(results, "w1_critic", indices, values, "Critic's, over the slope found", DISTANCE)
    estimates["level"] = (results.estimate("w1", indices[0]).value, "exact W₁")
    if asked:
        slopes["level"] = steeper["level"] = (asked, f"asked: {asked:g}")
    table = [
        {short: f"{value:g}"}
        | {name: pieces.words(pieces.geometric(results.final(score, i))) for score, (name, _) in BOUNDS.items()}
        | {name: pieces.final_words(results, score, i) for score, (name, _) in DISTANCES.items()}
        for value, i in zip(at, indices, strict=True)
    ]
    remarks = [f"{pieces.seeds_remark(results)} · slopes: geometric means"]
    return {
        "arguments": {"title": title, "remarks": remarks, "rows": [[slopes, steeper], [distances, estimates]]},
        "table": table,
        "shows": f"Bounds of D's Lipschitz constant and estimates of the Wasserstein-1 distance, against the {label}"
        " and over training",
    }


# --- without one -----------------------------------------------------------------------------------------------------


def unbounded(results: Results) -> list[StudyPart]:
    """Part 5a: the standard GAN's D, and beside it the critics of parts 1 and 2, on one axis."""
    made, settings = [], results.study.settings
    usual = [i for i, s in enumerate(settings) if pieces.standard(s, "d")]
    critics = [i for i, s in enumerate(settings) if pieces.critic(s, "d", "clip", "gp")]
    for family in pieces.families(results, [*usual, *critics], ("loss", *FREE)) if usual else []:
        index = next((i for i in usual if i in family.indices), None)
        if index is None:
            continue
        bounded = {
            penalty: [i for i in family.indices if pieces.critic(settings[i], "d", penalty)]
            for penalty in ("clip", "gp")
        }
        everyone = [index, *bounded["clip"], *bounded["gp"]]
        half = results.snapshot_steps.shape[1] // 2
        tests = pieces.compare([_growth(results, i, half) for i in everyone])
        growth = [pieces.difference_words(d, p, "grown", "shrunk") for d, p in tests]
        names = [pieces.discriminator_words(settings[i]) for i in everyone]
        loss = mean_interval(results.curves["d_loss"][results.of_setting(index), -1])
        times = pieces.words(pieces.exp(tests[0][0].estimate))
        end = pieces.words(pieces.geometric(results.final("lipschitz_grid", index)))
        standard_growth = f"it has {growth[0]}" if growth[0] else "no difference is shown"
        sentences = [
            _trained(results, index, "with no penalty"),
            f"Its loss ends at {pieces.words(loss)} nats, and its largest slope on a grid, as a geometric mean, at"
            f" {end} per data unit, {times} times that of half-way: {standard_growth}.",
        ]
        if everyone[1:]:
            kinds: dict[str, list[str]] = {}
            for name, word in zip(names[1:], growth[1:], strict=True):
                kinds.setdefault(word.partition(" ")[0], []).append(name)
            findings = [f"that of {pieces.listed(of)} has {word}" for word, of in kinds.items() if word]
            findings += [f"no change is shown of that of {pieces.listed(kinds[''])}"] if "" in kinds else []
            sentences.append(f"Since half-way, of the bounded critics' slopes, {'; '.join(findings)}.")
        table = [
            {
                "D": name,
                **{
                    words: pieces.words(pieces.geometric(results.final(score, i)))
                    for score, (words, _) in BOUNDS.items()
                },
                "slope on a grid, over that of half-way": pieces.words(pieces.exp(difference.estimate)),
            }
            for name, i, (difference, _) in zip(names, everyone, tests, strict=True)
        ]
        lines: list[IntervalLine] = [
            pieces.over_training(results, n, index, *look, log=True) for n, look in BOUNDS.items()
        ]
        first: IntervalPanel = {
            "title": "Standard GAN",
            "x": pieces.STEPS,
            "y": SLOPE,
            "scales": ("linear", "log"),
            "lines": lines,
            "dots": False,
        }
        panels = [first]
        for penalty, words, short in (("clip", "Weights clipped", "c"), ("gp", "Gradient penalty", "λ")):
            if of := bounded[penalty]:
                values = [f"{short} = {pieces.weight(results, i):g}" for i in of]
                heading = f"{words}: slope on a grid"
                panels.append(pieces.over_steps(results, "lipschitz_grid", of, values, heading, SLOPE, log=True))
        title = f"5a. D alone, standard GAN{family.words}"
        remarks = [f"{pieces.seeds_remark(results)} · geometric means"]
        made.append(
            StudyPart(
                title,
                pieces.paragraph(results, sentences),
                f"part-5a-standard{family.file}.png",
                "panels_figure",
                {"title": title, "remarks": remarks, "rows": [panels]},
                table,
                "Slopes of the standard GAN's D over training, beside those of clipped and penalised critics",
            )
        )
    return made


def _growth(results: Results, index: int, half: int) -> tuple[np.ndarray, np.ndarray]:
    """Logarithm of the largest slope found at the end and half-way, of each seed."""
    logs = np.log(pieces.positive(results.scores["lipschitz_grid"][results.of_setting(index)]))
    return logs[:, -1], logs[:, half]
