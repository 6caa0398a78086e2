"""The command line: options in, exit statuses out.

Options are derived from `settings.Setting` and `settings.Study`; every one of a setting's takes one value or several,
comma-separated. Results go to stdout, all else to stderr. A user's mistake is one line and status 2.
"""

from __future__ import annotations

import contextlib
import datetime
import inspect
import io
import json
import keyword
import logging
import os
import re
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import typer

from dynamics.base.interrupts import SIGNALS, Stopped, stop
from dynamics.cli.options import Asked, read_options
from dynamics.settings.catalogue.names import NAMES
from dynamics.settings.look import Look
from dynamics.settings.messages import OptionError, cut, flag, near, one_line
from dynamics.settings.option_checks import parse
from dynamics.settings.option_fields import FIELDS, metadata
from dynamics.settings.option_fields import default as default_of
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study
from dynamics.settings.version import VERSION

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    help="2D GAN dynamics: train many small GANs on known densities, measure them exactly, compare and animate them.",
    epilog="With nothing else: the whole assignment (study homework). "
    "Any setting option makes it a study of that product.",
)


# --- options ---------------------------------------------------------------------------------------------------------


def _text_options(cls: type, name: str, aliases: tuple[str, ...] = ()) -> list[inspect.Parameter]:
    """An option and its other names, each a parameter of its own: a complaint names the one that was written."""
    meta = metadata(cls, name)
    words = meta["help"]
    if (value := default_of(cls, name)) is not None:
        words += f" ({value:g})" if isinstance(value, float) else f" ({value})"
    metavar = "|".join(NAMES[name]) if 0 < len(NAMES.get(name, ())) < 7 else FIELDS[cls][name].__name__.upper()
    panel = {Setting: "Setting: one value or several, comma-separated", Study: "Study", Look: "Pictures"}[cls]
    found = []
    for written in (flag(name), *meta["aliases"], *aliases):
        option = typer.Option(written, help=words, metavar=metavar, rich_help_panel=panel, show_default=False)
        called = written.removeprefix("--").replace("-", "_")
        called += "_" if keyword.iskeyword(called) else ""  # from, which is a word of Python's
        found.append(
            inspect.Parameter(
                called, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[str | None, option]
            )
        )
        words = f"the same as {flag(name)}"
    return found


def _plain_option(name: str, kind: Any, help: str, default: Any = None, panel: str = "Output") -> inspect.Parameter:
    metavar = "TEXT" if kind is not bool else None
    option = typer.Option(flag(name), help=help, metavar=metavar, rich_help_panel=panel, show_default=False)
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option])


