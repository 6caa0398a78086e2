"""From flags and a configuration file to the study that they ask for."""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from dynamics.settings.distinct import idle_option, merged
from dynamics.settings.look import Look
from dynamics.settings.messages import OptionError, flag, flagged, near, not_one_of, quoted, shown
from dynamics.settings.option_checks import MOST_WORKERS, allowed, check, is_path, parse, parse_several
from dynamics.settings.option_fields import ALIASES, FIELDS
from dynamics.settings.presets import PRESETS, preset_options
from dynamics.settings.setting import Setting
from dynamics.settings.study import FEW_FRAMES, MANY_SETTINGS, Study
from dynamics.settings.toml_files import TomlError, read_toml
from dynamics.studies import get_study, questions


class OutputOption(NamedTuple):
    kind: type  # str, or bool of a switch
    help: str


OUTPUT = {  # what is done with a study's results, in the order of --help
    "out": OutputOption(str, "run folder (runs/NAME-DATE)"),
    "force": OutputOption(bool, "replace the run in a folder that is not empty"),
    "config": OutputOption(str, "the same options from a TOML file; flags win over it"),
    "no_figures": OutputOption(bool, "train and measure only"),
    "skip_impossible": OutputOption(bool, "leave out settings whose options do not go together, and list them"),
    "dry_run": OutputOption(bool, "print the resolved study and write nothing"),
    "quiet": OutputOption(bool, "errors and results only"),
    "json": OutputOption(bool, "results as one JSON object on stdout"),
}
SWITCHES = tuple(name for name, option in OUTPUT.items() if option.kind is bool)
MOST_BYTES = 2**16  # of a configuration file
_VARIANCE = "above 0 and at most 1e+300: the square of a standard deviation"


@dataclass
class Asked:
    """What a command line asks for."""

    study: Study
    look: Look
    out: str | None
    force: bool
    no_figures: bool
    skip_impossible: bool
    dry_run: bool
    quiet: bool
    json: bool


def read_options(study_name: str | None, given: Mapping[str, Any]) -> Asked:
    """The study and the switches asked for by flags (text, or True for a switch) and their `config` file.

    An option is given by its name or by an alias of it, n_critic for d_steps; from_ stands for from, a word of
    Python's. Raises `OptionError` for anything that is not allowed, under the name that it was given by.
    """
    by_flag = {
        name.removesuffix("_"): value for name, value in given.items() if value is not None and value is not False
    }
    config = by_flag.pop("config", None)
    flags, called = _from_flags(by_flag)
    values = flags
    if config is not None:
        of_file, keys = _from_file(config)
        values, called = of_file | flags, keys | called
    try:
        study, look = _resolved(study_name, values, flags)
    except OptionError as error:  # of several options, by their usual names
        raise OptionError(_as_called(str(error), called, config)) from None
    return Asked(study, look, values.get("out"), **{name: bool(values.get(name)) for name in SWITCHES})


def _resolved(study_name: str | None, values: Mapping[str, Any], flags: Iterable[str]) -> tuple[Study, Look]:
    """What options whose values were looked at one by one come to together; `flags` are those on the command line.

    An option without effect is a mistake of who typed it. One of a file is no mistake where a flag overrules the file.
    """
    settings = {name: values[name] for name in FIELDS[Setting] if name in values}
    asked = [name for name in settings if name in flags] or list(settings)
    if "preset" in values:
        settings |= {name: [value] for name, value in preset_options(values["preset"], settings).items()}
    if study_name is not None:
        if study_name not in questions():
            raise OptionError(not_one_of("study", study_name, tuple(questions())))
        study = get_study(study_name)
    elif settings:
        varied = [flag(name) for name, several in settings.items() if len(several) > 1]
        do = "do" if len(varied) > 1 else "does"
        question = f"What {do} {' and '.join(varied)} change?" if varied else "What becomes of this setting?"
        study = Study(name="custom", question=question, settings=(Setting(),))
    else:
        study = get_study("homework")
    others = {n: values[n] for n in FIELDS[Study] if n in values}
    study = study.with_settings(settings, skip_impossible=bool(values.get("skip_impossible")), **others)
    if (complaint := idle_option(asked, study.settings)) is not None:
        raise OptionError(complaint)
    if settings:
        different, notes = merged(study.settings)
        notes += _of_untrained(study) if "train" in settings else []
        study = dataclasses.replace(study, settings=different, notes=(*study.notes, *notes))
    if study.name == "custom" and len(study.settings) > MANY_SETTINGS and "frames" not in values:
        few = f"of {len(study.settings)} settings {FEW_FRAMES} animation frames are kept; --frames sets another number"
        study = dataclasses.replace(study, frames=FEW_FRAMES, notes=(*study.notes, few))
    return study, Look(**{n: values[n] for n in FIELDS[Look] if n in values})


def _of_untrained(study: Study) -> list[str]:
    """What is said of games whose one player stays as it was initialised."""
    idle = {"g": "d", "d": "g"}
    stays = (
        {s.train: None for s in study.settings if s.train in idle and idle[s.train] not in s.learners}
        if study.from_run is None
        else {}
    )
    return [
        f"--train {player} without --from: {idle[player].upper()} keeps its random initial weights" for player in stays
    ]


