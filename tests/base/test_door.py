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


def imports_for_types():
    """What a type checker sees: name -> (module, name there)."""
    tree = ast.parse(Path(dynamics.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    return {(a.asname or a.name): (node.module, a.name) for node in block.body for a in node.names}


def test_it_hands_out_what_a_type_checker_is_told():
    typed = imports_for_types()
    assert set(typed) == set(dynamics.__all__) != set()
    assert len(set(dynamics.__all__)) == len(dynamics.__all__)
    for name, (module, name_in_it) in typed.items():
        assert getattr(dynamics, name) is getattr(importlib.import_module(module), name_in_it), name


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
