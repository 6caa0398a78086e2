"""The files that users bring as targets, which a run keeps copies of: its settings name those."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dynamics.base.files import NotARun
from dynamics.runner.results import Results
from dynamics.runner.setting_names import clash, mode_name
from dynamics.settings.messages import OptionError
from dynamics.settings.modes import is_file
from dynamics.settings.study import Study
from dynamics.store.folder import RunFolder
from dynamics.store.foreign_text import printable
from dynamics.targets.file_copies import copy_into_run, same_contents
from dynamics.targets.file_names import KEPT, copy_path, safe_name


def check_targets(study: Study, path: Path) -> None:
    """Raise `OptionError` where a user's file lies in the folder `path`, whose run is about to be replaced."""
    home = os.path.realpath(path)
    for mode in (s.mode for s in study.settings if is_file(s.mode)):
        if Path(os.path.realpath(mode)).is_relative_to(home):
            raise OptionError(f"--mode {printable(mode)}: lies in {path}, whose run is replaced; copy it first")


def keep_targets(study: Study, folder: RunFolder) -> Study:
    """The study with each user's file in its settings copied into the folder, and that copy in its place.

    What is shown of settings stays as it was. Raises `OptionError` for a file that cannot be read, or two of one name,
    and ``OSError`` where the file system does.
    """
    if (name := clash(study.settings)) is not None:
        raise OptionError(f"--mode: two files would both be called {name}; rename one")
    copies = {mode: mode for mode in (s.mode for s in study.settings)}
    for mode in filter(is_file, copies):
        folder.inside(f"{KEPT}/{safe_name(mode)}")
        copies[mode] = copy_into_run(mode, str(folder.path))
    return _with_modes(study, copies)


def same_targets(runs: Sequence[Results]) -> list[Results]:
    """The results of several runs, with their copies of one user's file under one path, so that they are compared.

    Raises `NotARun` for different files of one name.
    """
    first: dict[str, str] = {}
    copies: dict[str, str] = {}
    for mode in dict.fromkeys(s.mode for run in runs for s in run.study.settings):
        copies[mode] = first.setdefault(mode_name(mode), mode) if is_file(mode) else mode
        if copies[mode] != mode and not same_contents(mode, copies[mode]):
            name = printable(mode_name(mode))
            raise NotARun(f"{_home(mode)}: its target {name} is another than that of {_home(copies[mode])}")
    moved = {mode for mode, copy in copies.items() if copy != mode}
    return [
        dataclasses.replace(run, study=_with_modes(run.study, copies))
        if moved & {s.mode for s in run.study.settings}
        else run
        for run in runs
    ]


def _with_modes(study: Study, modes: Mapping[str, str]) -> Study:
    settings = tuple(s.changed(mode=modes[s.mode]) for s in study.settings)
    return dataclasses.replace(study, settings=settings)


def _home(copy: str) -> str:
    """The run folder that a copy is in."""
    return os.path.dirname(os.path.dirname(os.path.normpath(copy)))


def kept_mode(folder: RunFolder, mode: Any) -> Any:
    """A mode as run.json has it, as one that can be drawn: of a user's file, the path of the folder's own copy."""
    if not is_file(mode):
        return mode
    copy = f"{KEPT}/{safe_name(mode)}"
    if mode != copy:
        raise NotARun(
            f"{folder.path}: its target {printable(mode)} is not in the run folder, where a run keeps a copy as"
            f" {KEPT}/NAME; train it again"
        )
    if not folder.inside(copy).is_file():
        raise NotARun(f"{folder.path}: the run has no {copy}, which it was trained on")
    return copy_path(mode, str(folder.path))
