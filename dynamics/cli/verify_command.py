"""The command that holds the methods to games with known answers."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from dynamics.cli.dated_names import dated_name, place
from dynamics.cli.exits import RunFailed
from dynamics.settings.messages import OptionError


def verify_methods(
    out: Annotated[str | None, typer.Option(help="picture: .png, .pdf or .svg (runs/verify-DATE.png)")] = None,
    no_figures: Annotated[bool, typer.Option("--no-figures", help="check only")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="the rows as one JSON object instead of a table")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="results and errors only")] = False,
) -> None:
    """Hold losses, penalties, optimisers and update rules to games with known answers; draw the phase portraits."""
    dated = dated_name("runs/verify", ".png")
    if out and Path(out).suffix.lower() not in (".png", ".pdf", ".svg"):
        raise OptionError(f"--out {out}: a picture is written as .png, .pdf or .svg")
    from dynamics.base.files import new_file
    from dynamics.base.progress import progress_on
    from dynamics.base.workers import usable_cores
    from dynamics.theory.verify import TICKS, check
    from dynamics.theory.verify_output import as_record, draw, table

    with progress_on(sys.stderr, quiet)("verifying", TICKS) as advance:
        verification = check(advance, usable_cores())
    where = ""
    if not no_figures:
        with place(out or None, new_file, dated) as path:
            path.parent.mkdir(parents=True, exist_ok=True)
            draw(verification, path)
        where = f"\n\n{path}"
    if as_json:
        print(json.dumps(as_record(verification), ensure_ascii=False, allow_nan=False, indent=2))
    else:
        print(table(verification) + where)
    if not verification.passed:
        failed = [f"{row.name} ({row.what})" for row in verification.rows if not row.passed]
        raise RunFailed(f"{len(failed)} of {len(verification.rows)} rows fail: {failed[0]}")
