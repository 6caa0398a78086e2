"""The house: imports point down only, nothing heavy on the way to --help, names that say what a thing is."""

import ast
import functools
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
    folders = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            within = folders[: len(folders) - node.level + 1] if node.level else ()
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
    """The modules of the project that an imported name is, or is in; of what a package hands out, also its home."""
    parts = name.split(".")
    if parts[0] not in ("dynamics", "experiments"):
        return set()
    candidates = {".".join(parts), ".".join(parts[:-1])} | {f"{'.'.join(parts)}.__init__"}
    handed_out = exports(".".join(parts[:-1]))
    if parts[-1] in handed_out:
        candidates |= {f"{'.'.join(parts[:-1])}.__init__", handed_out[parts[-1]]}
    return {module for module in candidates if path_of(module)}


@functools.cache
def exports(package):
    """What a package's __init__ hands out when it is asked, as type checkers see it: name -> the module of it.

    tests/base/test_door.py holds this to what Python hands out.
    """
    path = path_of(f"{package}.__init__")
    blocks = [node for node in ast.parse(path.read_text(encoding="utf-8")).body if _for_types(node)] if path else []
    return {
        alias.asname or alias.name: node.module
        for block in blocks
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_every_package_has_its_place():
    existing = {path.stem for path in HOUSE.iterdir() if not path.name.startswith("__") and path.name != "py.typed"}
    assert existing | {"experiments"} == set(PACKAGES)


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module):
    package = package_of(module)
    if package == "__init__":  # the door: what it hands out, it imports when it is asked
        package = "cli"
    allowed = ONLY.get(package, set(PACKAGES[: PACKAGES.index(package)])) | {package}
    for name, _ in imported(path_of(module)):
        first = name.split(".")[0]
        assert first not in AT_THE_TOP | {"tests"}, f"{module} imports {name}"
        if first in ("dynamics", "experiments"):
            assert package_of(name) in allowed, f"{module} imports {name}"


@pytest.mark.parametrize("package", [m.removesuffix(".__init__") for m in MODULES if m.endswith(".__init__")])
def test_a_package_hands_out_only_what_is_its_own(package):
    """So the imports that its __init__ shows to type checkers tie no package to another."""
    if package != "dynamics":  # the door to everything
        assert all(module.startswith(f"{package}.") for module in exports(package).values())
        assert {name for name, _ in imported(path_of(f"{package}.__init__")) if name.startswith("dynamics.")} <= {
            "dynamics.base.exports.lazy_exports",
            *(f"{module}.{name}" for name, module in exports(package).items()),
        }


@pytest.mark.parametrize("module", MODULES)
def test_within_a_package_names_come_from_where_they_are_defined(module):
    """Not from its __init__, which is for the others."""
    for name, _ in imported(path_of(module)):
        package, _, last = name.rpartition(".")
        assert not (last in exports(package) and module.startswith(f"{package}.")), f"{module} imports {name}"


def test_a_name_that_a_package_hands_out_brings_what_defines_it():
    assert modules_of("dynamics.settings.Setting") == {"dynamics.settings.__init__", "dynamics.settings.setting"}
    assert modules_of("dynamics.settings.setting") == {"dynamics.settings.setting"}
    assert modules_of("dynamics.run") == {"dynamics.__init__", "dynamics.workflow"}


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


def test_help_comes_without_anything_heavy():
    code = "import sys; from dynamics.cli.app import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    modules = set(done.stderr.split())
    assert "typer" in modules
    assert not {"torch", "numpy", "scipy", "matplotlib", "imageio", "PIL", "jinja2"} & modules


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_list_comes_without_torch(options):
    """Torch is hidden from it, so that no import of torch succeeds, however late it is."""
    code = "import sys; sys.modules['torch'] = None; from dynamics.cli.app import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "list", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "nonsaturating" in done.stdout


# --- names ------------------------------------------------------------------------------------------------------------

WITHOUT_CONTENT = {"told", "said", "own", "there", "found"}  # they name what was done with a thing, not the thing
SOURCES = [
    path
    for folder in (".", "dynamics", "experiments", "benchmarks", "findings", "docs", "tests")
    for path in sorted((ROOT / folder).glob("*.py" if folder == "." else "**/*.py"))
]


def names_in(tree):
    """What a file names: (line, name) of its functions, classes, arguments, variables, attributes and imports."""
    for node in ast.walk(tree):
        names = [getattr(node, "name", None), getattr(node, "asname", None), getattr(node, "rest", None)]
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.append(node.id)
        elif isinstance(node, ast.Attribute):
            names.append(node.attr)
        elif isinstance(node, ast.arg):
            names.append(node.arg)
        for name in names:
            if isinstance(name, str):
                yield getattr(node, "lineno", 0), name


def test_the_walk_over_names_sees_every_kind_of_them():
    code = """
import a as n1
class n2:
    n3: int = 0
def n4(n5, *n6, n7=0, **n8):
    with a as n9: a.n10 = n11 = lambda n12: n12
    for n13, (n14, *n15) in a: f"{(n16 := 0)}"
    try: pass
    except E as n17: [0 for n18 in a]
    match a:
        case [n19, *n20]: pass
        case {0: n21, **n22}: pass
async def n23(): pass
"""
    assert {name for _, name in names_in(ast.parse(code))} - {"a"} == {f"n{k}" for k in range(1, 24)}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_name_says_what_the_thing_is(path):
    """A test's name is a sentence, and may use any word."""
    names = names_in(ast.parse(path.read_text(encoding="utf-8")))
    assert not {
        (line, name)
        for line, name in names
        if not name.startswith("test_") and WITHOUT_CONTENT & set(name.lower().split("_"))
    }


def test_no_two_classes_have_one_name():
    """One word, one thing: whoever looks for a class finds one."""
    places = {}
    for path in SOURCES:
        if path.is_relative_to(HOUSE):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    places.setdefault(node.name, []).append(path.relative_to(ROOT).as_posix())
    assert not {name: paths for name, paths in places.items() if len(paths) > 1}
