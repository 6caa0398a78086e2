"""The tables of a run: the columns that each can have, with their kind, unit and meaning; declared here alone.

`TABLE_COLUMNS` has them by table. Whoever makes a table's rows names its columns as they are here, docs/run-tables.md
is written from here, and `as_columns` turns rows into what a data frame takes. A name in braces stands for several
columns: `{option}` for every option of a setting, `{score}`, `{swing}` and `{verdict}` for every name of the catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from dynamics.settings.catalogue.scores import GROUPS, SCORES, SWINGS
from dynamics.settings.catalogue.verdicts import VERDICTS
from dynamics.settings.option_fields import FIELDS, metadata
from dynamics.settings.setting import Setting

TEXT, WHOLE, NUMBER = "text", "whole number", "number"
_KINDS = {str: TEXT, int: WHOLE, float: NUMBER}
SAME = "that of the score"  # a unit

Columns = dict[str, Any]  # name -> a list, or a numpy array of floats


class TableColumn(NamedTuple):
    name: str  # with {option}, {score}, {swing} or {verdict}: a column for each of them
    kind: str
    meaning: str
    unit: str = ""


def _interval(name: str, of: str, unit: str) -> tuple[TableColumn, ...]:
    """Mean, ends of its interval and number of seeds, of what a column's name is `name`."""
    return (
        TableColumn(f"{name}_mean", NUMBER, f"mean over seeds of {of}", unit),
        TableColumn(f"{name}_low", NUMBER, "lower end of the 95 % interval of that mean", unit),
        TableColumn(f"{name}_high", NUMBER, "upper end of it", unit),
        TableColumn(f"{name}_n", WHOLE, "seeds that have it", "seeds"),
    )


_SETTING = TableColumn("setting", TEXT, "the setting, by the name of its folder")
_OPTIONS = TableColumn("{option}", "that of the option", "each option of the setting; `mode` is the target's name")
_ENDS = (
    TableColumn("low", NUMBER, "lower end of its 95 % interval", SAME),
    TableColumn("high", NUMBER, "upper end of it", SAME),
)

TABLE_COLUMNS: dict[str, tuple[TableColumn, ...]] = {
    "summary": (  # a row for each GAN
        _SETTING,
        _OPTIONS,
        TableColumn("seed", WHOLE, "its seed"),
        TableColumn("steps", WHOLE, "when its scores were taken", "generator steps"),
        TableColumn("{score}", NUMBER, "the score at that step", SAME),
        TableColumn("{swing}", NUMBER, "how much a score or a loss swings at the end", SAME),
        TableColumn(
            "{score}_z",
            NUMBER,
            "how far the score is above a perfect generator's mean",
            "standard deviations of a perfect generator's",
        ),
        TableColumn("verdict", TEXT, "what became of it"),
        TableColumn("why", TEXT, "the reason, in words"),
        TableColumn("diverged_at", WHOLE, "when it was first seen to have diverged", "generator steps"),
    ),
    "comparison": (  # a row for each setting
        _SETTING,
        _OPTIONS,
        TableColumn("seeds", WHOLE, "GANs of the setting", "seeds"),
        TableColumn("steps", WHOLE, "when scores were taken", "generator steps"),
        TableColumn("updates", WHOLE, "steps of D and G together until then", "steps"),
        TableColumn("samples_seen", WHOLE, "real samples that D has seen until then", "samples"),
        *_interval("{score}", "the score", SAME),
        TableColumn("{score}_null", NUMBER, "what a perfect generator scores on average", SAME),
        TableColumn("{score}_null_std", NUMBER, "the standard deviation of that", SAME),
        TableColumn(
            "{score}_z",
            NUMBER,
            "how far the mean is above a perfect generator's",
            "standard deviations of a perfect generator's",
        ),
        *_interval("{swing}", "how much a score or a loss swings", SAME),
        TableColumn("verdicts_n", WHOLE, "seeds that have a verdict", "seeds"),
        TableColumn("{verdict}_share", NUMBER, "share of those with this verdict", "share"),
        TableColumn("{verdict}_low", NUMBER, "lower end of the 95 % interval of that share", "share"),
        TableColumn("{verdict}_high", NUMBER, "upper end of it", "share"),
    ),
    "differences": (  # a row for each score of each pair of settings
        _SETTING._replace(meaning="the first setting of the pair, by the name of its folder"),
        TableColumn("against", TEXT, "the second, which differs from it in one option"),
        TableColumn("score", TEXT, "the score, swing or verdict that is compared"),
        TableColumn("n", WHOLE, "seeds that have it at both settings", "seeds"),
        TableColumn("difference", NUMBER, "mean over seeds of its value at the first, minus that at the second", SAME),
        *_ENDS,
        TableColumn("p", NUMBER, "p-value of the sign-flip test"),
        TableColumn("p_corrected", NUMBER, "the same, corrected for all rows of the table"),
    ),
    "events": (  # a row for each event of a GAN's modes
        _SETTING,
        TableColumn("seed", WHOLE, "the GAN's seed"),
        TableColumn("step", WHOLE, "the snapshot that first shows the event", "generator steps"),
        TableColumn("mode_number", WHOLE, "which of the target's modes, from 1"),
        TableColumn("event", TEXT, "`won`, `lost`, or `hopped`: lost while another was won"),
        TableColumn("hopped_to", WHOLE, "where it hopped: that other mode, from 1"),
    ),
    "ranking": (  # a row for each setting, best first; of many settings
        TableColumn("target", TEXT, "the target, in words"),
        TableColumn("place", WHOLE, "the setting's place among those of the target, from 1"),
        _SETTING,
        TableColumn("score", TEXT, "what the order is by"),
        TableColumn("n", WHOLE, "seeds that have it", "seeds"),
        TableColumn("mean", NUMBER, "its mean over seeds", SAME),
        *_ENDS,
        TableColumn("against", TEXT, "the setting that this one is compared with"),
        TableColumn("difference", NUMBER, "mean over seeds of the score, minus that setting's", SAME),
        TableColumn("difference_low", NUMBER, "lower end of its 95 % interval", SAME),
        TableColumn("difference_high", NUMBER, "upper end of it", SAME),
        TableColumn("p_corrected", NUMBER, "p-value of that difference, corrected for the ranking"),
        TableColumn("new_n", WHOLE, "new seeds, of `--confirm`, that have the score", "seeds"),
        TableColumn("new_mean", NUMBER, "its mean over the new seeds", SAME),
        TableColumn("new_low", NUMBER, "lower end of its 95 % interval", SAME),
        TableColumn("new_high", NUMBER, "upper end of it", SAME),
    ),
}
# of events.csv, as earlier versions called them: `mode` is a target everywhere else
EARLIER_NAMES = {"mode": "mode_number", "to": "hopped_to"}


