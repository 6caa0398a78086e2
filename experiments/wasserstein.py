"""The Wasserstein laboratory: each player alone and both together, with a critic held to a slope and without.

The critic of a Wasserstein GAN answers W₁ only where its slope is bounded. Weight clipping bounds it crudely, the
gradient penalty nearly; D alone against a G that stands still shows how well. Then both play, G plays against a frozen
D, and the same is done with the standard GAN, whose D has no bound at all.

Parts of the report take their settings by what they are, not by name, so they answer for changed settings too. Numbers
that are multiples of one another by nature (slopes, and how far samples run) are averaged as logarithms: a geometric
mean with the interval of its logarithm's mean. A difference within seeds is called one where its 95 % interval leaves
out 0 and its p-value, corrected for all comparisons of the part, is below 5 %; else none is shown.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from intervals import Difference, Estimate, max_t, mean_interval, paired_difference, smallest_p
from parts import Part
from results import Results
from settings import FIELDS, Setting, Study
from tables import SCORES, counted, interval, number, verdict_counts

if TYPE_CHECKING:
    from labcharts import Line, Panel

_SHARED: dict[str, Any] = {"mode": "mixture_4", "std": 0.2, "batch_size": 128, "beta1": 0.5}
_CRITIC = Setting(loss="wasserstein", penalty="gp:1", **_SHARED)
_STANDARD = Setting(**_SHARED)
_RATES = (3e-4, 3e-3)  # beside the base's 1e-3
# G moves slowly against a frozen D: it is to be seen where its samples pass the data, and D has had its time
_FROZEN: dict[str, Any] = {"train": "g", "warmup": 2000, "lr_g": 1e-4}


def _settings() -> Iterable[Setting]:
    change = dataclasses.replace
    for bound in ("0.01", "0.03", "0.1", "0.3"):  # 1: D alone, clipped
        yield change(_CRITIC, penalty=f"clip:{bound}", train="d")
    for weight in ("0.1", "1", "10", "100"):  # 2: D alone, gradient penalty
        yield change(_CRITIC, penalty=f"gp:{weight}", train="d")
    for weight in ("0.1", "1", "10", "100"):  # 3: both
        yield change(_CRITIC, penalty=f"gp:{weight}")
    for base in (_CRITIC, _STANDARD):  # 3 and 5
        if base is _STANDARD:
            yield change(base, train="d")
            yield base
        yield from (change(base, d_steps=steps) for steps in (1, 5))
        yield from (change(base, lr=rate) for rate in _RATES)
    for base in (_CRITIC, change(_CRITIC, penalty="clip:0.1"), _STANDARD):  # 4: G alone
        yield change(base, **_FROZEN)


STUDY = Study(
    name="wasserstein",
    question="What does a bound on the critic's slope change: for D alone, for G alone, for both, and beside the"
    " standard GAN?",
    settings=tuple(_settings()),
    steps=1200,
    seeds=8,
    snapshots=16,
    frames=24,
    scores="lipschitz",
    headings={"": "How each setting ends"},
)

BOUNDS = {  # score -> its name in figures, its colour
    "lipschitz_upper": ("product of spectral norms (≥)", 1),
    "lipschitz_grid": ("largest slope on a grid (≤)", "D"),
    "lipschitz_secant": ("largest secant of samples (≤)", 2),
}
DISTANCES = {
    "w1": ("exact W₁", "generated"),
    "w1_critic": ("critic's, over the slope found", "D"),
    "w1_lower": ("critic's, over spectral norms", 1),
}
SLOPE = "slope of D, per data unit"
DISTANCE = "W₁, data units"
STEPS = "generator steps"  # which D's own steps are counted by too, where G stands still
LEVEL = 0.05
MEASURED = ("lipschitz_grid", "lipschitz_secant", "lipschitz_upper", "w1", "w1_critic", "w1_lower")
PLANE, CELLS = 2.5, 96  # of G alone: how much wider than other figures' planes, and cells a side of D


def parts(results: Results) -> list[Part]:
    """The parts whose settings the results hold; none where the scores of the group lipschitz were not taken."""
    if not all(name in results.scores for name in MEASURED):
        return []
    made = (_clipped, _penalised, _together, _frozen, _standard_alone, _side_by_side)
    return [part for of in made for part in of(results)]


# --- 1 and 2: D alone ------------------------------------------------------------------------------------------------


def _clipped(results: Results) -> list[Part]:
    made = []
    chosen = [i for i, s in enumerate(results.study.settings) if _critic(s, "d", "clip")]
    for family in _families(results, chosen, ("penalty", "penalty_weight")):
        at = np.array([_weight(results, i) for i in family.indices])
        said = [_alone_words(results, family.indices[0], "every weight clipped to [−c, c] after each")]
        said.append(_between(results, family.indices, [f"c = {c:g}" for c in at]))
        if len(at) > 1:
            said.append(_power(results, family.indices, at))
        said.append(_estimates(results, family.indices, [f"c = {c:g}" for c in at]))
        said.append(_few(results))
        made.append(
            _alone(
                results,
                family,
                at,
                Part(f"1. D alone, weights clipped{family.words}", _joined(said), f"part-1-clip{family.file}", "", {}),
                ("bound c of every weight", "c"),
            )
        )
    return made


def _penalised(results: Results) -> list[Part]:
    made = []
    chosen = [i for i, s in enumerate(results.study.settings) if _critic(s, "d", "gp", "gp_one_sided")]
    for family in _families(results, chosen, ("penalty", "penalty_weight")):
        sides = {name for i in family.indices for name in results.study.settings[i].penalties}
        for side in sorted(sides):
            indices = [i for i in family.indices if side in results.study.settings[i].penalties]
            at = np.array([_weight(results, i) for i in indices])
            asked = results.study.settings[indices[0]].slope
            limit = "at most " if side == "gp_one_sided" else ""
            more = " at most" if side == "gp_one_sided" and len(sides) > 1 else ""
            words = [f"λ = {weight:g}" for weight in at]
            said = [
                _alone_words(results, indices[0], f"a penalty λ on slopes that are not {limit}{asked:g}"),
                _between(results, indices, words),
                _against_asked(results, indices, words, asked),
                _estimates(results, indices, words),
                _few(results),
            ]
            file = f"part-2-gp{'-one-sided' if more else ''}{family.file}"
            title = f"2. D alone, gradient penalty{more}{family.words}"
            part = Part(title, _joined(said), file, "", {})
            labels = ("weight λ of the gradient penalty", "λ")
            made.append(_alone(results, family._replace(indices=indices), at, part, labels, asked))
    return made


def _alone(
    results: Results, family: _Family, at: np.ndarray, part: Part, labels: tuple[str, str], asked: float | None = None
) -> Part:
    """The part with its figure and table: bounds and distances against the option's values `at`, and over training."""
    indices, (label, short) = family.indices, labels
    values = [f"{short} = {value:g}" for value in at]
    level: dict[str, Any] = {} if asked is None else {"level": (asked, f"asked: {asked:g}")}
    rows: list[list[Panel]] = [
        [
            {
                "title": "Lipschitz constant at the end",
                "x": label,
                "y": SLOPE,
                "scales": ("log", "log"),
                "lines": [_dose(results, n, indices, at, *how, many=True) for n, how in BOUNDS.items()],
                "dots": True,
                **level,
            },
            _over_steps(
                results, "lipschitz_grid", indices, values, "Largest slope on a grid", SLOPE, log=True, **level
            ),
        ],
        [
            {
                "title": "W₁ at the end",
                "x": label,
                "y": DISTANCE,
                "scales": ("log", "linear"),
                "lines": [_dose(results, n, indices, at, *how) for n, how in DISTANCES.items()],
                "dots": True,
            },
            _over_steps(results, "w1_critic", indices, values, "Critic's estimate, over the slope found", DISTANCE),
        ],
    ]
    exact = mean_interval(results.final("w1", indices[0])).value
    rows[1][1]["level"] = (exact, "exact W₁")
    table = [
        {labels[1]: f"{value:g}"}
        | {name: _words(_geometric(results.final(score, i))) for score, (name, _) in BOUNDS.items()}
        | {name: _words(results.estimate(score, i)) for score, (name, _) in DISTANCES.items()}
        for value, i in zip(at, indices, strict=True)
    ]
    shows = (
        f"Bounds of D's Lipschitz constant and estimates of the Wasserstein-1 distance against the {label}, and over"
        " training"
    )
    remarks = [_drawn(results), "slopes: geometric means"]
    return part._replace(
        picture=f"{part.picture}.png",
        function="panels_figure",
        arguments={"title": part.title, "remarks": [" · ".join(remarks)], "rows": rows},
        table=table,
        shows=shows,
    )


