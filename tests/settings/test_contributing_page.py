"""The diffs of docs/contributing.md: each is applied to a copy of the tree, and what it adds is trained and tested."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
# heading -> its diffs that are whole, in their order
DIFFS = {
    title: re.findall(r"^```diff\n(--- a/.*?)^```", text, re.MULTILINE | re.DOTALL)
    for title, text in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
}
TINY = ["--hidden=4", "--batch-size=8", "--steps=6", "--snapshots=2", "--seeds=2", "--workers=1", "--device=cpu"]


def in_copy(copy, *command, status=0):
    """What a command in a copy of the tree prints, on stdout and on stderr."""
    done = subprocess.run(
        [sys.executable, "-B", *command],
        cwd=copy,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == status, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout, done.stderr


def apply(copy, diff):
    """Apply a diff as it stands on the page."""
    done = subprocess.run(
        ["git", "apply", "--whitespace=error", "-"], cwd=copy, input=diff, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stderr}\nin docs/contributing.md; make the diff again:\n{diff}"


def passed(copy, name, *files):
    """Run the tests of one name in some files; how many there were."""
    options = ["-o", "addopts=", "-v", "-p", "no:cacheprovider", "-k", name]
    words, _ = in_copy(copy, "-m", "pytest", *options, *files)
    return len(re.findall(r"PASSED", words))


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the tree with the loss (no slopes yet) and the target of the page."""
    copy = tmp_path_factory.mktemp("tree")
    ignored = shutil.ignore_patterns("__pycache__", "*.png", "*.gif", "runs")
    for folder in ("dynamics", "experiments", "docs", "tests", "benchmarks", "findings"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignored)
    for file in (*ROOT.glob("*.py"), *ROOT.glob("*.md"), ROOT / "pyproject.toml"):
        shutil.copy(file, copy / file.name)
    subprocess.run(["git", "init", "-q", str(copy)], check=True)  # not within another repository: paths are this one's
    apply(copy, DIFFS["A loss"][0])
    apply(copy, DIFFS["A target"][0])
    return copy


def test_the_page_has_a_diff_for_a_loss_its_slopes_and_a_target():
    assert [len(DIFFS[title]) for title in ("A loss", "A target")] == [2, 1]


def test_what_the_diffs_add_is_trained(tree):
    command = ["main.py", "--loss=lsgan,pearson", "--mode=wave", *TINY, "--no-figures", "--out=run", "--json"]
    _, messages = in_copy(tree, *command)
    assert "--loss pearson: games/losses.py has no slopes written out for it" in messages
    record = json.loads((tree / "run" / "run.json").read_text(encoding="utf-8"))
    assert record["status"] == "done"
    assert list(record["paths"].values()) == ["fast", "recorded"]
    assert {setting["mode"] for setting in record["settings"]} == {"wave"}
    listed, _ = in_copy(tree, "main.py", "list")
    assert re.search(r"^\s+pearson .*least squares to ±1", listed, re.MULTILINE)
    assert re.search(r"^\s+wave .*two periods of a sine", listed, re.MULTILINE)


def test_what_the_diffs_add_passes_the_tests_of_every_entry(tree):
    """Each name's own cases of the parametrised tests, by file, so that none is left out unnoticed."""
    losses = ["tests/games/test_losses.py", "tests/settings/test_catalogue.py", "tests/engine/test_training.py"]
    assert passed(tree, "pearson", *losses, "tests/measures/test_critic.py", "tests/measures/test_fields.py") > 12
    targets = ["tests/targets/test_sampling.py", "tests/settings/test_catalogue.py", "tests/base/test_docs.py"]
    assert passed(tree, "wave", *targets, "tests/games/test_best_answer.py") > 12


def test_verify_holds_the_loss_to_its_closed_forms(tree):
    code = (
        "from dynamics.theory.dirac_predictions import losses\n"
        "rows = [row for row in losses() if 'pearson' in row.name]\n"
        "print(len(rows), all(row.passed for row in rows))\n"
    )
    words, _ = in_copy(tree, "-c", code)
    count, held = words.split()
    assert int(count) > 0
    assert held == "True"


def test_with_its_slopes_the_fast_path_takes_it(tree):
    """Last, since the tree is the loss's with them from here on."""
    apply(tree, DIFFS["A loss"][1])
    _, messages = in_copy(tree, "main.py", "--loss=pearson", *TINY, "--no-figures", "--out=fast")
    assert "slopes" not in messages
    record = json.loads((tree / "fast" / "run.json").read_text(encoding="utf-8"))
    assert list(record["paths"].values()) == ["fast"]
    assert passed(tree, "pearson", "tests/games/test_losses.py", "tests/engine/test_training.py") > 8
