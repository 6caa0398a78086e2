"""A study's own parts of its run's report: what its file in experiments/ makes of the results, each with a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class StudyPart(NamedTuple):
    """One question of a study: what the numbers say to it, and a picture of them.

    Everything in it is plain: words, numbers and arrays. A part whose settings a run does not have is not made.
    """

    title: str
    sentence: str  # with intervals; "no difference is shown" where that is so
    picture: str  # a file of the run folder, "part-1-clip.png"
    function: str  # of `render.FIGURES`: arguments -> a matplotlib Figure
    arguments: dict[str, Any]
    table: Sequence[Mapping[str, Any]] = ()  # rows alike in their keys, which are the columns' titles
    shows: str = ""  # what the picture shows, in words, for those who do not see it; else the title is said
