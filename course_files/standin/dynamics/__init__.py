"""For the time before the package is there: its rooms, under the names that they will have. To be deleted then."""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[3]
ROOMS = {
    "targets.sampling": "sample",
    "games.networks": "GAN",
    "engine.training": "train",
    "settings.setting": "settings",
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
HELD = {name: sys.modules.pop(name) for name in ("GAN", "train", "sample", "plotting", "main") if name in sys.modules}
sys.path.insert(0, str(ROOT))
try:
    for _room, _module in ROOMS.items():
        sys.modules[f"dynamics.{_room}"] = importlib.import_module(_module)
finally:
    sys.path.remove(str(ROOT))
    for _name in ("GAN", "train", "sample", "plotting", "main"):
        sys.modules.pop(_name, None)
    sys.modules.update(HELD)
_stills = "dynamics.pictures.animation.stills"
_spec = importlib.util.spec_from_file_location(
    _stills, ROOT / "course_files/package" / f"{_stills.replace('.', '/')}.py"
)
assert _spec is not None
assert _spec.loader is not None
sys.modules[_stills] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(sys.modules[_stills])
