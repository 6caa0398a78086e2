"""The options of a command, as Typer reads them from its signature: derived from `settings` and `options.OUTPUT`."""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Callable
from typing import Annotated, Any

import typer

from dynamics.cli.options import OUTPUT
from dynamics.settings.catalogue.names import NAMES
from dynamics.settings.look import Look
from dynamics.settings.messages import flag
from dynamics.settings.option_fields import FIELDS, metadata
from dynamics.settings.option_fields import default as default_of
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study

_SETTING_PANEL = "Setting: one value or several, comma-separated"


def with_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command every option of a setting and of a study, and those of the output, as its `**options`."""
    variance = _plain_option(
        "variance",
        str | None,
        "square of --std, instead of it",
        panel=_SETTING_PANEL,
    )
    setting = [option for name in FIELDS[Setting] for option in _text_options(Setting, name)]
    setting.insert(2, variance)
    preset = _plain_option("preset", str | None, "a published protocol: its options, where flags say nothing else")
    setting.append(preset)
    study = [option for name in FIELDS[Study] for option in _text_options(Study, name)]
    output = [
        _plain_option(name, bool, o.help, False) if o.kind is bool else _plain_option(name, o.kind | None, o.help)
        for name, o in OUTPUT.items()
    ]
    look = [option for name in FIELDS[Look] for option in _text_options(Look, name)]
    return _with_parameters(function, [*setting, *study, *look, *output])


def with_look(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of a look, as its `**options`."""
    # a run's --layers are those of its networks
    look = [o for name in FIELDS[Look] for o in _text_options(Look, name, ("--layers",) if name == "show" else ())]
    return _with_parameters(function, look)


def _with_parameters(function: Callable[..., Any], more: list[inspect.Parameter]) -> Callable[..., Any]:
    """The function, its signature with named options in place of its `**options`."""
    signature = inspect.signature(function, eval_str=True)
    named = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    function.__signature__ = inspect.Signature([*named, *more])  # type: ignore[attr-defined]
    return function


def _text_options(cls: type, name: str, aliases: tuple[str, ...] = ()) -> list[inspect.Parameter]:
    """An option and its other names, each a parameter of its own: a complaint names the one that was written."""
    meta = metadata(cls, name)
    words = meta["help"]
    if (value := default_of(cls, name)) is not None:
        words += f" ({value:g})" if isinstance(value, float) else f" ({value})"
    metavar = "|".join(NAMES[name]) if 0 < len(NAMES.get(name, ())) < 7 else FIELDS[cls][name].__name__.upper()
    panel = {Setting: _SETTING_PANEL, Study: "Study", Look: "Pictures"}[cls]
    parameters = []
    for written in (flag(name), *meta["aliases"], *aliases):
        option = typer.Option(written, help=words, metavar=metavar, rich_help_panel=panel, show_default=False)
        called = written.removeprefix("--").replace("-", "_")
        called += "_" if keyword.iskeyword(called) else ""  # from, which is a word of Python's
        parameters.append(
            inspect.Parameter(
                called, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[str | None, option]
            )
        )
        words = f"the same as {flag(name)}"
    return parameters


def _plain_option(name: str, kind: Any, help: str, default: Any = None, panel: str = "Output") -> inspect.Parameter:
    metavar = "TEXT" if kind is not bool else None
    option = typer.Option(flag(name), help=help, metavar=metavar, rich_help_panel=panel, show_default=False)
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option])
