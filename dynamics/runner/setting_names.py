"""What settings are called: as folders and files, and in words beside one another."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from dynamics.settings.distinct import has_effect
from dynamics.settings.messages import OptionError, near, shown
from dynamics.settings.modes import is_file, is_mixture
from dynamics.settings.option_fields import FIELDS, default
from dynamics.settings.setting import Setting
from dynamics.targets.file_names import mode_in_run, safe_name
from dynamics.targets.user_files import target_title

_MANY = 2  # options varied, of which a name always has all
_LONG, _CUT = 200, 180  # bytes of a setting's name: a file system takes 255


def setting_names(settings: Sequence[Setting]) -> list[str]:
    """A folder name for each setting: mode, std and D steps, then whatever else tells it from the others.

    Every system takes it for one: no part of it is a user's words but a file's name, as `file_names.safe_name` has it.
    """
    varied, stds = _varied(settings), [s.std for s in settings]
    return [
        _cut(
            "-".join(
                [target_name(s, stds), f"d{s.d_steps}", *(f"{n}{_slug(getattr(s, n))}" for n in _others(s, varied))]
            )
        )
        for s in settings
    ]


def setting_labels(settings: Sequence[Setting]) -> list[tuple[str, str]]:
    """(row, column) of each setting in a grid: its target, and the rest of what tells settings apart."""
    varied, stds = _varied(settings), [s.std for s in settings]
    for every in (False, True):  # options without effect are named only where nothing else tells two settings apart
        labels = []
        for s in settings:
            words = [f"{s.d_steps} D step{'s' if s.d_steps > 1 else ''}"]
            named = [n for n in _others(s, varied) if every or has_effect(s, n)]
            words += [f"{n.replace('_', ' ')} {_short(getattr(s, n))}" for n in named]
            width = [] if _wide_itself(s) else [f"std {_std(s.std, stds)}"]
            labels.append((" · ".join([target_title(s), *width]), " · ".join(words)))
        if len(set(labels)) == len(labels):
            break
    return labels


def baselines(names: Sequence[str], labels: Sequence[tuple[str, str]], written: str) -> dict[str, int]:
    """Target -> the index of its setting that a user calls the baseline, by its folder's name or by its label.

    A baseline of one target is that of the others too, where one of their settings is the same in all else. Raises
    `OptionError` where no setting is called so.
    """
    called = [(name, " · ".join(label), label[1]) for name, label in zip(names, labels, strict=True)]
    for column in (labels[i][1] for i, words in enumerate(called) if written in words):
        return {target: i for i, (target, rest) in enumerate(labels) if rest == column}
    hint = near(written, dict.fromkeys(itertools.chain(*zip(*called, strict=True))))
    raise OptionError(
        f"--baseline {shown(written)}: must be a setting of the run, by its folder's name or its label{hint}"
    )


def _varied(settings: Sequence[Setting]) -> list[str]:
    """Options that settings differ in, beside those that are always named."""
    shown = ("mode", "std", "d_steps", "invert")
    return [n for n in FIELDS[Setting] if n not in shown and len({getattr(s, n) for s in settings}) > 1]


def _others(setting: Setting, varied: Sequence[str]) -> Sequence[str]:
    """Of the options that settings differ in those that are named; where these are many, those not at their default."""
    return varied if len(varied) <= _MANY else [n for n in varied if getattr(setting, n) != default(Setting, n)]


def target_name(setting: Setting, stds: Sequence[float | None] = ()) -> str:
    """A file's name for a setting's target; `stds` are those of all settings, which it is told from."""
    name = re.sub(r"[^\w.-]", "_", target_title(setting))
    return name if _wide_itself(setting) else f"{name}-std{_std(setting.std, stds)}"


def mode_name(mode: str) -> str:
    """What a mode is called: a user's file, by its name alone."""
    return safe_name(mode) if is_file(mode) else mode


def _wide_itself(setting: Setting) -> bool:
    """Whether a setting's target is a mixture that says how wide it is."""
    return setting.std is None and is_mixture(setting.mode)


def _std(std: float | None, stds: Sequence[float | None]) -> str:
    """A std in four digits, or in as many as tell it from the others."""
    if std is None:
        return _short(std)
    few = f"{std:.4g}"
    return few if all(f"{other:.4g}" != few for other in stds if other not in (None, std)) else _short(std)


def _short(value: Any) -> str:
    if isinstance(value, float):  # shortest exact form: 0.2, 1e-05, 3
        return repr(value).removesuffix(".0")
    return "default" if value is None else str(value)


def _slug(value: Any) -> str:
    """The same for the name of a folder."""
    return re.sub(r"[^\w.+=-]", "_", _short(value).replace(":", "="))


def _cut(name: str) -> str:
    """A name that would be too long, cut, and told from others by eight digits of its SHA-256."""
    data = name.encode()
    if len(data) <= _LONG:
        return name
    return f"{data[:_CUT].decode(errors='ignore')}-{hashlib.sha256(data).hexdigest()[:8]}"


def clash(settings: Sequence[Setting]) -> str | None:
    """What two of the settings' folders, or two users' files, would both be called; None where all differ.

    By a file system that does not tell capitals from small letters, nor one spelling of é from another.
    """
    modes = dict.fromkeys(s.mode for s in settings if is_file(s.mode))
    for names in (setting_names(settings), [mode_name(mode) for mode in modes]):
        alike = [unicodedata.normalize("NFC", name).casefold() for name in names]
        if len(set(alike)) < len(alike):
            return next(name for name, word in zip(names, alike, strict=True) if alike.count(word) > 1)
    return None


def table_options(setting: Setting) -> dict[str, Any]:
    """Every option of a setting as tables have it: a run's own copy of a user's file by its place in the run folder."""
    return {**dataclasses.asdict(setting), "mode": mode_in_run(setting.mode)}