def _alone_words(results: Results, index: int, how: str) -> str:
    setting = results.study.settings[index]
    steps = int(results.snapshot_steps[index, -1]) * setting.d_steps + setting.warmup
    return f"G stays as it was drawn, and D takes {counted(steps, 'step')}, {how}."


def _between(results: Results, indices: Sequence[int], names: Sequence[str]) -> str:
    """From what to what the constant lies, at the first and the last setting."""
    said = []
    for index, name in dict(zip([indices[0], indices[-1]], [names[0], names[-1]], strict=True)).items():
        low, high = (_geometric(results.final(score, index)) for score in ("lipschitz_grid", "lipschitz_upper"))
        said.append(f"at {name} it is at least {_words(low)} and at most {_words(high)}")
    least = {
        name: _geometric(np.concatenate([results.final(name, i) for i in indices]))
        for name in ("lipschitz_grid", "lipschitz_secant", "lipschitz_upper")
    }
    share = least["lipschitz_secant"].value / least["lipschitz_grid"].value
    times = least["lipschitz_upper"].value / least["lipschitz_grid"].value
    return (
        "Its Lipschitz constant L, per data unit, geometric mean [95 % interval]: "
        + "; ".join(said)
        + f". Over all values, the largest secant between samples finds {_plain(share)} of the largest slope on a"
        f" grid, and the product of spectral norms is {_plain(times)} times that slope."
    )


