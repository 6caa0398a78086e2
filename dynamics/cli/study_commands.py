"""Commands that carry out a study: that of the options given, or a named one."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from dynamics.base.program import command_line
from dynamics.cli.dated_names import dated_name, place
from dynamics.cli.exits import print_note, resumable
from dynamics.cli.options import Asked, read_options
from dynamics.cli.outcome import print_outcome
from dynamics.cli.parameters import with_options
from dynamics.settings.messages import OptionError, flag
from dynamics.settings.option_fields import FIELDS
from dynamics.settings.option_fields import default as default_of
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study
from dynamics.settings.version import VERSION


def _print_version(asked: bool) -> None:
    if asked:
        print(VERSION)
        raise typer.Exit


@with_options
def product(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="print the version", callback=_print_version, is_eager=True)
    ] = False,
    **options: Any,
) -> None:
    given = [name for name, value in options.items() if value not in (None, False)]
    if context.invoked_subcommand is None:
        carry_out(None, options)
    elif given:
        written = flag(given[0].removesuffix("_"))
        raise OptionError(f"{written}: give it after {context.invoked_subcommand}, not before")


@with_options
def named_study(name: Annotated[str, typer.Argument(help="a name that `list` shows")], **options: Any) -> None:
    """Carry out a named study; setting options replace its values."""
    carry_out(name, options)


def carry_out(name: str | None, options: dict[str, Any]) -> None:
    """Resolve what was asked, carry it out, print the outcome."""
    from dynamics.base.files import new_folder, numbered
    from dynamics.store.folder import RunFolder

    asked = read_options(name, options)
    dated = dated_name(f"runs/{asked.study.name}")
    if asked.out is not None and not asked.dry_run:
        RunFolder(asked.out).check_free(force=asked.force)
    from dynamics.runner.resolving import resolve

    asked.study = resolve(asked.study)
    if asked.dry_run:
        if asked.out is None:
            asked.out = str(next(path for path in numbered(dated) if not path.exists()))
        _print_plan(asked)
        return
    if not asked.quiet:
        for words in _notes(asked.study):
            print_note(words)
    from dynamics.base.progress import progress_on
    from dynamics.workflow import run

    with place(asked.out, new_folder, dated) as home, resumable(home):
        results, folder = run(
            asked.study,
            home,
            force=asked.force,
            look=None if asked.no_figures else asked.look,
            command=command_line(*sys.argv[1:]),
            progress=progress_on(sys.stderr, asked.quiet),
            tell=print_note,
        )
    print_outcome(results, folder.path, asked.json)


def _print_plan(asked: Asked) -> None:
    from dynamics.runner.planning import plan
    from dynamics.runner.saving import manifest
    from dynamics.runner.setting_names import setting_names

    members, stacks = plan(asked.study)
    if asked.json:
        print(json.dumps({"out": asked.out, **manifest(asked.study)}, ensure_ascii=False, allow_nan=False))
        return
    study = asked.study
    print(f"study {study.name}: {len(study.settings)} settings × {study.seeds} seeds = {len(members)} GANs")
    print(
        f"steps {study.steps}, seeds {study.seed} to {study.seed + study.seeds - 1}, device {study.device}, ",
        end="",
    )
    print(f"{study.workers} workers, {len(stacks)} stacks; run folder {asked.out}")
    for setting_name, setting in zip(setting_names(study.settings), study.settings, strict=True):
        always = ("mode", "std", "d_steps", "loss", "optimizer", "lr")
        shown = [n for n in FIELDS[Setting] if n in always or getattr(setting, n) != default_of(Setting, n)]
        rest = " ".join(f"{n}={value}" for n in shown if (value := getattr(setting, n)) is not None)
        print(f"  {setting_name}: {rest}")
    if study.confirm:
        first = study.seed + study.seeds
        print(f"then the best three of each target again, on new seeds {first} to {first + study.confirm - 1}")
    for words in _notes(study):
        print(words)


def _notes(study: Study) -> list[str]:
    """What the user should know of the settings, and of the own files, that a study has."""
    from dynamics.runner.planning import beginning_notes
    from dynamics.targets.user_files import notes_of

    of_files = (f"{name}: {note}" for name, note in notes_of(study.settings).items())
    return [*study.notes, *beginning_notes(study), *of_files]