def with_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command every option of a setting and of a study, and those of the output, as its `**options`."""
    own = [
        p
        for p in inspect.signature(function, eval_str=True).parameters.values()
        if p.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    variance = _plain_option(
        "variance",
        str | None,
        "square of --std, instead of it",
        panel="Setting: one value or several, comma-separated",
    )
    setting = [option for name in FIELDS[Setting] for option in _text_options(Setting, name)]
    setting.insert(2, variance)
    preset = _plain_option("preset", str | None, "a published protocol: its options, where flags say nothing else")
    setting.append(preset)
    study = [option for name in FIELDS[Study] for option in _text_options(Study, name)]
    output = [
        _plain_option("out", str | None, "run folder (runs/NAME-DATE)"),
        _plain_option("force", bool, "replace the run in a folder that is not empty", False),
        _plain_option("config", str | None, "the same options from a TOML file; flags win over it"),
        _plain_option("no_figures", bool, "train and measure only", False),
        _plain_option("dry_run", bool, "print the resolved study and write nothing", False),
        _plain_option("quiet", bool, "errors and results only", False),
        _plain_option("json", bool, "results as one JSON object on stdout", False),
    ]
    look = [option for name in FIELDS[Look] for option in _text_options(Look, name)]
    function.__signature__ = inspect.Signature([*own, *setting, *study, *look, *output])  # type: ignore[attr-defined]
    return function


# --- commands --------------------------------------------------------------------------------------------------------


def _print_version(asked: bool) -> None:
    if asked:
        print(VERSION)
        raise typer.Exit


@app.callback(invoke_without_command=True)
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


@app.command("study")
@with_options
def named_study(name: Annotated[str, typer.Argument(help="a name that `list` shows")], **options: Any) -> None:
    """Carry out a named study; setting options replace its values."""
    carry_out(name, options)


@app.command("list")
def list_names(
    as_json: Annotated[bool, typer.Option("--json", help="as one JSON object")] = False,
) -> None:
    """Show every target, loss, penalty, update rule, optimiser, preset, study and whatever else has a name."""
    from dynamics.games.initial_weights import INITS
    from dynamics.games.losses import LOSSES
    from dynamics.games.networks import ACTIVATIONS
    from dynamics.games.optimizers import OPTIMIZERS
    from dynamics.games.penalties import PENALTIES
    from dynamics.games.update_rules import UPDATES
    from dynamics.settings.catalogue.names import USUAL_WEIGHTS
    from dynamics.settings.catalogue.scores import SCORE_GROUPS
    from dynamics.settings.presets import PRESETS
    from dynamics.studies import questions
    from dynamics.targets.registry import TARGETS

    def first_line(function: Any) -> str:
        return (inspect.getdoc(function) or "").partition("\n")[0].rstrip(".")

    names = {
        "targets": {name: f"{entry.help} (std {entry.std:g})" for name, entry in TARGETS.items()}
        | {"NAME.csv": "your own points, blurred (docs/targets.md)", "NAME.png": "your own picture: dark is dense"}
        | {"NAME.toml": "your own mixture, with its modes"},
        "losses": {name: loss.help for name, loss in LOSSES.items()},
        "penalties": {
            name: f"{entry.help} (weight: {entry.weight}, {USUAL_WEIGHTS[name]:g})" for name, entry in PENALTIES.items()
        },
        "updates": {name: first_line(kind) for name, kind in UPDATES.items()},
        "optimizers": {name: first_line(kind) for name, kind in OPTIMIZERS.items()},
        "activations": dict.fromkeys(ACTIVATIONS, ""),
        "inits": {name: first_line(init) for name, init in INITS.items()},
        "presets": {name: preset.help for name, preset in PRESETS.items()},
        "scores": SCORE_GROUPS,
        "studies": questions(),
    }
    if as_json:
        print(json.dumps(names, ensure_ascii=False, indent=2))
        return
    for title, entries in names.items():
        print(title)
        for name, words in entries.items():
            print(f"  {name:<15} {words}".rstrip())


def with_look(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of a look, as its `**options`."""
    own = [
        p
        for p in inspect.signature(function, eval_str=True).parameters.values()
        if p.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    # a run's --layers are those of its networks
    look = [o for name in FIELDS[Look] for o in _text_options(Look, name, ("--layers",) if name == "show" else ())]
    function.__signature__ = inspect.Signature([*own, *look])  # type: ignore[attr-defined]
    return function


@app.command("render")
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
    with _drawing_fails():
        redraw(Path(run), changes, frames, workers, progress_on(sys.stderr, quiet), _note)
    _print_lines(Path(run))


@app.command("resume")
def resume_run(
    run: Annotated[str, typer.Argument(help="a run folder")],
    quiet: Annotated[bool, typer.Option("--quiet", help="errors and results only")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="results as one JSON object on stdout")] = False,
) -> None:
    """Go on with a run that was stopped, or train again what failed in it, to the same files."""
    with _resumable(Path(run)):
        from dynamics.base.progress import progress_on
        from dynamics.workflow import resume

        results, folder = resume(Path(run), progress_on(sys.stderr, quiet), _note)
    _print_outcome(results, folder.path, as_json)


