"""For the time before the package is there: its rooms, under the names that they will have. To be deleted then."""

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[3]
ROOMS = {
    "targets.sampling": "sample",
    "games.networks": "GAN",
    "engine.training": "train",
    "settings.setting": "settings",
    "base.files": "files",
    "pictures.scenes": "scenes",
    "base.streams": "streams",
    "pictures.colours": "colours",
    "pictures.figures": "figures",
    "pictures.palette": "palette",
    "pictures.plates": "plotting",
    "pictures.training_charts": "charts",
    "pictures.animation.film": "film",
    "pictures.animation.panels": "panels",
    "pictures.animation.animations": "animation",
    "cli.app": "main",
}
for _room in ("targets", "games", "engine", "settings", "base", "pictures", "pictures.animation", "cli"):
    sys.modules[f"dynamics.{_room}"] = ModuleType(f"dynamics.{_room}")
NAMES = ("GAN", "train", "sample", "plotting", "main")  # that the course files have too
OLD: dict[str, ModuleType] = {}


@contextlib.contextmanager
def at_home() -> Iterator[None]:
    """Within it those names are the old modules'."""
    held = {name: sys.modules.pop(name) for name in NAMES if name in sys.modules}
    sys.modules.update(OLD)
    sys.path.insert(0, str(ROOT))
    try:
        yield
    finally:
        sys.path.remove(str(ROOT))
        OLD.update({name: sys.modules.pop(name) for name in NAMES if name in sys.modules})
        sys.modules.update(held)


with at_home():
    for _room, _module in ROOMS.items():
        sys.modules[f"dynamics.{_room}"] = importlib.import_module(_module)
sys.modules["dynamics.pictures.scenes"].real_density = at_home()(  # type: ignore[attr-defined]
    sys.modules["dynamics.pictures.scenes"].real_density
)
_stills = "dynamics.pictures.animation.stills"
_spec = importlib.util.spec_from_file_location(
    _stills, ROOT / "course_files/package" / f"{_stills.replace('.', '/')}.py"
)
assert _spec is not None
assert _spec.loader is not None
sys.modules[_stills] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(sys.modules[_stills])
