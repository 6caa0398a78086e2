"""A member's record as rows of tables: how it ended (summary.csv), and the ledger of its modes (events.csv)."""

from __future__ import annotations

from typing import Any

import numpy as np

from dynamics.runner.results import TABLE_ROWS, Results
from dynamics.runner.setting_names import table_options
from dynamics.runner.table_columns import named

EVENTS = ("won", "lost", "hopped")
EVENT_COLUMNS = named("events")


def summary_rows(results: Results) -> list[dict[str, Any]]:
    """A row per member: its setting, its seed, scores at the end (so far, if it has not ended), verdict."""
    names, rows, sampled = results.names, [], _sampled(results)
    for m, member in enumerate(results.members):
        end = _end(results, m)
        last = {name: np.nan if end is None else float(values[m, end]) for name, values in results.scores.items()}
        rows.append(
            {
                "setting": names[member.setting],
                **table_options(results.study.settings[member.setting]),
                "seed": member.seed,
                "steps": None if end is None else int(results.snapshot_steps[member.setting, end]),
                **last,
                **{name: float(values[m]) for name, values in results.swings.items()},
                **{f"{name}_z": z_score(last[name], results.null[member.setting][name]) for name in sampled},
                "verdict": results.verdicts[m].word,
                "why": results.verdicts[m].detail,
                "diverged_at": results.verdicts[m].diverged_at,
            }
        )
    return rows


def _end(results: Results, m: int) -> int | None:
    """Which of its snapshots is member m's last; None where it has none."""
    if results.reached is None:
        return -1
    looks = int(results.reached.looks[m])
    return looks - 1 if looks else None


def _sampled(results: Results) -> list[str]:
    """The scores that a perfect generator's samples have as well, for some target."""
    return [name for name in results.scores if any(np.isfinite(null[name][0]) for null in results.null)]


def z_score(value: float, null: tuple[float, float]) -> float:
    """How many of a perfect generator's standard deviations a value is above its mean; NaN where those do not vary."""
    return float((value - null[0]) / null[1]) if null[1] > 0 else np.nan


def event_rows(results: Results) -> list[dict[str, Any]]:
    """A row per event of the ledgers: a mode won, lost, or hopped to another, at the snapshot that first shows it."""
    names = results.names
    return [
        {
            "setting": names[results.members[m].setting],
            "seed": results.members[m].seed,
            "step": step,
            "mode_number": mode,
            "event": what,
            "hopped_to": other,
        }
        for m, step, mode, what, other in results.events
    ]


TABLE_ROWS.update({"summary": summary_rows, "events": event_rows})
