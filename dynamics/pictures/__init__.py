"""Arrays in, figures out.

Free of torch, but for a moment's field, whose networks are looked at anew; imports base to runner.
"""

from typing import TYPE_CHECKING

from dynamics.base.exports import lazy_exports

if TYPE_CHECKING:
    from dynamics.pictures.interval_panels import IntervalLine as IntervalLine
    from dynamics.pictures.interval_panels import IntervalPanel as IntervalPanel
    from dynamics.pictures.picture_drawing import DrawingError as DrawingError
    from dynamics.pictures.picture_drawing import PictureTask as PictureTask
    from dynamics.pictures.picture_drawing import render as render
    from dynamics.pictures.picture_plan import plan as plan
    from dynamics.pictures.sample_densities import animate_density as animate_density
    from dynamics.pictures.sample_densities import draw_density as draw_density
    from dynamics.pictures.study_parts import StudyPart as StudyPart
else:
    __all__, __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "DrawingError": "picture_drawing",
            "IntervalLine": "interval_panels",
            "IntervalPanel": "interval_panels",
            "PictureTask": "picture_drawing",
            "StudyPart": "study_parts",
            "animate_density": "sample_densities",
            "draw_density": "sample_densities",
            "plan": "picture_plan",
            "render": "picture_drawing",
        },
    )
