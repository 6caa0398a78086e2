"""Of a mode's name, whether it is that of a user's file; how wide a mode may be."""

from __future__ import annotations

from typing import Any

FILES = (".csv", ".png", ".toml")  # of a user's own points, picture or mixture, in place of a mode

# of a standard deviation in the plane that networks train in: data units, but of what is scaled into it
LEAST_STD, MOST_STD = 0.01, 1000.0


def is_file(mode: Any) -> bool:
    """Whether the name of a mode is that of a user's file: it ends in .csv, .png or .toml, in capitals or not."""
    return isinstance(mode, str) and mode.lower().endswith(FILES)


def is_picture(mode: Any) -> bool:
    """Whether the name of a mode is that of a user's picture."""
    return isinstance(mode, str) and mode.lower().endswith(".png")


def is_mixture(mode: Any) -> bool:
    """Whether the name of a mode is that of a user's mixture."""
    return isinstance(mode, str) and mode.lower().endswith(".toml")