@app.command("report")
def report_runs(
    runs: Annotated[list[str], typer.Argument(help="run folders", metavar="RUN...")],
    out: Annotated[str | None, typer.Option(help="folder of a report on several runs (runs/report-DATE)")] = None,
    force: Annotated[bool, typer.Option("--force", help="replace the report in a folder that is not empty")] = False,
    embed: Annotated[
        str | None, typer.Option(help=f"{metadata(Look, 'embed')['help']}; default: as before, auto for several runs")
    ] = None,
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
        rewrite_report(Path(runs[0]), changes)
        print(Path(runs[0]) / "report.html")
        return
    how = changes.get("embed", default_of(Look, "embed"))
    with _drawing_fails(), _place(out or None, new_folder, _dated("runs/report")) as home:
        joint_report([Path(run) for run in runs], home, force=force, how=how, progress=progress_on(sys.stderr, quiet))
    print(home / "report.html")


@app.command("verify")
def verify_methods(
    out: Annotated[str | None, typer.Option(help="picture: .png, .pdf or .svg (runs/verify-DATE.png)")] = None,
    no_figures: Annotated[bool, typer.Option("--no-figures", help="check only")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="the rows as one JSON object instead of a table")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="results and errors only")] = False,
) -> None:
    """Hold losses, penalties, optimisers and update rules to games with known answers; draw the phase portraits."""
    dated = _dated("runs/verify", ".png")
    if out and Path(out).suffix.lower() not in (".png", ".pdf", ".svg"):
        raise OptionError(f"--out {out}: a picture is written as .png, .pdf or .svg")
    from dynamics.base.files import new_file
    from dynamics.base.progress import progress_on
    from dynamics.runner.running import usable_cores
    from dynamics.theory.verify import TICKS, check
    from dynamics.theory.verify_output import as_record, draw, table

    with progress_on(sys.stderr, quiet)("verifying", TICKS) as advance:
        found = check(advance, usable_cores())
    where = ""
    if not no_figures:
        with _place(out or None, new_file, dated) as path:
            path.parent.mkdir(parents=True, exist_ok=True)
            draw(found, path)
        where = f"\n\n{path}"
    if as_json:
        print(json.dumps(as_record(found), ensure_ascii=False, allow_nan=False, indent=2))
    else:
        print(table(found) + where)
    if not found.passed:
        failed = [f"{row.name} ({row.what})" for row in found.rows if not row.passed]
        raise RunFailed(f"{len(failed)} of {len(found.rows)} rows fail: {failed[0]}")


@app.command("bench")
def benchmark(
    only: Annotated[str | None, typer.Option(help="parts, separated by commas; default: all")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="turns of every part")] = 5,
    steps: Annotated[int, typer.Option(min=1, help="generator steps a GAN and turn")] = 150,
    out: Annotated[str | None, typer.Option(help="JSON file (runs/bench-DATE.json)")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="the JSON on stdout instead of the table")] = False,
) -> None:
    """Measure speed and memory, beside a plain PyTorch loop, JAX, busy neighbours and the machine's own products."""
    from benchmarks.bench import PARTS, as_record, measure, table, ticks
    from dynamics.base.files import atomic, new_file
    from dynamics.base.progress import progress_on
    from dynamics.runner.running import usable_cores
    from dynamics.settings.messages import OptionError, not_one_of

    dated = _dated("runs/bench", ".json")
    names = list(PARTS) if only is None else only.split(",")
    for name in names:
        if name not in PARTS:
            raise OptionError(not_one_of("--only", name, tuple(PARTS)))
    cores = usable_cores()
    with progress_on(sys.stderr, False)("measuring", ticks(names, repeats)) as advance:
        parts = measure(names, repeats, steps, cores, advance)
    text = json.dumps(as_record(parts, steps, cores), indent=2)
    with _place(out or None, new_file, dated) as path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
    print(text if as_json else f"{table(parts, repeats, cores)}\n\n{path}")


def _now() -> datetime.datetime:
    return datetime.datetime.now()


def _dated(name: str, suffix: str = "") -> str:
    """What nobody has named is called by the second in which it begins: 'runs/report-20250131-235959'."""
    return f"{name}-{_now():%Y%m%d-%H%M%S}{suffix}"


def _place(
    out: str | None, new: Callable[[str], contextlib.AbstractContextManager[Path]], dated: str
) -> contextlib.AbstractContextManager[Path]:
    """What was asked for, or something new by that name: of all that begin in one second, each has its own."""
    return new(dated) if out is None else contextlib.nullcontext(Path(out))


