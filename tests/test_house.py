"""The house: imports point down only, nothing heavy on the way to --help, every name of a registry in its place."""

import ast
import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# From the ground up; a module may import from lower floors, and from earlier ones in its own row.
FLOORS = [
    [
        "streams",
        "arrays",
        "interrupts",
        "files",
        "settings",
        "presets",
        "budget",
        "workers",
        "progress",
        "curves",
        "intervals",
        "toml_files",
        "placing",
        "mixtures",
        "userdata",
        "densities",
        "owntargets",
        "sample",
    ],
    ["GAN", "losses", "penalties", "played", "updates", "game"],
    [
        "transport",
        "theory",
        "lipschitz",
        "metrics",
        "verdicts",
        "critic",
        "fields",
        "fast",
        "reference",
        "recording",
        "recorded",
        "captured",
        "train",
        "spectrum",
        "scoring",
    ],
    [
        "store",
        "checkpoints",
        "colours",
        "figures",
        "plotting",
        "charts",
        "portraits",
        "labcharts",
        "spectra",
        "film",
        "copies",
        "palette",
        "strips",
        "panels",
        "animation",
    ],
    [
        "results",
        "parts",
        "comparisons",
        "joint",
        "stacks",
        "study",
        "scenes",
        "render",
        "tables",
        "observations",
        "experiments",
        "embedding",
        "report",
        "pipeline",
    ],
    ["bench", "minigames", "diracgame", "verify"],
    ["options", "main"],
]
RANK = {name: (floor, place) for floor, names in enumerate(FLOORS) for place, name in enumerate(names)}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def test_every_module_has_a_floor():
    assert {p.stem for p in ROOT.glob("*.py")} | {"experiments"} == set(RANK)


@pytest.mark.parametrize("module", RANK)
def test_imports_point_down(module):
    paths = [ROOT / f"{module}.py"] if module != "experiments" else list((ROOT / "experiments").glob("*.py"))
    for path in paths:
        for other in set(imported(path)) & set(RANK):
            assert RANK[other] < RANK[module], f"{path.name} imports {other}"


NEVER = {
    "torch": [
        "settings",
        "options",
        "main",
        "store",
        "checkpoints",
        "results",
        "colours",
        "plotting",
        "film",
        "animation",
        "report",
        "render",
    ],
    "matplotlib": ["train", "metrics", "study", "results", "report", "main"],
    "typer": ["options", "settings", "study", "pipeline"],
}


@pytest.mark.parametrize(("package", "module"), [(p, m) for p, modules in NEVER.items() for m in modules])
def test_importing_a_module_does_not_bring(package, module):
    code = f"import sys, {module}; sys.exit({package!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_help_comes_without_torch_in_half_a_second():
    code = "import sys, main; main.main(['--help']); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False).returncode == 0
    # processor time, which other processes on the machine do not stretch much; the best of a few
    times = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "main.py", "--help"], cwd=ROOT, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(times) < 0.5


@pytest.mark.parametrize("path", sorted((ROOT / "experiments").glob("[a-z]*.py")), ids=lambda p: p.stem)
def test_every_experiment_is_registered(path):
    from experiments import STUDIES, get_study

    assert path.stem in STUDIES
    assert get_study(path.stem).name == path.stem


def test_every_registered_study_exists():
    from experiments import STUDIES

    assert {p.stem for p in (ROOT / "experiments").glob("[a-z]*.py")} == set(STUDIES)