def named(table: str) -> tuple[str, ...]:
    """The columns of a table that has always the same ones, in their order."""
    return tuple(column.name for column in TABLE_COLUMNS[table])


def all_columns(table: str) -> dict[str, TableColumn]:
    """Every column that a table can have, by its name: those in braces once for each name that they stand for."""
    columns: dict[str, TableColumn] = {}
    for column in TABLE_COLUMNS[table]:
        before, brace, rest = column.name.partition("{")
        kind, _, after = rest.partition("}")
        for name, changes in _NAMES[kind if brace else ""]().items():
            unit = changes.get("unit", column.unit) if column.unit == SAME else column.unit
            made = column._replace(name=f"{before}{name}{after}", **{**changes, "unit": unit})
            columns.setdefault(made.name, made)
    return columns


def _options() -> dict[str, dict[str, str]]:
    return {
        name: {"kind": _KINDS[kind], "meaning": metadata(Setting, name)["help"]}
        for name, kind in FIELDS[Setting].items()
    }


_NAMES: dict[
    str, Callable[[], Mapping[str, Mapping[str, str]]]
] = {  # what braces hold -> each name that they stand for, and what is particular to its column
    "": lambda: {"": {}},  # there are none
    "option": _options,
    "score": lambda: {name: {"unit": SCORES[name].unit} for group in GROUPS.values() for name in group.scores},
    "swing": lambda: {name: {"unit": SCORES[name].unit} for name in SWINGS},
    "verdict": lambda: {word.replace(" ", "_"): {} for word in VERDICTS},
}


def as_columns(table: str, rows: Sequence[Mapping[str, Any]]) -> Columns:
    """Rows of a table as its columns, by name: a float array where the declared kind is a number, else a list.

    A number that is not there is NaN; a whole number or a text that is not there is None. Raises ``KeyError`` for a
    column that is not declared.
    """
    declared = all_columns(table)
    names = list(rows[0]) if rows else list(named(table))
    columns: Columns = {}
    for name in names:
        values = [row[name] for row in rows]
        if declared[name].kind == NUMBER:
            columns[name] = np.array([np.nan if value is None else value for value in values], np.float64)
        else:
            columns[name] = values
    return columns
