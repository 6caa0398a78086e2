"""The command that main.py keeps for itself: the assignment's own files, which are no part of the package."""

from __future__ import annotations

import typer

from dynamics.settings.messages import OptionError

ANY = {"allow_extra_args": True, "ignore_unknown_options": True}  # whatever follows is main.py's to read


def course(context: typer.Context) -> None:
    """Train with the five course files beside main.py themselves, with whatever you changed in them."""
    raise OptionError("course: runs the files of a checkout, as python main.py course")