def carry_out(name: str | None, options: dict[str, Any]) -> None:
    """Resolve what was asked, carry it out, print the outcome."""
    from dynamics.base.files import new_folder, numbered
    from dynamics.store.folder import RunFolder

    asked = read_options(name, options)
    dated = _dated(f"runs/{asked.study.name}")
    if asked.out is not None and not asked.dry_run:
        RunFolder(asked.out).check_free(force=asked.force)
    from dynamics.runner.running import resolve

    asked.study = resolve(asked.study)
    if asked.dry_run:
        if asked.out is None:
            asked.out = str(next(path for path in numbered(dated) if not path.exists()))
        _print_plan(asked)
        return
    from dynamics.targets.user_files import notes_of

    for name, note in notes_of(asked.study.settings).items() if not asked.quiet else ():
        _note(f"{name}: {note}")
    from dynamics.base.progress import progress_on
    from dynamics.workflow import run

    with _place(asked.out, new_folder, dated) as home, _resumable(home):
        results, folder = run(
            asked.study,
            home,
            force=asked.force,
            look=None if asked.no_figures else asked.look,
            command=shlex.join(["python", "main.py", *sys.argv[1:]]),
            progress=progress_on(sys.stderr, asked.quiet),
            tell=_note,
        )
    _print_outcome(results, folder.path, asked.json)


def _print_outcome(results: Any, path: Path, as_json: bool) -> None:
    """A finished run's outcome on stdout. Raises `RunFailed` where members have none."""
    from dynamics.reports.comparisons import comparison_rows
    from dynamics.reports.tables import text_table
    from dynamics.store.json_values import strict

    if as_json:
        outcome = {"run": str(path), "comparison": comparison_rows(results), "failures": results.failures}
        print(json.dumps(strict(outcome), ensure_ascii=False, allow_nan=False))
    else:
        print(text_table(results))
        print(f"\nreport: {path / 'report.html'}")
        _print_lines(path)
    if results.failures:
        count = sum(len(failure["members"]) for failure in results.failures)
        raise RunFailed(f"{count} GANs failed: {results.failures[0]['error']}; to try them again: {_again(path)}")


def _print_lines(path: Path) -> None:
    """What to paste into LaTeX, on stdout, if a run was drawn for that."""
    from dynamics.workflow import latex_lines

    if lines := latex_lines(path):
        print("\n".join(["\nLaTeX, with \\usepackage{graphicx,animate}:", *lines]))


def _print_plan(asked: Asked) -> None:
    from dynamics.runner.results import manifest, setting_names
    from dynamics.runner.running import plan
    from dynamics.targets.user_files import notes_of

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
        said = [n for n in FIELDS[Setting] if n in always or getattr(setting, n) != default_of(Setting, n)]
        rest = " ".join(f"{n}={value}" for n in said if (value := getattr(setting, n)) is not None)
        print(f"  {setting_name}: {rest}")
    for name, note in notes_of(study.settings).items():
        print(f"{name}: {note}")


# --- exit statuses ---------------------------------------------------------------------------------------------------


class RunFailed(Exception):
    """A run that ended without all of its members or pictures."""


class Interrupted(Exception):
    """A run that was stopped by a signal; its exit status is 128 and the signal's number."""

    def __init__(self, error: KeyboardInterrupt, words: str = "") -> None:
        self.number = error.number if isinstance(error, Stopped) else int(signal.SIGINT)
        super().__init__(("interrupted" if self.number == signal.SIGINT else "terminated") + words)


@contextlib.contextmanager
def _drawing_fails() -> Iterator[None]:
    from dynamics.pictures.render import DrawingError

    try:
        yield
    except DrawingError as error:
        raise RunFailed(str(error)) from None


@contextlib.contextmanager
def _resumable(path: Path) -> Iterator[None]:
    """Whatever stops a run tells how to go on with it."""
    from dynamics.store.folder import MANIFEST

    try:
        with _drawing_fails():
            yield
    except KeyboardInterrupt as error:
        there = (path / MANIFEST).exists()
        raise Interrupted(error, f"; to go on: {_again(path)}" if there else "") from None
    except (RunFailed, OSError) as error:
        if not (path / MANIFEST).exists():
            raise
        raise RunFailed(
            f"{_of_system(error) if isinstance(error, OSError) else error}; to go on: {_again(path)}"
        ) from None


def _again(path: Path) -> str:
    return shlex.join(["python", "main.py", "resume", str(path)])


