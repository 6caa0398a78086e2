"""From flags and a configuration file to the study that they ask for."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from experiments import STUDIES, get_study
from presets import preset_options
from settings import (
    FIELDS,
    Look,
    OptionError,
    Setting,
    Study,
    allowed,
    check,
    flag,
    near,
    not_one_of,
    parse,
    parse_several,
)

SWITCHES = ("force", "no_figures", "dry_run", "quiet", "json")
_VARIANCE = "of at least 0.0001 and at most 1000000: the square of a standard deviation"


@dataclass
class Asked:
    """What a command line asks for."""

    study: Study
    look: Look
    out: str | None
    force: bool
    no_figures: bool
    dry_run: bool
    quiet: bool
    json: bool


def read_options(study_name: str | None, given: Mapping[str, Any]) -> Asked:
    """The study and the switches asked for by flags (text, or True for a switch) and their `config` file.

    Raises `OptionError` for anything that is not allowed.
    """
    said = {name: value for name, value in given.items() if value is not None and value is not False}
    config = said.pop("config", None)
    values = _from_flags(said)
    if config is not None:
        values = _from_file(config) | values

    settings = {name: values[name] for name in FIELDS[Setting] if name in values}
    if "preset" in values:
        settings |= {name: [value] for name, value in preset_options(values["preset"], settings).items()}
    if study_name is not None:
        if study_name not in STUDIES:
            raise OptionError(not_one_of("study", study_name, tuple(STUDIES)))
        study = get_study(study_name)
    elif settings:
        varied = [flag(name) for name, several in settings.items() if len(several) > 1]
        question = f"What do {' and '.join(varied)} change?" if varied else "What becomes of this setting?"
        study = Study(name="custom", question=question, settings=(Setting(),))
    else:
        study = get_study("homework")
    study = replace(study.with_settings(settings), **{n: values[n] for n in FIELDS[Study] if n in values})
    look = Look(**{n: values[n] for n in FIELDS[Look] if n in values})
    return Asked(study, look, values.get("out"), **{name: bool(values.get(name)) for name in SWITCHES})


def _from_flags(said: Mapping[str, Any]) -> dict[str, Any]:
    if "std" in said and "variance" in said:
        raise OptionError("--std and --variance: give one of them, a variance is the square of a std")
    values: dict[str, Any] = {}
    for name, value in said.items():
        if name == "variance":
            values["std"] = [_std(part.strip(), "--variance") for part in value.split(",")]
        elif name in FIELDS[Setting]:
            values[name] = parse_several(Setting, name, value)
        elif (cls := _class_of(name)) is not None:
            values[name] = parse(cls, name, value)
        else:
            values[name] = value
    return values


def _std(variance: Any, called: str) -> float:
    try:
        number = float(variance) if not isinstance(variance, bool) else math.nan
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 1e-4 <= number <= 1e6:
        raise OptionError(f"{called} {variance or repr(variance)}: must be a finite number {_VARIANCE}")
    return math.sqrt(number)


def _from_file(path: str) -> dict[str, Any]:
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise OptionError(f"--config {path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise OptionError(f"--config {path}: not a TOML file ({error})") from None
    known = [*FIELDS[Setting], *FIELDS[Study], *FIELDS[Look], "variance", "out", "preset", *SWITCHES]
    values: dict[str, Any] = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        called = f"--config {path}: {key}"
        if name == "n_critic":
            name = "d_steps"
        if name not in known:
            raise OptionError(f"{called}: no such option{near(name, known)}")
        if name in values or (name in ("std", "variance") and "std" in values):
            raise OptionError(f"{called}: given twice, or beside its other name")
        if name == "variance":
            several = value if isinstance(value, list) else [value]
            if not several or any(isinstance(v, str) for v in several):
                raise OptionError(f"{called} = {value!r}: must be a finite number {_VARIANCE}, or a list of such")
            values["std"] = [_std(v, called) for v in several]
        elif name in FIELDS[Setting]:
            several = value if isinstance(value, list) else [value]
            if not several:
                raise OptionError(f"{called} = []: must be {allowed(Setting, name)}, or a list of such")
            values[name] = [_checked(Setting, name, v, called) for v in several]
        elif (cls := _class_of(name)) is not None:
            values[name] = _checked(
                cls, name, str(value) if name == "workers" and type(value) is int else value, called
            )
        elif name in SWITCHES and not isinstance(value, bool):
            raise OptionError(f"{called} = {value!r}: must be true or false")
        elif name in ("out", "preset") and not isinstance(value, str):
            raise OptionError(f"{called} = {value!r}: must be a {'path' if name == 'out' else 'name'}, in quotes")
        else:
            values[name] = value
    return values


def _class_of(name: str) -> type | None:
    """Whose option it is that takes one value; None where it is nobody's."""
    return next((cls for cls in (Study, Look) if name in FIELDS[cls]), None)


def _checked(cls: type, name: str, value: Any, called: str) -> Any:
    check(cls, name, value, f"{called} = {value!r}")
    return float(value) if FIELDS[cls][name] is float else value
