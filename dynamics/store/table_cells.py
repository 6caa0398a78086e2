"""Values as the cells of a table that a spreadsheet may open, and back."""

from __future__ import annotations

import math
import re
from typing import Any

_ACTIVE = re.compile(r"'*[=+\-@\t\r]")  # what a spreadsheet takes for the start of a formula, disarmed or not


def cell(value: Any) -> str:
    """A table cell: floats in their shortest exact form, nothing for None and NaN.

    A text that a spreadsheet would take for a formula gets an apostrophe in front, as does one that has it already.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return f"'{value}" if _ACTIVE.match(value) else value
    return repr(float(value)) if isinstance(value, float) else str(value)


def text_of(words: str) -> str:
    """What `cell` was given as a text."""
    return words[1:] if words.startswith("'") and _ACTIVE.match(words) else words