def _power(results: Results, indices: Sequence[int], at: np.ndarray) -> str:
    """The power of c that the slope grows as, seed by seed, beside the number of D's matrices."""
    slopes = np.log(_positive(np.array([results.final("lipschitz_grid", i) for i in indices])))  # (values, seeds)
    away = np.log(at) - np.log(at).mean()
    powers = (away[:, None] * slopes).sum(0) / (away**2).sum()
    matrices = results.study.settings[indices[0]].discriminator_shape[1] + 1
    ((difference, p),) = _tests([(powers, np.full(len(powers), float(matrices)))])
    fits = _found(difference, p, f"more than {matrices}", f"less than {matrices}", None)
    verdict = f"that is {fits}" if fits else f"no difference from {matrices} is shown"
    return (
        f"The slope found grows as c to the power {_words(mean_interval(powers))} (a line through its logarithm within"
        f" each seed); {matrices} matrices whose weights all grow as c make it c to the power {matrices}: {verdict}."
    )


def _against_asked(results: Results, indices: Sequence[int], names: Sequence[str], asked: float) -> str:
    """Whether the largest slope found is above what the penalty asks, at each weight."""
    if asked <= 0:
        return ""
    logs = [np.log(_positive(results.final("lipschitz_grid", i))) for i in indices]
    tests = _tests([(a, np.full(len(a), np.log(asked))) for a in logs])
    above = [n for n, (d, p) in zip(names, tests, strict=True) if _shown(d, p) and d.value > 0]
    below = [n for n, (d, p) in zip(names, tests, strict=True) if _shown(d, p) and d.value < 0]
    rest = [n for n in names if n not in above and n not in below]
    said = [f"{word} at {_listed(which)}" for word, which in (("above", above), ("below", below)) if which]
    said += [f"no difference from it is shown at {_listed(rest)}"] if rest else []
    return f"Beside the slope of {asked:g} that is asked, the largest found is {', '.join(said)}."


def _estimates(results: Results, indices: Sequence[int], names: Sequence[str]) -> str:
    """The critic's estimate of W₁ beside the exact one, within seeds, setting by setting."""
    tests = _tests([(results.final("w1_critic", i), results.final("w1", i)) for i in indices])
    exact = mean_interval(np.concatenate([results.final("w1", i) for i in indices[:1]]))
    said = []
    for name, index, (d, p) in zip(names, indices, tests, strict=True):
        estimate = _words(results.estimate("w1_critic", index))
        found = _found(d, p, "more", "less", _by)
        said.append(f"{estimate} at {name}, {found or f'no difference shown ({_words(d.estimate)})'}")
    return (
        f"Of the exact distance between the same points, W₁ = {_words(exact)} data units, the critic's estimate, the"
        f" mean difference of its outputs over the slope found, is {'; '.join(said)}."
    )


# --- 3 and 5: both together ------------------------------------------------------------------------------------------

AXES = {  # option -> what an axis says of it, and a short name
    "penalty": ("weight λ of the gradient penalty", "λ"),
    "d_steps": ("D steps per round", "D steps"),
    "lr": ("learning rate of both", "learning rate"),
    "lr_g": ("learning rate of G", "G's learning rate"),
    "lr_d": ("learning rate of D", "D's learning rate"),
}
COMPARED = {"modes_covered": ("more", "fewer"), "jsd": ("higher", "lower"), "w1": ("higher", "lower")} | {
    "jsd_swing": ("higher", "lower")
}
TITLES = {"modes_covered": "modes covered", "jsd": "JSD", "w1": "W₁", "jsd_swing": "swing of JSD"}
LABELS = {"modes_covered": "modes covered", "jsd": "JSD, nats", "w1": DISTANCE}


class _Axis(NamedTuple):
    """Settings that differ in one option alone, in the order of its values; `base` is among them."""

    option: str
    indices: list[int]
    values: np.ndarray

    def names(self) -> list[str]:
        return [f"{AXES[self.option][1]} {value:g}" for value in self.values]


def _axes(results: Results, indices: Sequence[int]) -> tuple[int, list[_Axis]]:
    """The setting that most others differ from in one option alone, and those others along each of `AXES`."""
    places = {i: tuple(_place(results.study.settings[i], option) for option in AXES) for i in indices}

    def along(base: int, k: int) -> list[int]:
        """By the k-th option, those that are like `base` in the rest."""
        found = {places[i][k]: i for i in reversed(indices) if _without(places[i], k) == _without(places[base], k)}
        return [found[value] for value in sorted(found)]

    base = max(indices, key=lambda i: sum(len(along(i, k)) for k in range(len(AXES))))
    axes = []
    for k, option in enumerate(AXES):
        if len(chosen := along(base, k)) > 1:
            axes.append(_Axis(option, chosen, np.array([places[i][k] for i in chosen])))
    return base, axes


def _place(s: Setting, option: str) -> float:
    if option == "penalty":
        return next(iter(s.penalties.values()), 0.0)
    value = getattr(s, option)
    return float(-1 if value is None else value)  # a rate of its own, or none


def _without(place: tuple[float, ...], k: int) -> tuple[float, ...]:
    return place[:k] + place[k + 1 :]


