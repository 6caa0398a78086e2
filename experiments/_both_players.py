"""Both players together: WGAN-GP over the options that its stability hangs on, and the standard GAN beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dynamics.pictures.study_parts import StudyPart
from dynamics.reports.tables import counted, verdict_counts
from dynamics.runner.results import Results
from dynamics.settings.setting import Setting

from . import _part_pieces as pieces

if TYPE_CHECKING:
    from dynamics.pictures.interval_panels import IntervalPanel

AXES = {  # option -> its words on an axis, and a short name
    "penalty": ("weight λ of the gradient penalty", "λ"),
    "d_steps": ("D steps per round", "D steps"),
    "lr": ("learning rate of both", "learning rate"),
    "lr_g": ("learning rate of G", "G's learning rate"),
    "lr_d": ("learning rate of D", "D's learning rate"),
}
COMPARED = {  # score -> its words, on an axis too, and what more and less of it are
    "modes_covered": ("modes covered", "modes covered", "more", "fewer"),
    "jsd": ("JSD", "JSD, nats", "higher", "lower"),
    "w1": ("W₁", "W₁, data units", "higher", "lower"),
    "jsd_swing": ("swing of JSD", "swing of JSD, nats", "higher", "lower"),
}
LOSS = ("loss", "penalty", "penalty_weight")  # what tells the standard GAN from WGAN-GP


class OptionAxis(NamedTuple):
    """Settings that differ in one option alone, in the order of its values."""

    option: str
    indices: list[int]
    values: np.ndarray

    @property
    def names(self) -> list[str]:
        return [f"{AXES[self.option][1]} {value:g}" for value in self.values]

    @property
    def scale(self) -> str:
        return "log" if self.values.min() > 0 and self.values.max() >= 4 * self.values.min() else "linear"


# --- both ------------------------------------------------------------------------------------------------------------


def both(results: Results) -> list[StudyPart]:
    """Part 3: WGAN-GP, one option changed at a time."""
    made = []
    for family, base, axes in _games_by_option(results):
        place = _place(results, base)
        sentences = [
            f"Around {place} ({_ends(results, base)}) one option is changed at a time.",
            _changes(results, base, axes),
        ]
        rows = [
            [_against(results, name, axis, [("", axis.indices)], first=k) for k, axis in enumerate(axes)]
            for name in _scores(results, base)
            if name != "jsd_swing"
        ]
        label = COMPARED["jsd"][1]
        rows.append([pieces.over_steps(results, "jsd", a.indices, a.names, "JSD over training", label) for a in axes])
        title = f"3. Both together, WGAN-GP{family.words}"
        everyone = dict.fromkeys([base, *(i for axis in axes for i in axis.indices)])
        made.append(
            StudyPart(
                title,
                pieces.paragraph(results, sentences),
                f"part-3-both{family.file}.png",
                "panels_figure",
                {
                    "title": title,
                    "remarks": [f"{pieces.seeds_remark(results)} · dots: seeds · else {place}"],
                    "rows": rows,
                },
                [{"setting": _place(results, i), **_row(results, i)} for i in everyone],
                f"Scores of WGAN-GP against {pieces.listed([AXES[a.option][0] for a in axes])}, and JSD over training",
            )
        )
    return made


def beside(results: Results) -> list[StudyPart]:
    """Part 5b: the standard GAN at the settings of part 3, but for the loss and the penalty."""
    made, settings = [], results.study.settings
    lone = {pieces.other_options(s, LOSS): i for i, s in enumerate(settings) if pieces.standard(s, "both")}
    for family, base, axes in _games_by_option(results):
        matched: list[tuple[OptionAxis, list[int]]] = []
        for axis in axes:
            counterparts = {
                i: lone[rest] for i in axis.indices if (rest := pieces.other_options(settings[i], LOSS)) in lone
            }
            if axis.option != "penalty" and counterparts:
                values = axis.values[[i in counterparts for i in axis.indices]]
                matched.append((OptionAxis(axis.option, list(counterparts), values), list(counterparts.values())))
        if not matched:
            continue
        rows = [
            [
                _against(results, name, axis, [("WGAN-GP", axis.indices), ("standard GAN", others)])
                for axis, others in matched
            ]
            for name in ("modes_covered", "jsd")
            if name in _scores(results, base)
        ]
        axis, others = matched[0]
        rows.append(
            [
                pieces.over_steps(results, "jsd", indices, axis.names, f"{name}: JSD over training", COMPARED["jsd"][1])
                for name, indices in (("WGAN-GP", axis.indices), ("Standard GAN", others))
            ]
        )
        pairs = list(dict.fromkeys((i, j) for axis, js in matched for i, j in zip(axis.indices, js, strict=True)))
        title = f"5b. The standard GAN beside WGAN-GP{family.words}"
        remarks = [f"{pieces.seeds_remark(results)} · dots: seeds · λ of WGAN-GP: {pieces.weight(results, base):g}"]
        made.append(
            StudyPart(
                title,
                pieces.paragraph(results, [_compared(results, pairs)]),
                f"part-5b-beside{family.file}.png",
                "panels_figure",
                {"title": title, "remarks": remarks, "rows": rows},
                [
                    {"setting": _place(results, pair[0], penalty=False), "game": name, **_row(results, i)}
                    for pair in pairs
                    for name, i in zip(("WGAN-GP", "standard"), pair, strict=True)
                ],
                "Scores of WGAN-GP and of the standard GAN on the same axes, against"
                f" {pieces.listed([AXES[axis.option][0] for axis, _ in matched])}, and JSD over training",
            )
        )
    return made


def _games_by_option(results: Results) -> list[tuple[pieces.Family, int, list[OptionAxis]]]:
    """Families of WGAN-GP settings in which both learn, each with the setting that most others differ from in one
    option alone, and those others along each of `AXES`; those without any are left out."""
    settings, games = results.study.settings, []
    chosen = [i for i, s in enumerate(settings) if pieces.critic(s, "both", "gp")]
    for family in pieces.families(results, chosen, (*AXES, "penalty_weight")):
        # None, a player without a rate of its own, is one value of lr_g: it changes with lr
        places = {
            i: {
                option: pieces.weight(results, i) if option == "penalty" else getattr(settings[i], option)
                for option in AXES
            }
            for i in family.indices
        }

        def along(base: int, option: str, places: dict[int, dict[str, Any]] = places) -> list[int]:
            alike = {o: v for o, v in places[base].items() if o != option}
            varied = {place[option]: i for i, place in places.items() if alike.items() <= place.items()}
            return sorted(varied.values(), key=lambda i: _value(settings[i], option, places[i][option]))

        base = max(family.indices, key=lambda i: sum(len(along(i, option)) for option in AXES))
        axes = [
            OptionAxis(option, of, np.array([_value(settings[i], option, places[i][option]) for i in of]))
            for option in AXES
            if len(of := along(base, option)) > 1
        ]
        if axes:
            games.append((family, base, axes))
    return games


def _value(s: Setting, option: str, value: Any) -> float:
    return float({"lr_g": s.generator_lr, "lr_d": s.discriminator_lr}.get(option, value))


def _against(
    results: Results, score: str, axis: OptionAxis, games: Sequence[tuple[str, Sequence[int]]], first: int = 0
) -> IntervalPanel:
    """A score against an option, a line for each of `games`."""
    title, label = COMPARED[score][:2]
    return {
        "title": title[0].upper() + title[1:],
        "x": AXES[axis.option][0],
        "y": label,
        "scales": (axis.scale, "linear"),
        "lines": [
            pieces.against_option(results, score, indices, axis.values, name, first + k, seeds=True)
            for k, (name, indices) in enumerate(games)
        ],
        "dots": True,
    }


def _changes(results: Results, base: int, axes: Sequence[OptionAxis]) -> str:
    """What each axis changes against the base, corrected for all together."""
    names = _scores(results, base)
    asked = [
        (axis, value, i, name)
        for axis in axes
        for value, i in zip(axis.names, axis.indices, strict=True)
        for name in names
        if i != base
    ]
    tests = pieces.compare_scores(results, [(name, i, base) for *_, i, name in asked])
    sentences = []
    for axis in axes:
        differences: dict[str, list[str]] = {}
        without = 0
        for (compared_axis, value, _, name), (d, p) in zip(asked, tests, strict=True):
            if compared_axis is axis:
                title, _, more, less = COMPARED[name]
                finding = pieces.difference_words(d, p, more, less, by=True)
                without += not finding
                if finding:
                    differences.setdefault(value, []).append(f"{title} {finding}")
        words = [f"at {value} {pieces.listed(of)}" for value, of in differences.items()]
        if without:
            comparisons = f"the other {without}" if differences else counted(without, "comparison")
            words.append(f"no difference is shown in {comparisons}")
        against = axis.names[axis.indices.index(base)]
        sentences.append(f"Against {against}: {'; '.join(words)}.")
    return " ".join(sentences)


def _compared(results: Results, pairs: Sequence[tuple[int, int]]) -> str:
    """WGAN-GP less the standard GAN, at each pair of settings, corrected for all together."""
    names = _scores(results, pairs[0][0])
    tests = pieces.compare_scores(results, [(n, i, j) for i, j in pairs for n in names])
    at_each = []
    for k, (i, _) in enumerate(pairs):
        differences: list[str] = []
        without: list[str] = []
        for name, (d, p) in zip(names, tests[k * len(names) :], strict=False):
            title, _, more, less = COMPARED[name]
            finding = pieces.difference_words(d, p, more, less, by=True)
            (differences if finding else without).append(f"{title} {finding}".strip())
        words = [pieces.listed(differences)] if differences else []
        words += [f"no difference shown in {pieces.listed(without)}"] if without else []
        at_each.append(f"at {_place(results, i, penalty=False)} {', '.join(words)}")
    ends = []
    for name, indices in zip(("WGAN-GP", "the standard GAN"), zip(*pairs, strict=True), strict=True):
        verdicts = [results.words[m] for i in indices for m in results.of_setting(i)]
        gone = [f"{n} {word}" for word in ("diverged", "lost") if (n := verdicts.count(word))]
        beside = f" ({', '.join(gone)})" if gone else ""
        ends.append(f"{verdicts.count('collapsed')} of {counted(len(verdicts), 'run')} of {name}{beside}")
    return (
        "WGAN-GP against the standard GAN with the same seeds and settings:"
        f" {'; '.join(at_each)}. {pieces.listed(ends)} collapsed."
    )


def _place(results: Results, index: int, *, penalty: bool = True) -> str:
    """A setting by the options of `AXES`: 'λ 1, 2 D steps, learning rate 0.001'."""
    s = results.study.settings[index]
    words = [f"λ {pieces.weight(results, index):g}"] if penalty and s.penalties else []
    words += [counted(s.d_steps, "D step"), f"learning rate {s.lr:g}"]
    words += [f"{AXES[n][1]} {value:g}" for n in ("lr_g", "lr_d") if (value := getattr(s, n)) is not None]
    return ", ".join(words)


def _scores(results: Results, index: int) -> list[str]:
    """What settings with both players are compared in: what their target has, and what a run so long can tell."""
    one, short = (results.modes[index] or 0) < 2, not np.isfinite(results.swings["jsd_swing"]).any()
    return [n for n in COMPARED if not (one and n == "modes_covered") and not (short and n == "jsd_swing")]


def _row(results: Results, index: int) -> dict[str, str]:
    """What a setting with both players ends with, for a table."""
    made = {COMPARED[n][1]: pieces.final_words(results, n, index) for n in _scores(results, index)}
    counts = verdict_counts(results, index)
    return made | {"verdicts": ", ".join(f"{count} {word}" for word, count in counts.items())}


def _ends(results: Results, index: int) -> str:
    units = {"jsd": " nats", "w1": " data units", "jsd_swing": " nats"}
    return ", ".join(
        f"{COMPARED[n][0]} {pieces.final_words(results, n, index)}{units.get(n, '')}" for n in _scores(results, index)
    )
