"""`import dynamics`: light, and a door to what library users need, each imported when it is asked for."""

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import dynamics

ROOT = Path(__file__).parents[2]


def fresh(code):
    """What a new process prints, as JSON."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_importing_it_imports_nothing_else():
    code = "import __future__, json, sys, typing\nbefore = set(sys.modules)\nimport dynamics\n"
    assert fresh(f"{code}print(json.dumps(sorted(set(sys.modules) - before)))") == ["dynamics"]


@pytest.mark.parametrize("name", ["Setting", "Study", "Look", "OptionError", "NotARun", "questions", "__version__"])
def test_what_describes_a_study_comes_without_libraries(name):
    code = f"import json, sys, dynamics\ndynamics.{name}\nprint(json.dumps(sorted(sys.modules)))"
    assert not {"torch", "numpy", "scipy", "matplotlib", "PIL", "typer", "rich"} & set(fresh(code))


PACKAGES = ["base", "settings", "targets", "games", "engine", "measures", "store", "runner", "pictures", "reports"]
PACKAGES = [f"dynamics.{name}" for name in (*PACKAGES, "theory")]


def imports_for_types(package):
    """What a type checker sees: name -> (module, name there)."""
    tree = ast.parse(Path(package.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    return {(a.asname or a.name): (node.module, a.name) for node in block.body for a in node.names}


@pytest.mark.parametrize("package", ["dynamics", *PACKAGES])
def test_it_hands_out_what_a_type_checker_is_told(package):
    package = importlib.import_module(package)
    typed = imports_for_types(package)
    assert set(typed) == set(package.__all__) != set()
    assert len(set(package.__all__)) == len(package.__all__)
    assert set(package.__all__) <= set(dir(package))
    for name, (module, name_in_it) in typed.items():
        value = getattr(package, name)
        assert value is getattr(importlib.import_module(module), name_in_it), name
        assert vars(package)[name] is value  # found once
        assert getattr(value, "__module__", module) in (module, "builtins"), name  # its home defines it


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_nothing_until_it_is_asked(package):
    """Each by itself in a new process: its door costs no library, and no module of the project but the doors."""
    code = f"import json, sys, typing\nbefore = set(sys.modules)\nimport {package} as package\n"
    after = set(fresh(f"{code}print(json.dumps(sorted(set(sys.modules) - before)))"))
    assert {m for m in after if m.startswith("dynamics")} == {
        *("dynamics", "dynamics.base", "dynamics.base.exports", package)
    }
    assert not {m.partition(".")[0] for m in after} & {"torch", "numpy", "scipy", "matplotlib", "PIL", "typer", "rich"}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_name_that_is_handed_out_is_a_modules(package):
    """Else the import of that module would put it in the name's place."""
    package = importlib.import_module(package)
    assert not set(package.__all__) & {path.stem for path in Path(package.__file__).parent.iterdir()}
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'nonsense'"):
        package.nonsense  # noqa: B018


def test_settings_and_what_holds_a_run_stay_free_of_torch():
    code = "import json, sys\n"
    for name in ("base", "settings", "store", "pictures", "reports"):
        code += f"from dynamics.{name} import *\n"
    assert "torch" not in fresh(f"{code}print(json.dumps(sorted(sys.modules)))")


def test_what_it_has_not_is_an_error():
    with pytest.raises(AttributeError, match="module 'dynamics' has no attribute 'runs'"):
        dynamics.runs  # noqa: B018
    assert set(dynamics.__all__) <= set(dir(dynamics))
    assert dynamics.__version__ == importlib.import_module("dynamics.settings.version").VERSION


def test_a_study_from_question_to_report(tmp_path):
    """As the package's first lines show it, with paths as text and what the study leaves open left open."""
    settings = tuple(dynamics.Setting(d_steps=n, hidden=4, batch_size=8) for n in (1, 2))
    study = dynamics.Study(
        "two", "What does a second D step change?", settings, steps=4, snapshots=2, frames=1, seeds=2
    )
    results, folder = dynamics.run(study, str(tmp_path / "run"), look=None)
    assert folder.path == tmp_path / "run"
    assert "What does a second D step change?" in (folder.path / "report.md").read_text(encoding="utf-8")
    again = dynamics.load(str(tmp_path / "run"))
    assert isinstance(again, dynamics.Results)
    assert again.study == results.study
    assert [s.std for s in again.study.settings] == [1.2, 1.2]
    with pytest.raises(dynamics.FolderInUse):
        dynamics.run(study, tmp_path / "run", look=None)
    with pytest.raises(dynamics.NotARun):
        dynamics.load(tmp_path)