def _together(results: Results) -> list[Part]:
    made = []
    for family, base, axes in _games(results):
        base_words = _place_words(results, base)
        said = [f"Around {base_words} ({_end_words(results, base)}) one option is changed at a time."]
        said.append(_changes(results, base, axes))
        said.append(_few(results))
        rows: list[list[Panel]] = []
        for name, label in LABELS.items():
            if name == "modes_covered" and (results.modes[base] or 0) < 2:
                continue
            rows.append(
                [
                    {
                        "title": TITLES[name],
                        "x": AXES[axis.option][0],
                        "y": label,
                        "scales": (_scale(axis), "linear"),
                        "lines": [_dose(results, name, axis.indices, axis.values, "", k, dots=True)],
                        "dots": True,
                    }
                    for k, axis in enumerate(axes)
                ]
            )
        rows.append(
            [_over_steps(results, "jsd", a.indices, a.names(), "JSD over training", LABELS["jsd"]) for a in axes]
        )
        title = f"3. Both together, WGAN-GP{family.words}"
        indices = list(dict.fromkeys([base, *(i for axis in axes for i in axis.indices)]))
        table = [{"setting": _place_words(results, i)} | _row(results, i) for i in indices]
        made.append(
            Part(
                title,
                _joined(said),
                f"part-3-both{family.file}.png",
                "panels_figure",
                {"title": title, "remarks": [f"{_drawn(results)} · others as {base_words}"], "rows": rows},
                table,
                f"Modes covered, JSD and W1 of WGAN-GP against {_listed([AXES[a.option][0] for a in axes])}, and JSD"
                " over training",
            )
        )
    return made


def _games(results: Results) -> list[tuple[_Family, int, list[_Axis]]]:
    """WGAN-GP settings in which both players learn: families, base and axes; those without an axis are left out."""
    chosen = [i for i, s in enumerate(results.study.settings) if _critic(s, "both", "gp")]
    families = _families(results, chosen, (*AXES, "penalty_weight"))
    found = [(family, *_axes(results, family.indices)) for family in families]
    return [(family, base, axes) for family, base, axes in found if axes]


def _changes(results: Results, base: int, axes: Sequence[_Axis]) -> str:
    """What each axis changes against the base, corrected for all together."""
    asked = [
        (axis, name, index, value)
        for axis in axes
        for index, value in zip(axis.indices, axis.names(), strict=True)
        if index != base
        for name in _scores(results, base)
    ]
    asked_values = [
        (axis, name, value, results.final(name, i), results.final(name, base)) for axis, name, i, value in asked
    ]
    tests = _tests([(a, b) for *_, a, b in asked_values])
    said = []
    for axis in axes:
        own = [
            (name, value, *test) for (a, name, value, *_), test in zip(asked_values, tests, strict=True) if a is axis
        ]
        words: dict[str, list[str]] = {}
        for name, value, d, p in own:
            if found := _found(d, p, *COMPARED[name], _by):
                words.setdefault(value, []).append(f"{TITLES[name]} {found}")
        told = [f"at {value} {_listed(of)}" for value, of in words.items()]
        rest = len(own) - sum(map(len, words.values()))
        if rest:
            which = (
                ""
                if told
                else " at " + _listed([n for n, i in zip(axis.names(), axis.indices, strict=True) if i != base])
            )
            told.append(
                f"no difference shown in {counted(rest, 'other comparison') if told else counted(rest, 'comparison')}{which}"
            )
        own_base = next(n for n, i in zip(axis.names(), axis.indices, strict=True) if i == base)
        said.append(f"Against {own_base}: {'; '.join(told)}.")
    return " ".join(said)


def _side_by_side(results: Results) -> list[Part]:
    """The standard GAN at the settings of part 3, but for the loss and the penalty."""
    made = []
    settings = results.study.settings
    for family, base, axes in _games(results):
        lone = {
            _rest(s, ("loss", "penalty", "penalty_weight")): i for i, s in enumerate(settings) if _standard(s, "both")
        }
        matched: list[tuple[_Axis, list[int]]] = []
        for axis in axes:
            pairs = [
                (i, v, lone.get(_rest(settings[i], ("loss", "penalty", "penalty_weight"))))
                for i, v in zip(axis.indices, axis.values, strict=True)
            ]
            both = [(i, v, j) for i, v, j in pairs if j is not None]
            if axis.option != "penalty" and both:
                kept = axis._replace(indices=[i for i, *_ in both], values=np.array([v for _, v, _ in both]))
                matched.append((kept, [j for *_, j in both]))
        if not matched:
            continue
        pairs = list(dict.fromkeys((i, j) for axis, js in matched for i, j in zip(axis.indices, js, strict=True)))
        title = f"5b. The standard GAN beside WGAN-GP{family.words}"
        rows: list[list[Panel]] = []
        for name in ("modes_covered", "jsd"):
            if name == "modes_covered" and (results.modes[base] or 0) < 2:
                continue
            rows.append(
                [
                    {
                        "title": TITLES[name],
                        "x": AXES[axis.option][0],
                        "y": LABELS[name],
                        "scales": (_scale(axis), "linear"),
                        "lines": [
                            _dose(results, name, axis.indices, axis.values, "WGAN-GP", 0, dots=True),
                            _dose(results, name, others, axis.values, "standard GAN", 1, dots=True),
                        ],
                        "dots": True,
                    }
                    for axis, others in matched
                ]
            )
        axis, others = matched[0]
        rows.append(
            [
                _over_steps(results, "jsd", indices, axis.names(), f"JSD over training, {name}", LABELS["jsd"])
                for name, indices in (("WGAN-GP", axis.indices), ("standard GAN", others))
            ]
        )
        table = [
            {"setting": _place_words(results, i, penalty=False), "game": name} | _row(results, k)
            for i, j in pairs
            for k, name in ((i, "WGAN-GP"), (j, "standard"))
        ]
        said = [_beside(results, pairs), _few(results)]
        weight = _weight(results, base)
        made.append(
            Part(
                title,
                _joined(said),
                f"part-5b-beside{family.file}.png",
                "panels_figure",
                {"title": title, "remarks": [f"{_drawn(results)} · λ = {weight:g}"], "rows": rows},
                table,
                "Modes covered and JSD of WGAN-GP and of the standard GAN on the same axes, against"
                f" {_listed([AXES[axis.option][0] for axis, _ in matched])}, and JSD over training",
            )
        )
    return made


