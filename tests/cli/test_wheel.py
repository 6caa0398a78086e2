"""What an installation brings: a wheel built from the tree, its contents, and the command that it puts on the path."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from dynamics.settings.version import VERSION
from experiments import STUDIES

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LEFT = (".*", "__pycache__", "runs", "build", "dist", "*.egg-info", "docs")  # of a checkout; docs/ holds pictures alone
PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input")
OFFLINE = ("--no-deps", "--no-index", "--no-cache-dir")


def call(*command, **how):
    how = {"cwd": "/", "capture_output": True, "text": True, "check": False, "stdin": subprocess.DEVNULL} | how
    return subprocess.run([str(word) for word in command], **how)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, as a build leaves folders behind."""
    home = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, home / "tree", ignore=shutil.ignore_patterns(*LEFT))
    made = call(sys.executable, *PIP, "wheel", *OFFLINE, "--no-build-isolation", "-w", home, home / "tree")
    assert made.returncode == 0, made.stdout + made.stderr
    (path,) = home.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel):
    """The folder that it is installed into, away from the tree: packages, and the command in bin/."""
    target = wheel.parent / "installed"
    done = call(sys.executable, *PIP, "install", *OFFLINE, "--target", target, wheel)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


@pytest.fixture
def environment(installed):
    """In which the installed package is found, and no checkout is."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONSAFEPATH")}
    return kept | {"PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}


@pytest.fixture
def command(installed, environment, tmp_path):
    """Call the installed command, from a folder of its own."""

    def run(*arguments):
        return call(installed / "bin" / "gan-dynamics", *arguments, cwd=tmp_path, env=environment)

    return run


# --- what is declared ------------------------------------------------------------------------------------------------


def pins():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    lines += (ROOT / "requirements-video.txt").read_text(encoding="utf-8").splitlines()
    exact = [line.split("==") for line in lines if line and not line.startswith(("#", "-r"))]
    return {canonicalize_name(name): version for name, version in exact}


def test_the_ranges_hold_the_pins():
    """Each exact version lies within its range, and neither file names what the other lacks."""
    extras = PROJECT["optional-dependencies"]
    ranges = [Requirement(line) for line in (*PROJECT["dependencies"], *(r for e in extras.values() for r in e))]
    assert {canonicalize_name(r.name) for r in ranges} == set(pins())
    for wanted in ranges:
        assert wanted.specifier, wanted.name
        assert "==" not in str(wanted.specifier)
        assert wanted.specifier.contains(pins()[canonicalize_name(wanted.name)]), wanted


def test_what_is_imported_is_required():
    """Every library that a file of the package imports, wherever in it, is among the dependencies or an extra's."""
    known = {"PIL": "pillow", "markupsafe": "jinja2", "contourpy": "matplotlib"}  # what one is in, or requires itself
    declared = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]} | {"av"}
    for path in [*(ROOT / "dynamics").rglob("*.py"), *(ROOT / "experiments").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            for first in {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names):
                if first not in ("dynamics", "experiments", "benchmarks"):
                    assert canonicalize_name(known.get(first, first)) in declared, f"{path}: {first}"


# --- what is in the wheel --------------------------------------------------------------------------------------------


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    packed = {name for name in names if not re.match(r"gan_dynamics-[^/]*\.dist-info/", name)}
    package = {path for path in (ROOT / "dynamics").rglob("*") if path.is_file() and path.suffix != ".pyc"}
    wanted = {path.relative_to(ROOT).as_posix() for path in package}
    wanted |= {f"dynamics/experiments/{path.name}" for path in (ROOT / "experiments").glob("*.py")}
    assert packed == wanted
    # by name, should the tree itself have lost them
    assert packed >= {"dynamics/py.typed", "dynamics/__init__.py", "dynamics/experiments/homework.py"}
    assert packed >= {f"dynamics/reports/templates/{name}" for name in ("report.html", "report.md", "player.js")}


def test_the_wheel_says_what_the_program_says(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        (points,) = (name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt"))
        headers = Parser().parsestr(archive.read(metadata).decode())
        commands = archive.read(points).decode().split()
    assert (headers["Name"], headers["Version"]) == ("gan-dynamics", VERSION)
    assert SpecifierSet(headers["Requires-Python"]) == SpecifierSet(">=3.11")
    assert set(headers.get_all("Provides-Extra")) == {"video", "test"}
    assert commands == ["[console_scripts]", "gan-dynamics", "=", "dynamics.cli.app:program"]


# --- the command that it installs ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_installation_carries_out_the_homework(command, tmp_path):
    """With two processes, which import the package by themselves; and lines to type again name the command."""
    tiny = ["--steps=4", "--seeds=2", "--snapshots=2", "--frames=1", "--hidden=4", "--batch-size=8", "--no-figures"]
    done = command("study", "homework", *tiny, "--workers=2", "--quiet", "--out", "run")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == f"report: {Path('run') / 'report.html'}"
    assert (tmp_path / "run" / "summary.csv").read_text(encoding="utf-8").count("\n") == 1 + 2 * 8
    facts = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert facts["command"] == f"gan-dynamics study homework {' '.join(tiny)} --workers=2 --quiet --out run"
    assert "gan-dynamics render run" in (tmp_path / "run" / "report.md").read_text(encoding="utf-8")
    assert "python main.py" not in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_the_studies_are_found_where_they_are_installed(environment, installed, tmp_path):
    code = (
        "import sys, dynamics.studies as studies\n"
        "for name in studies.questions():\n"
        "    study, file = studies.get_study(name), sys.modules[f'dynamics.experiments.{name}'].__file__\n"
        "    print(study.name, file)\n"
    )
    done = call(sys.executable, "-c", code, cwd=tmp_path, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    files = {name: installed / "dynamics" / "experiments" / f"{name}.py" for name in STUDIES}
    assert done.stdout.splitlines() == [f"{name} {file}" for name, file in files.items()]


def test_bench_needs_a_checkout(command, tmp_path):
    done = command("bench", "--only", "training")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: bench: ")
    assert "checkout" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_usage_says_what_was_typed(command):
    assert "Usage: gan-dynamics [OPTIONS]" in command("--help").stdout
    assert command("--version").stdout == f"{VERSION}\n"
    done = call(sys.executable, ROOT / "main.py", "--help")
    assert "Usage: main.py [OPTIONS]" in done.stdout
