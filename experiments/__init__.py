"""Named studies, a file each: what is asked, and the grid that answers it. Imported when named."""

from __future__ import annotations

import importlib

from settings import Study

# name -> what it asks, in a line; experiments/NAME.py holds STUDY
STUDIES: dict[str, str] = {
    "homework": "the assignment: four targets, each at two and at one discriminator steps, eight seeds",
    "ratios": "mixture_4, tight and wide, at 1, 2 and 5 discriminator steps",
}


def get_study(name: str) -> Study:
    """The study of that name, one of `STUDIES`."""
    study: Study = importlib.import_module(f"experiments.{name}").STUDY
    return study