def _beside(results: Results, pairs: Sequence[tuple[int, int]]) -> str:
    """WGAN-GP less the standard GAN, at each pair of settings, corrected for all together."""
    names = _scores(results, pairs[0][0])
    tests = _tests([(results.final(n, i), results.final(n, j)) for i, j in pairs for n in names])
    said = []
    for k, (i, _) in enumerate(pairs):
        words = []
        for name, (d, p) in zip(names, tests[k * len(names) : (k + 1) * len(names)], strict=True):
            found = _found(d, p, *COMPARED[name], _by)
            unknown = f"no difference shown in {TITLES[name]} ({_words(d.estimate)})"
            words.append(f"{TITLES[name]} {found}" if found else unknown)
        said.append(f"at {_place_words(results, i, penalty=False)} {_listed(words)}")
    ends = [
        f"{_share(results, [pair[k] for pair in pairs])} of {name}"
        for k, name in enumerate(("WGAN-GP", "the standard GAN"))
    ]
    return f"With WGAN-GP, against the standard GAN with the same seeds and settings: {'; '.join(said)}. {ends[0]} and {ends[1]} collapsed."


def _share(results: Results, indices: Sequence[int]) -> str:
    words = [results.verdicts[m] for i in indices for m in results.of_setting(i) if results.verdicts[m] != "failed"]
    return f"{words.count('collapsed')} of {len(words)} GANs"


# --- 4: G alone ------------------------------------------------------------------------------------------------------


def _frozen(results: Results) -> list[Part]:
    """Where samples go when D no longer answers."""
    made = []
    chosen = [i for i, s in enumerate(results.study.settings) if s.train == "g" and s.warmup]
    for family in _families(results, chosen, ("loss", "penalty", "penalty_weight")):
        # a critic first: the moments are where its samples are nearest the data, and later
        indices = sorted(family.indices, key=lambda i: results.study.settings[i].loss != "wasserstein")
        names = [_kind(results.study.settings[i]) for i in indices]
        setting = results.study.settings[indices[0]]
        said = [
            f"D takes {counted(setting.warmup, 'step')} against the G that was drawn, and then stands still while G goes"
            " on alone."
        ]
        tests = _tests([_logs(results, i) for i in indices])
        said += [
            f"{name[0].upper()}{name[1:]}: {_journey(results, i, *test)}"
            for name, i, test in zip(names, indices, tests, strict=True)
        ]
        said.append(_few(results))
        table = [
            {
                "D": name,
                "W₁ at first": _words(_geometric(results.scores["w1"][results.of_setting(i), 0])),
                "W₁ at the end": _words(_geometric(results.final("w1", i))),
                "spread at the end": _words(_geometric(results.final("spread", i))),
                "modes covered": _words(results.estimate("modes_covered", i)),
            }
            for name, i in zip(names, indices, strict=True)
        ]
        title = f"4. G alone, D frozen{family.words}"
        made.append(
            Part(
                title,
                _joined(said),
                f"part-4-frozen{family.file}.png",
                "travels_figure",
                _travels(results, indices, names, title),
                table,
                "Generated points at several steps over what the frozen D says of the plane, a row for each D",
            )
        )
    return made


