"""Settings beside one another: what each scored over its seeds, and what they differ in within a seed."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from dynamics.base.intervals import Difference, difference_range, max_t, mean_interval, paired_difference
from dynamics.runner.member_rows import z_score
from dynamics.runner.results import TABLE_ROWS, Results
from dynamics.runner.setting_names import table_options
from dynamics.runner.table_columns import named
from dynamics.settings.budget import samples_seen, updates
from dynamics.settings.catalogue.scores import COMPARED, SCORES, SWINGS
from dynamics.settings.catalogue.verdicts import GONE, VERDICTS
from dynamics.settings.distinct import has_effect
from dynamics.settings.option_fields import FIELDS
from dynamics.settings.setting import Setting
from dynamics.store.folder import RunFolder

DIFFERENCE_COLUMNS = named("differences")


def write_tables(results: Results, folder: RunFolder, compared: Sequence[Compared] | None = None) -> None:
    """Write comparison.csv and differences.csv, of the `differences` `compared` where they are known already."""
    folder.write_csv("comparison.csv", comparison_rows(results))
    folder.write_csv("differences.csv", difference_rows(results, compared), DIFFERENCE_COLUMNS)


def comparison_rows(results: Results) -> list[dict[str, Any]]:
    """A row per setting: n seeds; mean, 95 % interval, number of seeds that have it and null of each score; shares.

    The shares of the verdicts are of all seeds that ran, `verdicts_n`, and sum to 1.
    """
    rows = []
    for index, (folder, setting) in enumerate(zip(results.names, results.study.settings, strict=True)):
        steps = results.last_step(index)
        row: dict[str, Any] = {
            "setting": folder,
            **table_options(setting),
            "seeds": len(results.of_setting(index)),
            "steps": steps,
            "updates": None if steps is None else updates(setting, steps),
            "samples_seen": None if steps is None else samples_seen(setting, steps),
        }
        for score in results.scores:
            e = results.estimate(score, index)
            row |= {
                f"{score}_mean": e.value,
                f"{score}_low": e.low,
                f"{score}_high": e.high,
                f"{score}_n": e.n,
            }
            null = results.null[index][score]
            row |= {f"{score}_null": null[0], f"{score}_null_std": null[1], f"{score}_z": z_score(e.value, null)}
        for name in SWINGS:
            e = results.estimate(name, index)
            row |= {f"{name}_mean": e.value, f"{name}_low": e.low, f"{name}_high": e.high, f"{name}_n": e.n}
        row["verdicts_n"] = results.share(next(iter(VERDICTS)), index).n
        for verdict in VERDICTS:
            e, name = results.share(verdict, index), verdict.replace(" ", "_")
            row |= {f"{name}_share": e.value, f"{name}_low": e.low, f"{name}_high": e.high}
        rows.append(row)
    return rows


# --- differences -----------------------------------------------------------------------------------------------------


class Pair(NamedTuple):
    """Two settings of one mode, indices into the study's, that differ in one option alone."""

    first: int
    second: int
    option: str


class Compared(NamedTuple):
    """A score of a pair's first setting less that of its second, within each seed that they share."""

    pair: Pair
    score: str
    shared: int  # seeds that both settings have; `difference.n` of them have the score at both
    means: tuple[float, float]  # of the two settings, over those
    difference: Difference
    p_corrected: float  # for every comparison of the study, by `intervals.max_t`


