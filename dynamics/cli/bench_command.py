"""The command that measures speed: its benchmarks stand beside the package, in a checkout."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from dynamics.base.program import CHECKOUT
from dynamics.cli.dated_names import dated_name, place
from dynamics.settings.messages import OptionError


def benchmark(
    only: Annotated[str | None, typer.Option(help="parts, separated by commas; default: all")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="turns of every part")] = 5,
    steps: Annotated[int, typer.Option(min=1, help="generator steps a GAN and turn")] = 150,
    out: Annotated[str | None, typer.Option(help="JSON file (runs/bench-DATE.json)")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="the JSON on stdout instead of the table")] = False,
) -> None:
    """Measure speed and memory, beside a plain PyTorch loop, JAX, busy neighbours and the machine's own products."""
    if not (CHECKOUT / "benchmarks" / "bench.py").is_file() or not (CHECKOUT / "pyproject.toml").is_file():
        raise OptionError("bench: needs a checkout of the project, as benchmarks/ is not installed with the package")
    if str(CHECKOUT) not in sys.path:  # installed from a checkout to be worked on (pip install -e)
        sys.path.insert(0, str(CHECKOUT))
    from benchmarks.bench import PARTS, as_record, measure, table, ticks
    from dynamics.base.files import atomic, new_file
    from dynamics.base.progress import progress_on
    from dynamics.base.workers import usable_cores
    from dynamics.settings.messages import not_one_of

    dated = dated_name("runs/bench", ".json")
    names = list(PARTS) if only is None else only.split(",")
    for name in names:
        if name not in PARTS:
            raise OptionError(not_one_of("--only", name, tuple(PARTS)))
    cores = usable_cores()
    with progress_on(sys.stderr, False)("measuring", ticks(names, repeats)) as advance:
        parts = measure(names, repeats, steps, cores, advance)
    text = json.dumps(as_record(parts, steps, cores), indent=2)
    with place(out or None, new_file, dated) as path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
    print(text if as_json else f"{table(parts, repeats, cores)}\n\n{path}")