def _logs(results: Results, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Logarithm of W₁ at the last and at the first snapshot, of each seed."""
    values = np.log(_positive(results.scores["w1"][results.of_setting(index)]))
    return values[:, -1], values[:, 0]


def _nearest(results: Results, index: int) -> int:
    """The snapshot at which samples are nearest the data: least geometric mean of W₁ over the seeds; 0 if unknown."""
    logs = np.log(_positive(results.scores["w1"][results.of_setting(index)]))
    known = np.isfinite(logs).all(0)
    return int(np.argmin(np.where(known, logs.mean(0), np.inf))) if known.any() else 0


def _journey(results: Results, index: int, change: Difference, p: float) -> str:
    """How W₁ goes while G learns alone."""
    w1 = results.scores["w1"][results.of_setting(index)]
    near, last = _nearest(results, index), w1.shape[1] - 1
    first, end = _geometric(w1[:, 0]), _geometric(w1[:, -1])
    said = [f"W₁ begins at {_words(first)} and ends at {_words(end)} data units"]
    if 0 < near < last:
        step = int(results.snapshot_steps[index, near])
        said[0] += f", after {_words(_geometric(w1[:, near]))} at step {step}, where it is least"
    times = _words(_exp(change.estimate))
    if _shown(change, p):
        said.append(f"the end is {times} times the beginning (p {_p(p)})")
    else:
        said.append(f"no difference between beginning and end is shown ({times} times)")
    share = _inside(results, index, -1)
    if share.n:
        said.append(f"{_words(share)} of the last samples lie in the plane of the other figures")
    return "; ".join(said) + "."


def _inside(results: Results, index: int, frame: int) -> Estimate:
    """Share of a frame's samples within the target's window, over seeds."""
    from scenes import target_of

    half_width = target_of(results.study.settings[index]).half_width
    samples = results.samples[frame, results.of_setting(index)]
    whole = ~np.isnan(samples).any((1, 2))  # of members that failed there is nothing; what is infinite is outside
    return mean_interval((np.abs(samples[whole].astype(np.float32)) <= half_width).all(-1).mean(-1))


def _travels(results: Results, indices: Sequence[int], names: Sequence[str], title: str) -> dict[str, Any]:
    """What `labcharts.travels_figure` draws: of each setting the seed that other figures show."""
    from plotting import grid_points
    from scenes import real_density, target_of

    setting = results.study.settings[indices[0]]
    frame = target_of(setting).half_width
    half_width, last = PLANE * frame, results.frame_steps.shape[1] - 1
    at = int(results.snapshot_steps[indices[0], _nearest(results, indices[0])])
    near = int(np.abs(results.frame_steps[indices[0]] - at).argmin())
    if not 0 < near < last:
        near = last // 3
    moments = np.unique([0, near, near + -(-(last - near) // 4), last])
    points = grid_points(half_width, CELLS)
    samples, fields, notes = [], [], []
    for i in indices:
        kept = [m for m in results.of_setting(i) if m in results.weights]
        member = kept[0] if kept else results.median_member(i)
        points_at = results.samples[moments, member].astype(np.float32)
        samples.append(points_at)
        field = (
            _field(results.study.settings[i], results.weights[member], points)
            if kept
            else np.full(points.shape[:2], np.nan)
        )
        fields.append(np.broadcast_to(field, (len(moments), *field.shape)))
        notes.append([_note(moment, frame) for moment in points_at])
    seeds = f"one seed of {results.study.seeds}, that of median final JSD" if results.study.seeds > 1 else "one seed"
    return {
        "title": title,
        "remarks": [f"{seeds} · D as it was frozen · median |x|: distance of the samples from the origin, data units"],
        "rows": list(names),
        "steps": results.frame_steps[indices[0], moments],
        "samples": np.stack(samples),
        "fields": np.stack(fields),
        "density": real_density(setting, half_width),
        "half_width": half_width,
        "frame": frame,
        "notes": notes,
    }


def _note(samples: np.ndarray, frame: float) -> str:
    inside = float((np.abs(samples) <= frame).all(-1).mean())
    with np.errstate(over="ignore", invalid="ignore"):
        away = float(np.median(np.hypot(*samples.T.astype(float))))
    return f"{100 * inside:.0f} % inside · median |x| {away:.3g}"


def _field(setting: Setting, weights: tuple[np.ndarray, np.ndarray], points: np.ndarray) -> np.ndarray:
    """The frozen D over the plane, beside the G that it was trained against: (K, K) in [0, 1]."""
    import fields

    G, D = fields.stack_of([setting], weights[0][:1], weights[1][:1])
    return fields.discriminator_field(G, D, [setting], points)[0]


# --- 5: the standard GAN's D alone -----------------------------------------------------------------------------------


def _standard_alone(results: Results) -> list[Part]:
    """The standard D beside the critics of parts 1 and 2, on one axis."""
    made = []
    settings = results.study.settings
    free = ("loss", "penalty", "penalty_weight")
    chosen = [i for i, s in enumerate(settings) if _standard(s, "d")]
    for family in _families(results, chosen, free):
        index = family.indices[0]
        alike = [i for i, s in enumerate(settings) if _rest(s, free) == _rest(settings[index], free)]
        kinds: dict[str, list[int]] = {"standard GAN": [index]}
        for name, words in (("clip", "weights clipped"), ("gp", "gradient penalty")):
            if found := sorted(
                (i for i in alike if _critic(settings[i], "d", name)), key=lambda i: _weight(results, i)
            ):
                kinds[words] = found
        half = results.snapshot_steps.shape[1] // 2
        everyone = [i for of in kinds.values() for i in of]
        tests = _tests([_growth(results, i, half) for i in everyone])
        said = [
            _alone_words(results, index, "with no penalty"),
            f"Its loss ends at {_words(mean_interval(results.curves['d_loss'][results.of_setting(index), -1]))} nats."
            " The largest slope of D on a grid, geometric mean [95 % interval]:",
        ]
        told = []
        for i, (d, p) in zip(everyone, tests, strict=True):
            end, times = _words(_geometric(results.final("lipschitz_grid", i))), _words(_exp(d.estimate))
            moved = _found(d, p, "grown", "shrunk", None)
            told.append(
                f"{_kind(settings[i])}: {end} at the end, "
                + (
                    f"{moved}, {times} times that of half-way"
                    if moved
                    else f"no change from half-way on shown ({times} times)"
                )
            )
        said += ["; ".join(told) + ".", _few(results)]
        title = f"5a. D alone, standard GAN{family.words}"
        first: Panel = {
            "title": "standard GAN",
            "x": STEPS,
            "y": SLOPE,
            "scales": ("linear", "log"),
            "lines": [_course(results, name, index, *how, log=True) for name, how in BOUNDS.items()],
            "dots": False,
        }
        panels = [first]
        for words, short in (("weights clipped", "c"), ("gradient penalty", "λ")):
            if of := kinds.get(words):
                values = [f"{short} = {_weight(results, i):g}" for i in of]
                heading = f"{words}: largest slope on a grid"
                panels.append(_over_steps(results, "lipschitz_grid", of, values, heading, SLOPE, log=True))
        remarks = [f"{_drawn(results)} · geometric means"]
        made.append(
            Part(
                title,
                " ".join(filter(None, said)),
                f"part-5a-standard{family.file}.png",
                "panels_figure",
                {"title": title, "remarks": remarks, "rows": [panels]},
                [],
                "Slopes of the standard GAN's discriminator over training beside those of clipped and penalised critics",
            )
        )
    return made


def _growth(results: Results, index: int, half: int) -> tuple[np.ndarray, np.ndarray]:
    """Logarithm of the largest slope found at the end and half-way, of each seed."""
    logs = np.log(_positive(results.scores["lipschitz_grid"][results.of_setting(index)]))
    return logs[:, -1], logs[:, half]


# --- which settings --------------------------------------------------------------------------------------------------


class _Family(NamedTuple):
    """Settings that are alike in all but what a part varies."""

    indices: list[int]  # by the weight of their penalty
    words: str  # what tells the family from others, for a title; "" for one alone
    file: str  # the same for the name of a file


def _families(results: Results, chosen: Sequence[int], free: Sequence[str]) -> list[_Family]:
    """The chosen settings, split by every option but the `free` ones."""
    groups: dict[tuple[tuple[str, Any], ...], list[int]] = {}
    for i in chosen:
        groups.setdefault(_rest(results.study.settings[i], free), []).append(i)
    told = [name for name, _ in next(iter(groups), ()) if len({dict(key)[name] for key in groups}) > 1]
    found = []
    for number_of, (key, indices) in enumerate(groups.items(), 1):
        words = ", ".join(f"{name.replace('_', ' ')} {_value(dict(key)[name])}" for name in told)
        indices.sort(key=lambda i: _weight(results, i))
        found.append(_Family(indices, f": {words}" if words else "", f"-{number_of}" if words else ""))
    return found


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else "default" if value is None else str(value)


def _rest(setting: Setting, free: Sequence[str]) -> tuple[tuple[str, Any], ...]:
    return tuple((name, getattr(setting, name)) for name in FIELDS[Setting] if name not in free)


def _critic(s: Setting, train: str, *penalties: str) -> bool:
    """Whether a setting is a Wasserstein GAN with one of these penalties alone."""
    return (
        s.loss == "wasserstein" and s.train == train and len(s.penalties) == 1 and next(iter(s.penalties)) in penalties
    )


def _standard(s: Setting, train: str) -> bool:
    return s.loss in ("nonsaturating", "minimax") and s.train == train and not s.penalties


def _weight(results: Results, index: int) -> float:
    return next(iter(results.study.settings[index].penalties.values()), 0.0)


def _kind(s: Setting) -> str:
    """What a setting's D is, in short."""
    terms = [f"{name.replace('_', ' ')} {weight:g}" for name, weight in s.penalties.items()]
    names = {"wasserstein": "critic", "nonsaturating": "standard GAN", "minimax": "minimax GAN"}
    return " · ".join([names.get(s.loss, s.loss), *terms])


def _place_words(results: Results, index: int, *, penalty: bool = True) -> str:
    """A setting by the options of `AXES`: 'λ 1, 2 D steps, learning rate 0.001'."""
    s = results.study.settings[index]
    words = [f"λ {_weight(results, index):g}"] if penalty and s.penalties else []
    words += [counted(s.d_steps, "D step"), f"learning rate {s.lr:g}"]
    words += [f"{AXES[n][1]} {value:g}" for n in ("lr_g", "lr_d") if (value := getattr(s, n)) is not None]
    return ", ".join(words)


# --- numbers ---------------------------------------------------------------------------------------------------------


def _positive(values: np.ndarray) -> np.ndarray:
    """The values, nan where they have no logarithm."""
    values = np.asarray(values, float)
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)


