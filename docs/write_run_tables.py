"""Write docs/run-tables.md from what is declared: `python docs/write_run_tables.py`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from dynamics.runner.table_columns import TABLE_COLUMNS  # noqa: E402
from dynamics.settings.catalogue.run_arrays import AXES, RUN_ARRAYS  # noqa: E402

PAGE = ROOT / "docs" / "run-tables.md"
TEXT = """\
# Tables and arrays of a run

Every table and every array that a run writes, with its columns or axes, kinds and units. How to use them from Python is
shown in [library.md](library.md). The program itself goes by what stands here: `python docs/write_run_tables.py` writes
this page from `dynamics/runner/table_columns.py` and `dynamics/settings/catalogue/run_arrays.py`.

A name in braces stands for several: `{option}` for every option of a setting (`python main.py --help-all`), `{score}`
for every score that was measured ([measures.md](measures.md)), `{swing}` for the swings of the JSD and of both losses,
`{verdict}` for every verdict, `{member}` for a member's number. *Data units* are those of the target; of your own
points, theirs.

## Tables

An empty cell is a value that is not there: a score that the target cannot have, an option that was not given.
`results.frame("summary")` has the same rows by columns: a *number* is then a numpy array of floats, NaN where one is
missing; a *whole number* or a *text* is a list, None where a value is missing. In every table `mode` is the target, as
in `--mode`; the target's own modes have numbers, from 1. (In events.csv of earlier versions `mode_number` is called
`mode`, and `hopped_to` is called `to`; such runs are read as well.)

TABLES

## Arrays

`numpy.load("runs/mine/history.npz")` reads them; `dynamics.load("runs/mine")` gives them with the study that they
belong to. In its `Results` the member is the first axis everywhere, also of the samples.

AXES

ARRAYS
"""
ROWS_OF = {
    "summary": "A row for each GAN.",
    "comparison": "A row for each setting.",
    "differences": "A row for each score of each pair of settings that differ in one option.",
    "events": "A row each time a GAN wins or loses a mode.",
    "ranking": "A row for each setting, best first; written where there are many settings.",
}
CONTENT = {
    "history.npz": "Curves, scores and measures over training.",
    "frames.npz": "Generated samples at every frame of the animations; frames are the first axis, before members.",
    "weights.npz": "The networks at every frame.",
    "beginnings.npz": "Written with `--from` alone: the networks that each member began with.",
}


def table(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    titles = list(titles)
    return "\n".join("| " + " | ".join(line) + " |" for line in (titles, ["---"] * len(titles), *rows))


def page() -> str:
    """The whole page, as Markdown."""
    columns = [
        f"### {name}.csv\n\n{ROWS_OF[name]}\n\n"
        + table(
            ("column", "kind", "unit", "what it is"), ((f"`{c.name}`", c.kind, c.unit, c.meaning) for c in declared)
        )
        for name, declared in TABLE_COLUMNS.items()
    ]
    arrays = [
        f"### {file}\n\n{CONTENT[file]}\n\n"
        + table(
            ("array", "axes", "kind", "unit", "what it is"),
            ((f"`{name}`", ", ".join(a.axes), a.kind, a.unit, a.meaning) for name, a in declared.items()),
        )
        for file, declared in RUN_ARRAYS.items()
    ]
    text = TEXT.replace("TABLES", "\n\n".join(columns)).replace("ARRAYS", "\n\n".join(arrays))
    return text.replace("AXES", table(("axis", "what it counts"), AXES.items()))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE.relative_to(ROOT))
