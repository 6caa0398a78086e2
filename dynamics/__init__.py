"""A simulator of the GAN game in the plane: many small GANs trained as one batch, measured against a known density.

    import dynamics

    settings = (dynamics.Setting(d_steps=1), dynamics.Setting(d_steps=2))
    study = dynamics.Study("two", "What does a second D step change?", settings, seeds=8)
    results, folder = dynamics.run(study, "runs/two")

Each name of `__all__` is imported when it is first asked for: to import the package itself takes no library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dynamics.base.files import FolderInUse, NotARun
    from dynamics.engine.training import train_stack
    from dynamics.measures.metrics import score
    from dynamics.pictures.sample_densities import animate_density, draw_density
    from dynamics.runner.results import Results
    from dynamics.settings.look import Look
    from dynamics.settings.messages import OptionError
    from dynamics.settings.setting import Setting
    from dynamics.settings.study import Study
    from dynamics.settings.version import VERSION as __version__  # noqa: N811
    from dynamics.studies import get_study, questions
    from dynamics.targets.registry import make_target
    from dynamics.workflow import joint_report, load, redraw, resume, rewrite_report, run

_HOMES = {  # name -> the module that it is in; tests/base/test_door.py holds them to the imports above
    "FolderInUse": "dynamics.base.files",
    "Look": "dynamics.settings.look",
    "NotARun": "dynamics.base.files",
    "OptionError": "dynamics.settings.messages",
    "Results": "dynamics.runner.results",
    "Setting": "dynamics.settings.setting",
    "Study": "dynamics.settings.study",
    "__version__": "dynamics.settings.version",
    "animate_density": "dynamics.pictures.sample_densities",
    "draw_density": "dynamics.pictures.sample_densities",
    "get_study": "dynamics.studies",
    "joint_report": "dynamics.workflow",
    "load": "dynamics.workflow",
    "make_target": "dynamics.targets.registry",
    "questions": "dynamics.studies",
    "redraw": "dynamics.workflow",
    "resume": "dynamics.workflow",
    "rewrite_report": "dynamics.workflow",
    "run": "dynamics.workflow",
    "score": "dynamics.measures.metrics",
    "train_stack": "dynamics.engine.training",
}

__all__ = [
    "FolderInUse",
    "Look",
    "NotARun",
    "OptionError",
    "Results",
    "Setting",
    "Study",
    "__version__",
    "animate_density",
    "draw_density",
    "get_study",
    "joint_report",
    "load",
    "make_target",
    "questions",
    "redraw",
    "resume",
    "rewrite_report",
    "run",
    "score",
    "train_stack",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(_HOMES[name]), "VERSION" if name == "__version__" else name)
    globals()[name] = value  # and is not asked for here again
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
