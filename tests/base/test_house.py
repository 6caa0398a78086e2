"""The house: imports point down only, nothing heavy on the way to --help, every name of a registry in its place."""

import ast
import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOUSE = ROOT / "dynamics"

# From the ground up; a package imports only from those before it, and `experiments` stands between theory and workflow.
PACKAGES = (
    "base",
    "settings",
    "targets",
    "games",
    "engine",
    "measures",
    "store",
    "runner",
    "pictures",
    "reports",
    "theory",
    "experiments",
    "studies",
    "workflow",
    "cli",
)
ONLY = {"store": {"base", "settings"}}  # where less than all that comes before is imported
AT_THE_TOP = {"GAN", "train", "sample", "plotting", "main"}  # what the assignment hands out: nothing imports them
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for folder in (HOUSE, ROOT / "experiments")
    for path in sorted(folder.rglob("*.py"))
]


def imported(path):
    """Every module that a file may import, wherever in it: (module, whether it is imported when the file is)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    late = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.Lambda) or _for_types(n))
    late = {id(node) for one in late for node in ast.walk(one)}
    own = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            within = own[: len(own) - node.level + 1] if node.level else ()
            names = [".".join((*within, *filter(None, (node.module, alias.name)))) for alias in node.names]
        else:
            continue
        for name in names:
            yield name, id(node) not in late


def _for_types(node):
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def path_of(module):
    path = ROOT / (module.replace(".", "/") + ".py")
    return path if path.exists() else None


def package_of(module):
    first, *rest = module.split(".")
    return first if first == "experiments" else rest[0] if first == "dynamics" and rest else None


def modules_of(name):
    """The modules of the project that an imported name is, or is in."""
    parts = name.split(".")
    if parts[0] not in ("dynamics", "experiments"):
        return set()
    candidates = {".".join(parts), ".".join(parts[:-1])} | {f"{'.'.join(parts)}.__init__"}
    return {module for module in candidates if path_of(module)}


def test_every_package_has_its_place():
    there = {path.stem for path in HOUSE.iterdir() if not path.name.startswith("__") and path.name != "py.typed"}
    assert there | {"experiments"} == set(PACKAGES)


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module):
    own = package_of(module)
    if own == "__init__":  # the door: what it hands out, it imports when it is asked
        own = "cli"
    allowed = ONLY.get(own, set(PACKAGES[: PACKAGES.index(own)])) | {own}
    for name, _ in imported(path_of(module)):
        first = name.split(".")[0]
        assert first not in AT_THE_TOP | {"tests"}, f"{module} imports {name}"
        if first in ("dynamics", "experiments"):
            assert package_of(name) in allowed, f"{module} imports {name}"


def test_within_a_package_no_circle_ties_two_files():
    """A circle of imports, whenever they happen, is one room with two doors."""
    below = {m: {other for name, _ in imported(path_of(m)) for other in modules_of(name)} - {m} for m in MODULES}
    left = dict(below)
    while left:
        free = {module for module, needs in left.items() if not needs & left.keys()}
        assert free, f"a circle among {sorted(left)}"
        left = {module: needs for module, needs in left.items() if module not in free}


def brought(module, into):
    """All modules that importing one imports."""
    if module in into:
        return into
    into.add(module)
    parts = module.split(".")
    for package in (".".join(parts[:n]) + ".__init__" for n in range(1, len(parts))):
        if path_of(package):
            brought(package, into)
    for name, at_once in imported(path_of(module)):
        if at_once:
            into.add(name.split(".")[0])
            for other in modules_of(name):
                brought(other, into)
    return into


def test_what_is_brought_is_what_python_imports():
    """The walk over the sources, which the next tests rest on, against Python itself."""
    code = "import sys, dynamics.runner.results; print(*(m for m in sys.modules if m.startswith('dynamics')))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    ours = {m.removesuffix(".__init__") for m in brought("dynamics.runner.results", set()) if m.startswith("dynamics")}
    assert set(done.stdout.split()) == ours


# what may bring torch, of packages that are else free of it
OF_TORCH = {
    f"dynamics.runner.{name}" for name in ("resolving", "planning", "tasks", "gathering", "running", "interrupted")
}
FREE = ("base", "settings", "store", "runner", "pictures", "reports", "experiments", "cli")


@pytest.mark.parametrize("module", [m for m in MODULES if package_of(m) in FREE and m not in OF_TORCH])
def test_torch_stays_out(module):
    assert "torch" not in brought(module, set())


@pytest.mark.parametrize("module", [m for m in MODULES if package_of(m) not in ("pictures", "theory")])
def test_matplotlib_stays_out(module):
    assert "matplotlib" not in brought(module, set())


@pytest.mark.parametrize("module", [m for m in MODULES if package_of(m) != "cli"])
def test_only_the_command_line_knows_typer(module):
    assert not {"typer", "rich", "click"} & brought(module, set())


def test_help_comes_without_torch_in_half_a_second():
    code = "import sys; from dynamics.cli.app import main; main(['--help']); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False).returncode == 0
    # processor time, which other processes on the machine do not stretch much; the best of a few
    times = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "main.py", "--help"], cwd=ROOT, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(times) < 0.5
