"""A folder that holds something is refused at once, untouched, and whenever it came to hold it."""

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

from dynamics import workflow
from dynamics.base.files import FolderInUse
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study

ROOT = Path(__file__).parents[2]
STUDY = Study("n", "q", (Setting(hidden=4, batch_size=8),), steps=1, snapshots=1, frames=0, workers="1")


def test_the_command_line_answers_before_torch_is_loaded(tmp_path):
    (tmp_path / "mine.txt").touch()
    code = (
        "import sys; from dynamics.cli.app import main; ended = main(['--out', sys.argv[1]]);"
        "print(ended, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "False"]
    assert "the folder is not empty" in done.stderr


def test_somebodys_folder_gets_no_lock(tmp_path):
    (tmp_path / "mine.txt").touch()
    before = tmp_path.stat().st_mtime_ns  # of a folder: when something came into it or left it
    with pytest.raises(FolderInUse, match="the folder is not empty"):
        workflow.run(STUDY, tmp_path, look=None)
    assert tmp_path.stat().st_mtime_ns == before


def test_what_comes_before_the_lock_is_kept(tmp_path, monkeypatch):
    """Two begin at once; one is through when the other gets the lock."""
    held = workflow.held

    @contextlib.contextmanager
    def later(path):
        (path / "theirs.txt").write_text("precious")
        with held(path):
            yield

    monkeypatch.setattr(workflow, "held", later)
    with pytest.raises(FolderInUse, match="the folder is not empty"):
        workflow.run(STUDY, tmp_path / "run", look=None)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["theirs.txt"]
    assert (tmp_path / "run" / "theirs.txt").read_text() == "precious"
