"""Named studies, a file each: what is asked, and the grid that answers it. Imported when named."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from settings import Study

if TYPE_CHECKING:
    from parts import Part
    from results import Results

# name -> what it asks, in a line; experiments/NAME.py holds STUDY, and may hold parts(results): see `get_parts`
STUDIES: dict[str, str] = {
    "homework": "the assignment: four targets, each at two and at one discriminator steps, eight seeds",
    "methods": "every loss, penalty, update rule and remedy beside one baseline, on mixture_4 and ring_8",
    "ratios": "mixture_4, tight and wide, at 1, 2 and 5 discriminator steps",
    "spectrum": "a game that circles: the period that its linearised rounds predict, and the one measured",
    "wasserstein": "the critic's slope: D alone, G alone and both, clipped, penalised and standard",
}


def get_study(name: str) -> Study:
    """The study of that name, one of `STUDIES`."""
    study: Study = importlib.import_module(f"experiments.{name}").STUDY
    return study


def get_parts(name: str) -> Callable[[Results], list[Part]] | None:
    """What makes a study's own parts of its run's report; None where the study has none, or is none of `STUDIES`."""
    return getattr(importlib.import_module(f"experiments.{name}"), "parts", None) if name in STUDIES else None