def _note(words: str) -> None:
    with contextlib.suppress(OSError):
        print(f"note: {' '.join(words.splitlines())}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _stopping() -> Iterator[None]:
    """Signals that end a process interrupt it, so that it leaves nothing half done; handlers are then as before."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    changed = [number for number in SIGNALS if signal.getsignal(number) == signal.SIG_DFL]  # nohup's stay ignored
    for number in changed:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, signal.SIG_DFL)


def main(arguments: list[str] | None = None) -> int:
    """Carry out a command line; returns the exit status: 0 done, 1 failed, 2 bad usage, 130 and 143 interrupted."""
    from dynamics.base.files import FolderInUse, NotARun

    try:
        # not app(): typer turns an interrupt into a status and says nothing
        command = typer.main.get_command(app)
        status = 0
        with _stopping():
            try:
                given = _spelled_out(sys.argv[1:] if arguments is None else arguments)
                with command.make_context("main.py", given) as context:
                    command.invoke(context)
            except typer.Exit as error:
                status = error.exit_code
            sys.stdout.flush()
        return status
    except typer.TyperException as error:
        return _complain(_usage(error), 2)
    except (OptionError, FolderInUse, NotARun) as error:
        return _complain(str(error), 2)
    except BrokenPipeError:  # `| head`: whoever read has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SystemExit:  # rich's, who makes one of a broken pipe
        return 0
    except OSError as error:
        return _complain(_of_system(error), 1)
    except RunFailed as error:
        return _complain(str(error), 1)
    except Interrupted as error:
        return _complain(str(error), 128 + error.number)
    except KeyboardInterrupt as error:
        interrupted = Interrupted(error)
        return _complain(str(interrupted), 128 + interrupted.number)


def _spelled_out(arguments: Sequence[str]) -> list[str]:
    """A command line whose settings of 0 or 1 all have a value: --invert alone is --invert=1."""
    bounds = {"above": None, "least": 0, "below": None, "most": 1}
    either = {
        flag(n) for n in FIELDS[Setting] if FIELDS[Setting][n] is int and metadata(Setting, n)["limits"] == bounds
    }
    last = len(arguments) - 1
    return [
        f"{word}=1" if word in either and (k == last or arguments[k + 1].startswith("-")) else word
        for k, word in enumerate(arguments)
    ]


def _of_system(error: OSError) -> str:
    """The file, and what is wrong with it."""
    return f"{error.filename2 or error.filename or 'file system'}: {error.strerror or error}"


def _usage(error: typer.TyperException) -> str:
    """A parser's complaint in one line, with what is near to what was written."""
    words = " ".join(str(getattr(error, "format_message", error.__str__)()).split())
    if (command := re.match(r"No such command '(.*)'\.", words)) is not None:
        commands = [c.name or "" for c in app.registered_commands]
        return f"{command[1]}: no such command; there are {', '.join(commands)}{near(command[1], commands)}"
    name = getattr(error, "option_name", None)
    if name and "such" in words:
        flags = [flag(n) for cls in (Setting, Study, Look) for n in FIELDS[cls]] + [
            "--variance",
            "--out",
            "--config",
            "--force",
            "--no-figures",
            "--dry-run",
            "--quiet",
            "--json",
            "--version",
        ]
        return f"{name}: no such option{near(name, flags)}; see --help"
    return words


def _complain(words: str, status: int) -> int:
    with contextlib.suppress(OSError):  # a full or broken stderr: the status tells
        print(f"error: {cut(one_line(words), 1500)}", file=sys.stderr, flush=True)  # whatever was quoted, one line
    return status


def program() -> int:
    """`main` for a process of its own, whose streams may be closed (`>&-`) or know few letters (LANG=C)."""
    # Typer's help imports a parser of Markdown and a printer of tracebacks, a third of the time that --help takes, and
    # uses neither here: Markdown is not asked for, and tracebacks are not shown
    for module, needed in (("rich.markdown", "Markdown"), ("rich.traceback", "Traceback")):
        unused = ModuleType(module)
        setattr(unused, needed, None)
        sys.modules[module] = unused
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # its number would go to the next file that is opened
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # where HOME cannot be written to, it makes do
    try:
        os.getcwd()
    except OSError as error:  # torch's libraries end the process without it
        status = _complain(f"the working directory is gone: {error.strerror}", 1)
    else:
        status = main()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # what is left in it would be tried, and complained of, once more
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return status


if __name__ == "__main__":
    sys.exit(program())
