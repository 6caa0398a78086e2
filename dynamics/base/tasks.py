"""What a task is to whoever carries it out: a function of the task and of `report`, which is told what is done."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from typing import Any

Report = Callable[[float], None]  # told each amount done; a negative one takes back
Work = Callable[[Any, Report], Any]  # a function that carries out one task: `work(task, report)` is the task's result


class TaskError(Exception):
    """A task that did not finish; its text says why (the exception that it raised, or how its worker died)."""


def in_words(error: Exception) -> str:
    """An exception that a task raised, and where."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} (at {os.path.basename(last.filename)}:{last.lineno})"


def unheard(amount: float) -> None:
    """A `Report` that nobody hears."""
