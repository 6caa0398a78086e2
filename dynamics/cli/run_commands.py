"""Commands on the folders of runs: draw again, go on, report on one or on several."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from dynamics.cli.dated_names import dated_name, place
from dynamics.cli.exits import drawing_fails, print_note, resumable
from dynamics.cli.outcome import print_latex_lines, print_outcome
from dynamics.cli.parameters import with_look
from dynamics.settings.look import Look
from dynamics.settings.messages import OptionError, flag
from dynamics.settings.option_checks import parse
from dynamics.settings.option_fields import default as default_of
from dynamics.settings.option_fields import metadata
from dynamics.settings.study import Study


@with_look
def render_run(
    run: Annotated[str, typer.Argument(help="a run folder")],
    frames: Annotated[
        int | None, typer.Option(min=1, help="animation frames, of those that the run kept; default: all")
    ] = None,
    workers: Annotated[str, typer.Option(help="auto or a number")] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", help="errors only")] = False,
    **options: Any,
) -> None:
    """Draw a run's pictures and report again, without training; what is not said is as the run was drawn."""
    from dynamics.base.progress import progress_on
    from dynamics.workflow import redraw

    changes = {}
    for written, value in options.items():
        if value is not None:
            name = "show" if written == "layers" else written
            if name in changes:
                raise OptionError("--show and --layers: give one of them")
            changes[name] = parse(Look, name, value, flag(written))
    with drawing_fails():
        redraw(Path(run), changes, frames, workers, progress_on(sys.stderr, quiet), print_note)
    print_latex_lines(Path(run))


def resume_run(
    run: Annotated[str, typer.Argument(help="a run folder")],
    confirm: Annotated[
        int | None, typer.Option(min=1, help="train the best three again on this many new seeds, for a fair score")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="errors and results only")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="results as one JSON object on stdout")] = False,
) -> None:
    """Go on with a run that was stopped, or train again what failed in it, to the same files."""
    with resumable(Path(run)):
        from dynamics.base.progress import progress_on
        from dynamics.workflow import resume

        results, folder = resume(Path(run), progress_on(sys.stderr, quiet), print_note, confirm)
    print_outcome(results, folder.path, as_json)


def report_runs(
    runs: Annotated[list[str], typer.Argument(help="run folders", metavar="RUN...")],
    out: Annotated[str | None, typer.Option(help="folder of a report on several runs (runs/report-DATE)")] = None,
    force: Annotated[bool, typer.Option("--force", help="replace the report in a folder that is not empty")] = False,
    embed: Annotated[
        str | None, typer.Option(help=f"{metadata(Look, 'embed')['help']}; default: as before, auto for several runs")
    ] = None,
    baseline: Annotated[str | None, typer.Option(help=metadata(Study, "baseline")["help"])] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="errors only")] = False,
) -> None:
    """Write a run's report again, from its folder; of several runs, one report: equal settings are pooled by seed."""
    from dynamics.base.files import new_folder
    from dynamics.base.progress import progress_on
    from dynamics.workflow import joint_report, rewrite_report

    changes = {} if embed is None else {"embed": parse(Look, "embed", embed)}
    if len(runs) == 1:
        if out is not None:
            raise OptionError(f"--out {out}: one run's report is written into its folder; --out is for several")
        rewrite_report(Path(runs[0]), changes, print_note, baseline)
        print(Path(runs[0]) / "report.html")
        return
    embedded, progress = changes.get("embed", default_of(Look, "embed")), progress_on(sys.stderr, quiet)
    with drawing_fails(), place(out or None, new_folder, dated_name("runs/report")) as home:
        paths = [Path(run) for run in runs]
        joint_report(paths, home, force=force, embed=embedded, progress=progress, baseline=baseline)
    print(home / "report.html")
