"""Named studies: the files of `experiments/`, imported when named, from a checkout or installed."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from dynamics.settings.study import Study

if TYPE_CHECKING:
    from dynamics.pictures.study_parts import StudyPart
    from dynamics.runner.results import Results

_PACKAGE = "dynamics.experiments"  # where they are installed


@functools.cache
def _experiments() -> ModuleType:
    """The package of the studies. In a checkout it lies beside this one, whatever else is called so."""
    if importlib.util.find_spec(_PACKAGE) is None:
        beside = Path(__file__).parents[1] / "experiments"
        where = [str(beside)]
        spec = importlib.util.spec_from_file_location(
            _PACKAGE, beside / "__init__.py", submodule_search_locations=where
        )
        assert spec is not None
        assert spec.loader is not None
        sys.modules[_PACKAGE] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[_PACKAGE])
    return importlib.import_module(_PACKAGE)


def questions() -> dict[str, str]:
    """What each study asks, in a line, by its name."""
    asked: dict[str, str] = _experiments().STUDIES
    return asked


def get_study(name: str) -> Study:
    """The study of that name, one of `questions`."""
    study: Study = _file(name).STUDY
    return study


def get_parts(name: str) -> Callable[[Results], list[StudyPart]] | None:
    """What makes a study's own parts of its run's report; None where the study has none, or is none of `questions`."""
    return getattr(_file(name), "parts", None) if name in questions() else None


def _file(name: str) -> ModuleType:
    return importlib.import_module(f"{_experiments().__name__}.{name}")