def setting_pairs(settings: Sequence[Setting], apart: Sequence[Mapping[str, Any]] = ()) -> list[Pair]:
    """All pairs of settings of one mode that differ in exactly one option: D steps first, then std, then the rest.

    An option that has no effect in one of the two does not count: `unroll` where the other does not unroll.
    The first of a pair has more D steps, or the smaller std; else it is the earlier of the study. `apart` holds what
    else can differ, of each setting (`Results.apart`): such options come last.
    """
    choices = [
        dataclasses.asdict(s) | dict(more) for s, more in zip(settings, apart or [{}] * len(settings), strict=True)
    ]
    apart_or_first = (
        "mode",
        "invert",
        "d_steps",
        "std",
    )  # a picture and its negative are two targets, as two modes are
    rest = [name for name in dict.fromkeys(itertools.chain(*choices)) if name not in apart_or_first]
    # options that some setting has no use for: in such a pair, they may differ
    idle = {n: [not has_effect(s, n) for s in settings] for n in FIELDS[Setting]}
    idle = {n: where for n, where in idle.items() if any(where) and len({choice[n] for choice in choices}) > 1}
    pairs = []
    for option in ("d_steps", "std", *rest):
        alike: dict[tuple[Any, ...], list[int]] = {}
        for index, choice in enumerate(choices):
            key = tuple((k, v) for k, v in choice.items() if k != option and k not in idle)
            alike.setdefault(key, []).append(index)
        for group in alike.values():
            if option in ("d_steps", "std"):
                group.sort(key=lambda i: choices[i][option] or 0)
            for one, other in itertools.combinations(group, 2):
                if choices[one].get(option) != choices[other].get(option) and all(
                    choices[one][n] == choices[other][n] or where[one] or where[other]
                    for n, where in idle.items()
                    if n != option
                ):
                    pairs.append(Pair(other, one, option) if option == "d_steps" else Pair(one, other, option))
    return pairs


def differences(results: Results) -> list[Compared]:
    """Every pair of ended settings in every score of `COMPARED` that both can have, corrected for together."""
    compared, by_seed = [], []
    places = {seed: place for place, seed in enumerate(sorted({m.seed for m in results.members}))}
    for pair in setting_pairs(results.study.settings, results.apart):
        if not all(results.has_ended(i) for i in pair[:2]):
            continue
        first, second = ({results.members[m].seed: m for m in results.of_setting(i)} for i in pair[:2])
        seeds = [s for s in places if s in first and s in second]
        for score in COMPARED:
            if not _comparable(results, score, pair):
                continue
            values = results.last(score)
            a, b = values[[first[s] for s in seeds]], values[[second[s] for s in seeds]]
            both = np.isfinite(a) & np.isfinite(b)
            if score in SWINGS and not both.any():  # too short a run to swing
                continue
            if score in GONE and not (np.nansum(a) or np.nansum(b)):
                continue
            means = (mean_interval(a[both]).value, mean_interval(b[both]).value)
            within = difference_range(results.range(score, pair.first), results.range(score, pair.second))
            difference = paired_difference(a, b, within)
            compared.append(Compared(pair, score, len(seeds), means, difference, np.nan))
            row = np.full(len(places), np.nan)
            # halves: their difference is finite
            row[[places[s] for s in seeds]] = np.subtract(a / 2, b / 2, out=np.full(len(seeds), np.nan), where=both)
            by_seed.append(row)
    corrected = max_t(np.array(by_seed).reshape(len(compared), len(places)))
    # beyond 20 seeds both are drawn, each by itself
    return [c._replace(p_corrected=float(np.fmax(p, c.difference.p))) for c, p in zip(compared, corrected, strict=True)]


def _comparable(results: Results, score: str, pair: Pair) -> bool:
    """Whether a score means the same at both settings of a pair."""
    if score in SWINGS and not SCORES[score].unit:  # it has that of a loss, and two losses may have two
        return pair.option != "loss"
    if score in SWINGS or score in VERDICTS:
        return True
    return score in results.scores and bool(np.isfinite(results.null[pair.first][score][0]))


def difference_rows(results: Results, compared: Sequence[Compared] | None = None) -> list[dict[str, Any]]:
    """A row per compared pair and score: `setting` less `against` within shared seeds, 95 % interval, p-values.

    `compared` are the results' `differences`, where they are known already.
    """
    names = results.names
    return [
        {
            "setting": names[c.pair.first],
            "against": names[c.pair.second],
            "score": c.score,
            "n": c.difference.n,
            "difference": c.difference.value,
            "low": c.difference.low,
            "high": c.difference.high,
            "p": c.difference.p,
            "p_corrected": c.p_corrected,
        }
        for c in (differences(results) if compared is None else compared)
    ]


TABLE_ROWS.update({"comparison": comparison_rows, "differences": difference_rows})
