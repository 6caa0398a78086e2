"""The command line: options in, exit statuses out.

Options are derived from `settings.Setting` and `settings.Study`; every one of a setting's takes one value or several,
comma-separated. Results go to stdout, all else to stderr. A user's mistake is one line and status 2.
"""

from __future__ import annotations

import io
import logging
import os
import re
import sys
from collections.abc import Sequence
from types import ModuleType

import typer

from dynamics.base.program import program_name
from dynamics.cli.bench_command import benchmark
from dynamics.cli.course_command import ANY, course
from dynamics.cli.exits import Interrupted, RunFailed, complain, of_system, stopping
from dynamics.cli.list_command import list_names
from dynamics.cli.options import OUTPUT
from dynamics.cli.run_commands import render_run, report_runs, resume_run
from dynamics.cli.study_commands import named_study, product
from dynamics.cli.verify_command import verify_methods
from dynamics.settings.catalogue.matching import IncompleteEntry
from dynamics.settings.look import Look
from dynamics.settings.messages import OptionError, flag, near
from dynamics.settings.option_fields import ALIASES, FIELDS, metadata
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    help="2D GAN dynamics: train many small GANs on known densities, measure them exactly, compare and animate them.",
    epilog="With nothing else: the whole assignment (study homework). "
    "Any setting option makes it a study of that product.",
)
app.callback(invoke_without_command=True)(product)
# in the order of --help
app.command("study")(named_study)
app.command("list")(list_names)
app.command("render")(render_run)
app.command("resume")(resume_run)
app.command("report")(report_runs)
app.command("verify")(verify_methods)
app.command("bench")(benchmark)
app.command("course", context_settings=ANY)(course)


def main(arguments: list[str] | None = None) -> int:
    """Carry out a command line; returns the exit status: 0 done, 1 failed, 2 bad usage, 130 and 143 interrupted."""
    from dynamics.base.files import FolderInUse, NotARun

    try:
        # not app(): typer turns an interrupt into a status and says nothing
        command = typer.main.get_command(app)
        status = 0
        with stopping():
            try:
                given = _spelled_out(sys.argv[1:] if arguments is None else arguments)
                with command.make_context(program_name(), given) as context:
                    command.invoke(context)
            except typer.Exit as error:
                status = error.exit_code
            sys.stdout.flush()
        return status
    except typer.TyperException as error:
        return complain(_usage(error), 2)
    except (OptionError, FolderInUse, NotARun) as error:
        return complain(str(error), 2)
    except BrokenPipeError:  # `| head`: whoever read has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SystemExit:  # rich's, who makes one of a broken pipe
        return 0
    except OSError as error:
        return complain(of_system(error), 1)
    except (RunFailed, IncompleteEntry) as error:
        return complain(str(error), 1)
    except Interrupted as error:
        return complain(str(error), 128 + error.number)
    except KeyboardInterrupt as error:
        interrupted = Interrupted(error)
        return complain(str(interrupted), 128 + interrupted.number)


def _spelled_out(arguments: Sequence[str]) -> list[str]:
    """A command line whose settings of 0 or 1 all have a value: --invert alone is --invert=1.

    Raises `OptionError` for an option with a value that is given twice.
    """
    _check_once(arguments)
    bounds = {"above": None, "least": 0, "below": None, "most": 1}
    either = {
        flag(n) for n in FIELDS[Setting] if FIELDS[Setting][n] is int and metadata(Setting, n)["limits"] == bounds
    }
    last = len(arguments) - 1
    return [
        f"{word}=1" if word in either and (k == last or arguments[k + 1].startswith("-")) else word
        for k, word in enumerate(arguments)
    ]


def _check_once(arguments: Sequence[str]) -> None:
    flags = {flag(name) for cls in (Setting, Study, Look) for name in FIELDS[cls]}
    flags |= {flag(name) for name in (*ALIASES, "variance", "preset", "out", "config")}
    several = {flag(name) for name in (*FIELDS[Setting], *(n for n in ALIASES if ALIASES[n] in FIELDS[Setting]))}
    values: dict[str, str] = {}
    words = iter(arguments)
    for word in words:
        name, equals, value = word.partition("=")
        if name not in flags:
            continue
        value = value if equals else next(words, "")
        if name in values:
            both = f"{values[name]},{value}"
            hint = f"; several values go with commas: {name} {both}" if name in {*several, "--variance"} else ""
            raise OptionError(f"{name} is given twice{hint}")
        values[name] = value


def _usage(error: typer.TyperException) -> str:
    """A parser's complaint in one line, with what is near to what was written."""
    words = " ".join(str(getattr(error, "format_message", error.__str__)()).split())
    if (command := re.match(r"No such command '(.*)'\.", words)) is not None:
        commands = [c.name or "" for c in app.registered_commands]
        return f"{command[1]}: no such command; there are {', '.join(commands)}{near(command[1], commands)}"
    name = getattr(error, "option_name", None)
    if name and "such" in words:
        flags = [flag(n) for cls in (Setting, Study, Look) for n in FIELDS[cls]]
        flags += ["--variance", *map(flag, OUTPUT), "--version"]
        return f"{name}: no such option{near(name, flags)}; see --help"
    return words


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
        status = complain(f"the working directory is gone: {error.strerror}", 1)
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