def _as_called(complaint: str, called: Mapping[str, str], config: str | None) -> str:
    """A complaint with every option under the name that it was given by, and its file where it is from there."""
    from_file = False
    for name, written in called.items():
        renamed = re.sub(rf"{flag(name)}(?![\w-])", written, complaint)
        from_file |= renamed != complaint and not written.startswith("--")
        complaint = renamed
    return f"{_of_config(config)}: {complaint}" if config is not None and from_file else complaint


def _name(written: str) -> str:
    """The option that is given by a name, which may be another of its names."""
    return "std" if written == "variance" else ALIASES.get(written, written)


def _from_flags(by_flag: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Option -> its value, or its list of values, and option -> the flag that it was given by."""
    values: dict[str, Any] = {}
    called: dict[str, str] = {}
    for written, value in by_flag.items():
        name, by = _name(written), flag(written)
        if name in values:
            why = ", a variance is the square of a std" if name == "std" else ""
            raise OptionError(f"{called[name]} and {by}: give one of them{why}")
        called[name] = by
        if written == "variance":
            values[name] = [_std(part.strip(), functools.partial(flagged, by)) for part in value.split(",")]
        elif name in FIELDS[Setting]:
            values[name] = parse_several(Setting, name, value, by)
        elif (cls := _class_of(name)) is not None:
            values[name] = parse(cls, name, value, by)
        elif name == "out" and not is_path(value):
            raise OptionError(f"{flagged(by, value)}: must be a path")
        else:
            values[name] = value
    return values, called


def _std(variance: Any, quote: Callable[[Any], str]) -> float:
    try:
        number = float(variance) if not isinstance(variance, bool) else math.nan
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 < number <= 1e300:
        raise OptionError(f"{quote(variance)}: must be a finite number {_VARIANCE}")
    return math.sqrt(number)


# --- configuration files ---------------------------------------------------------------------------------------------


def _of_config(path: str) -> str:
    return f"--config {shown(path, 300)}"


def _from_file(path: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Option -> its value, or its list of values, and option -> the key that it was given by."""
    known = [*FIELDS[Setting], *FIELDS[Study], *FIELDS[Look], *ALIASES, "variance", "out", "preset", *SWITCHES]
    values: dict[str, Any] = {}
    called: dict[str, str] = {}
    for key, value in _table(path).items():
        written = key.replace("-", "_")
        name, by = _name(written), f"{_of_config(path)}: {shown(key)}"
        quote = functools.partial(_assigned, by)
        if written not in known:
            raise OptionError(f"{by}: no such option{near(written, known)}")
        if name in values:
            raise OptionError(f"{by}: given twice, or beside its other name, {called[name]}")
        called[name] = key
        several = value if isinstance(value, list) else [value]
        if written == "variance":
            if not several or any(isinstance(v, str) for v in several):
                raise OptionError(f"{quote(value)}: must be a finite number {_VARIANCE}, or a list of such")
            values[name] = [_std(v, quote) for v in several]
        elif name in FIELDS[Setting]:
            if not several:
                raise OptionError(f"{quote(value)}: must be {allowed(Setting, name)}, or a list of such")
            values[name] = list(dict.fromkeys(_checked(Setting, name, v, quote) for v in several))
        elif (cls := _class_of(name)) is not None:
            values[name] = _checked(cls, name, value, quote)
        elif name in SWITCHES and not isinstance(value, bool):
            raise OptionError(f"{quote(value)}: must be true or false")
        elif name in ("out", "preset") and not isinstance(value, str):
            raise OptionError(f"{quote(value)}: must be a {'path' if name == 'out' else 'name'}, in quotes")
        elif name == "out" and not is_path(value):
            raise OptionError(f"{quote(value)}: must be a path")
        elif name == "preset" and value not in PRESETS:
            raise OptionError(f"{quote(value)}: must be one of {', '.join(PRESETS)}{near(value, PRESETS)}")
        else:
            values[name] = value
    return values, called


def _table(path: str) -> dict[str, Any]:
    """What a configuration file holds."""
    if not is_path(path):
        raise OptionError(f"{_of_config(path)}: must be a path")
    try:
        return read_toml(path, MOST_BYTES)
    except TomlError as error:
        raise OptionError(f"{_of_config(path)}: {error}") from None


def _assigned(by: str, value: Any) -> str:
    """A value as it stands after its key."""
    return f"{by} = {quoted(value)}"


def _class_of(name: str) -> type | None:
    """Whose option it is that takes one value; None where it is nobody's."""
    return next((cls for cls in (Study, Look) if name in FIELDS[cls]), None)


def _checked(cls: type, name: str, value: Any, quote: Callable[[Any], str]) -> Any:
    if name == "workers" and type(value) is int and 1 <= value <= MOST_WORKERS:  # a number, as the option's help says
        value = str(value)
    check(cls, name, value, quote)
    return float(value) if FIELDS[cls][name] is float else value