def _exp(e: Estimate) -> Estimate:
    with np.errstate(over="ignore"):
        return Estimate(*(float(np.exp(v)) for v in e[:3]), e.n)


def _geometric(values: np.ndarray) -> Estimate:
    return _exp(mean_interval(np.log(_positive(values))))


def _tests(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[tuple[Difference, float]]:
    """Of each pair (n,), (n,) over the same seeds, the difference and its p-value, corrected for all of them."""
    rows = []
    for a, b in pairs:
        known = np.isfinite(a) & np.isfinite(b)
        rows.append(np.where(known, np.where(known, a, 0) / 2 - np.where(known, b, 0) / 2, np.nan))
    corrected = max_t(np.array(rows)) if rows else []
    return [(paired_difference(a, b), float(p)) for (a, b), p in zip(pairs, corrected, strict=True)]


def _shown(difference: Difference, p: float) -> bool:
    return difference.n > 1 and (difference.low > 0 or difference.high < 0) and p < LEVEL


def _found(difference: Difference, p: float, more: str, less: str, by: Callable[[Estimate], str] | None) -> str:
    """'higher by 0.2 [0.1, 0.3] (p 0.008)'; nothing where no difference is shown."""
    if not _shown(difference, p):
        return ""
    e = difference.estimate
    size = e if e.value > 0 else Estimate(-e.value, -e.high, -e.low, e.n)
    return f"{more if e.value > 0 else less}{by(size) if by else ''} (p {_p(p)})"


def _by(e: Estimate) -> str:
    return f" by {_words(e)}"


def _p(p: float) -> str:
    return "below 0.001" if p < 0.0005 else number(p, 3)


def _scores(results: Results, index: int) -> list[str]:
    """What settings with both players are compared in."""
    few = (results.modes[index] or 0) < 2
    swings = np.isfinite(results.swings["jsd_swing"]).any()
    return [n for n in COMPARED if not (few and n == "modes_covered") and (swings or n != "jsd_swing")]


def _row(results: Results, index: int) -> dict[str, str]:
    """What a setting with both players ends with, for a table."""
    made = {TITLES[name]: _words(results.estimate(name, index)) for name in _scores(results, index)}
    counts = verdict_counts(results, index)
    return made | {"verdicts": ", ".join(f"{count} {word}" for word, count in counts.items())}


def _end_words(results: Results, index: int) -> str:
    names = [n for n in _scores(results, index) if n != "jsd_swing"]
    units = {"jsd": " nats", "w1": " data units"}
    return ", ".join(f"{TITLES[n]} {_words(results.estimate(n, index))}{units.get(n, '')}" for n in names)


def _few(results: Results) -> str:
    """What so few seeds cannot show."""
    if smallest_p(results.study.seeds) < LEVEL:
        return ""
    needed = next(n for n in range(1, 64) if smallest_p(n) < LEVEL)
    return f"So few seeds cannot show a difference: that takes {needed}."


def _plain(value: float) -> str:
    return number(value, _digits(value))


def _digits(value: float) -> int:
    """Decimal places of three significant digits."""
    if not np.isfinite(value) or value == 0:
        return 2
    return int(np.clip(2 - np.floor(np.log10(abs(value))), 0, 6))


def _words(e: Estimate) -> str:
    ends = [abs(v) for v in e[:3] if np.isfinite(v)]
    digits = _digits(max(ends, default=0.0))
    if np.isfinite(e.low) and e.value > 0 and e.low > 0:  # a geometric mean's ends may be far apart
        digits = _digits(e.value)
    return f"{number(e.value, digits)} {interval(e, digits)}".rstrip()


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _joined(sentences: Sequence[str]) -> str:
    return " ".join(filter(None, sentences))


# --- what figures show -----------------------------------------------------------------------------------------------


def _drawn(results: Results) -> str:
    seeds = results.study.seeds
    return f"means of {seeds} seeds with 95 % intervals" if seeds > 1 else "one seed"


def _scale(axis: _Axis) -> str:
    low, high = float(axis.values.min()), float(axis.values.max())
    return "log" if low > 0 and high >= 4 * low else "linear"


def _dose(
    results: Results,
    score: str,
    indices: Sequence[int],
    at: np.ndarray,
    name: str,
    colour: str | int,
    *,
    many: bool = False,
    dots: bool = False,
) -> Line:
    """A score's last values against an option: `many` for a geometric mean, `dots` for every seed's own."""
    values = [results.final(score, i) for i in indices]
    of = [(_geometric if many else mean_interval)(v) for v in values]
    line: Line = {"name": name, "colour": colour, "at": at, **_ends(of)}
    if dots:
        line["seeds"] = np.stack(values, 1)
    return line


def _course(results: Results, score: str, index: int, name: str, colour: str | int, *, log: bool = False) -> Line:
    """A score over training."""
    values = results.scores[score][results.of_setting(index)]
    of = [(_geometric if log else mean_interval)(column) for column in values.T]
    return {"name": name, "colour": colour, "at": results.snapshot_steps[index], **_ends(of)}


def _ends(of: Sequence[Estimate]) -> Any:
    value, low, high = np.array([e[:3] for e in of]).T
    return {"value": value, "low": low, "high": high}


def _over_steps(
    results: Results,
    score: str,
    indices: Sequence[int],
    names: Sequence[str],
    title: str,
    label: str,
    *,
    log: bool = False,
    **more: Any,
) -> Panel:
    """A score over training, a line for each setting."""
    lines = [_course(results, score, i, n, k, log=log) for k, (i, n) in enumerate(zip(indices, names, strict=True))]
    scales = ("linear", "log" if log else "linear")
    panel: Panel = {"title": title, "x": STEPS, "y": label, "scales": scales, "lines": lines, "dots": False, **more}
    return panel
