"""`python main.py` from the outside: exit statuses, what is printed, and every file of the run folder.

What needs no process of its own goes through `main.main`, in this one.
"""

import csv
import itertools
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from importlib.metadata import version
from pathlib import Path
from urllib.parse import unquote

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image

from dynamics.cli.app import app, main
from dynamics.settings.catalogue.names import NAMES
from dynamics.settings.catalogue.scores import SWINGS
from dynamics.settings.catalogue.verdicts import VERDICTS
from dynamics.settings.messages import flag
from dynamics.settings.option_fields import FIELDS
from dynamics.settings.setting import Setting
from dynamics.settings.version import VERSION

MAIN = Path(__file__).parents[2] / "main.py"
STEPS, FRAMES, SNAPSHOTS, SEEDS, EVALUATION = 20, 2, 5, 2, 2048
NARROW = ["--hidden=8", "--batch-size=16"]
TINY = [f"--steps={STEPS}", *NARROW, f"--snapshots={SNAPSHOTS}", f"--frames={FRAMES}"]
SCORES = ["modes_covered", "modes_hit", "high_quality", "reverse_kl", "jsd", "spread"]
MEASURES = ["sample_mean", "on_data", "far_off", "mode_mass", "mode_shape"]
CURVES = ["d_loss", "g_loss", "d_real", "d_fake"]
TABLES = ["comparison.csv", "comparison.tex", "differences.csv", "events.csv", "frames.npz", "history.npz"]
TABLES += ["report.html", "report.md", "summary.csv", "weights.npz"]
HOMEWORK = [
    f"{target}-d{d}"
    for target in ("gaussian-std1.2", "mixture-std1.2", "mixture_4-std0.2", "mixture_4-std1.2")
    for d in (2, 1)
]
posix = pytest.mark.skipif(os.name != "posix", reason="POSIX signals and process groups")


@pytest.fixture(autouse=True)
def _signals():
    """`main` decides what SIGTERM does to its process, which here is pytest's."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def start(*arguments, cwd):
    return subprocess.Popen(
        [sys.executable, str(MAIN), *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        start_new_session=True,  # a process group of its own, to send signals to
    )


def in_process(*arguments):
    return main([str(argument) for argument in arguments])


def tree(folder):
    """Everything below a folder: relative path -> contents, None for a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")
    }


def files(folder):
    return sorted(name for name, contents in tree(folder).items() if contents is not None)


def pictures(settings, moving=True, seeds=SEEDS):
    """What a run of these settings draws."""
    each = ["losses.png", "frames.png", *(["density.gif"] if moving else [])]
    each += ["seeds.gif"] if moving and seeds > 1 else []
    whole = ["comparison.png", *(["comparison.gif"] if moving else [])]
    whole += [f"curves-{target}.png" for target in dict.fromkeys(re.match(r".*-std[\d.]+", s)[0] for s in settings)]
    return whole + [f"{name}/{file}" for name in settings for file in each]


def promised(settings, moving=True, seeds=SEEDS):
    return sorted([*TABLES, "run.json", *pictures(settings, moving, seeds)])


def read_csv(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_json(text):
    """Strictly: NaN and Infinity are no JSON."""

    def refuse(word):
        raise AssertionError(f"{word} in JSON")

    return json.loads(text, parse_constant=refuse)


def manifest(run):
    return read_json((run / "run.json").read_text(encoding="utf-8"))


# --- mistakes --------------------------------------------------------------------------------------------------------


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Carry out a command line that must end with one line of complaint, and change nothing; returns the line."""
    monkeypatch.chdir(tmp_path)

    def check(arguments, *words, status=2):
        before = tree(tmp_path)
        assert in_process(*arguments) == status
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("error: ")
        assert err.endswith("\n")
        assert len(err.splitlines()) == 1, err
        for word in words:
            assert str(word) in err
        assert tree(tmp_path) == before
        return err

    return check


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_name_is_met_with_the_known_ones(name, refused):
    known = NAMES[name]
    words = (f"{flag(name)} {known[0]}x", ", ".join(known), f"did you mean {known[0]}?")
    refused([flag(name), f"{known[0]}x"], *words)
    if name in FIELDS[Setting]:  # which takes several
        refused(["study", "homework", f"{flag(name)}={known[1]},{known[0]}x"], *words)
    assert "did you mean" not in refused([flag(name), "zzz"], f"{flag(name)} zzz", ", ".join(known))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--mdoe", "gaussian"], ["--mdoe", "did you mean --mode?", "--help"]),
        (["study", "homework", "--sedes", "3"], ["--sedes", "did you mean --seeds?"]),
        (["--no-figure"], ["--no-figure", "did you mean --no-figures?"]),
        (["stdy", "homework"], ["stdy", "study", "list", "render", "report", "did you mean study?"]),
        (["study", "homewrok"], ["study homewrok", "homework, methods", "did you mean homework?"]),
        (["study"], ["name"]),
        (["study", "homework", "ratios"], ["ratios"]),
        (["render"], ["run"]),
        (["--std"], ["--std", "requires an argument"]),
        (["--quiet=3"], ["--quiet", "does not take a value"]),
        (["--std", "1", "study", "homework"], ["--std", "after study"]),
        (["--force", "--seeds", "3", "list"], ["after list"]),
        (["--std", "1", "--variance", "1"], ["--std and --variance", "give one of them"]),
        (["--device", "gpu"], ["--device gpu", "auto, cpu, cuda, mps"]),
        (["--mode", "one\ntwo"], ["--mode one two", "gaussian"]),
    ],
    ids=lambda part: " ".join(part).replace("\n", " ") if isinstance(part, list) else None,
)
def test_a_mistake_on_the_command_line(arguments, words, refused):
    refused(arguments, *words)


@pytest.mark.parametrize("option", ["--std", "--variance"])
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "-inf", "", " ", "wide", "0.2,0", "0.2,", "0.2;1"])
def test_a_spread_that_is_none(option, value, refused):
    bad = next(p for p in value.split(",") if p != "0.2").strip()
    beginning = f"{option} {bad}:" if bad else f"{option} '"
    refused([f"{option}={value}"], beginning, "must be a finite number above 0")


@pytest.mark.parametrize(("option", "value", "std"), [("--std", "0.009", "0.009"), ("--variance", "1.1e6", "1049")])
def test_a_spread_that_no_built_in_mode_takes(option, value, std, refused):
    """A user's file has its own units: there, as much may be little (tests/test_user_files.py)."""
    words = f"a standard deviation must be at least 0.01 and at most 1000, not {std}"
    refused(["--mode", "ring_8", option, value], f"{option} with --mode ring_8: {words}")


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [
        ("--d-steps", "0", "a whole number of at least 1"),
        ("--d-steps", "1.5", "a whole number of at least 1"),
        ("--d-steps", "1,", "a whole number of at least 1"),
        ("--g-steps", "-1", "a whole number of at least 1"),
        ("--batch-size", "0", "a whole number of at least 1"),
        ("--hidden", "0", "a whole number of at least 1"),
        ("--lr", "0", "a finite number above 0"),
        ("--beta1", "1", "below 1"),
        ("--seed", "-1", "a whole number of at least 0"),
        ("--seed", str(2**63), f"at most {2**63 - 1}"),
        ("--seed", str(2**64), f"at most {2**63 - 1}"),
        ("--seeds", "0", "a whole number of at least 1"),
        ("--seeds", "1,2", "a whole number of at least 1"),
        ("--steps", "0", "a whole number of at least 1"),
        ("--steps", "1e3", "a whole number of at least 1"),
        pytest.param(
            *("--steps", "1" + "0" * 59, "a whole number of at least 1"),
            id="steps-of-60-digits",
        ),
        ("--snapshots", "0", "a whole number of at least 1"),
        ("--frames", "-1", "a whole number of at least 0"),
        ("--workers", "0", "auto or a whole number from 1"),
        ("--workers", "many", "auto or a whole number from 1"),
    ],
)
def test_a_number_out_of_its_limits(option, value, allowed, refused):
    bad = value.split(",")[-1] if option == "--d-steps" else value
    beginning = f"{option} {bad or repr(bad)}: "
    refused([f"{option}={value}"], beginning, allowed)
    refused(["study", "homework", f"{option}={value}"], beginning, allowed)


def test_seeds_that_pass_the_last_one(refused):
    refused(["--seed", 2**63 - 1, "--seeds", 2], "--seeds 2", f"--seed {2**63 - 1}", "2^63 - 1")


def test_a_device_that_this_machine_lacks(refused):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has it")
    refused(["--device", "cuda", *TINY, "--out", "run"], "--device cuda", "cpu")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mode =", ["not a TOML file ("]),
        ('mode = "gaussian"\nmode = "mixture"', ["not a TOML file ("]),
        ('moed = "gaussian"', ["moed", "no such option", "did you mean mode?"]),
        ("[setting]\nstd = 1", ["setting", "no such option"]),
        ('config = "other.toml"', ["config", "no such option"]),
        ('mode = "gausian"', ["mode = 'gausian'", "one of gaussian, mixture", "did you mean gaussian?"]),
        ('mode = ["gaussian", "gausian"]', ["mode = 'gausian'", "one of gaussian", "did you mean gaussian?"]),
        ("mode = 3", ["mode = 3", "one of gaussian"]),
        ("mode = []", ["mode = []", "one of gaussian"]),
        ("mode = [[]]", ["mode = []", "one of gaussian"]),
        ('std = "0.2"', ["std = '0.2'", "a finite number above 0"]),
        ("std = 0", ["std = 0", "a finite number above 0"]),
        ("std = nan", ["std = nan", "a finite number above 0"]),
        ("std = -inf", ["std = -inf", "a finite number above 0"]),
        ("std = {}", ["std = {}", "a finite number above 0"]),
        ("std = 1\nvariance = 1", ["variance", "beside its other name"]),
        ("variance = 1\nstd = 1", ["std", "beside its other name"]),
        ("variance = -1", ["variance = -1", "a finite number above 0"]),
        ('variance = "1"', ["variance = '1'", "a finite number above 0"]),
        ("variance = []", ["variance = []", "a finite number above 0"]),
        ("variance = true", ["variance = True", "a finite number above 0"]),
        (f"variance = 1{'0' * 400}", ["variance = 1000", "a finite number above 0"]),
        ("d-steps = true", ["d-steps = True", "a whole number of at least 1"]),
        ("d-steps = 2.0", ["d-steps = 2.0", "a whole number of at least 1"]),
        ("d-steps = 0", ["d-steps = 0", "a whole number of at least 1"]),
        ("d-steps = 1\nd_steps = 1", ["d_steps", "given twice"]),
        ("d-steps = 1\nn-critic = 5", ["n-critic", "given twice, or beside its other name"]),
        ("lr = true", ["lr = True", "a finite number above 0"]),
        ("seed = -1", ["seed = -1", "at least 0"]),
        ("seeds = [1, 2]", ["seeds = [1, 2]", "a whole number"]),
        ('steps = "10"', ["steps = '10'", "a whole number"]),
        ("device = 0", ["device = 0", "must be one of auto"]),
        ("workers = 0", ["workers = 0", "from 1"]),
        ("quiet = 1", ["quiet = 1", "true or false"]),
        ('force = "no"', ["force = 'no'", "true or false"]),
        ("out = 3", ["out = 3", "a path"]),
    ],
    ids=lambda part: part.partition("\n")[0][:20] if isinstance(part, str) else None,
)
def test_a_mistake_in_the_configuration_file(text, words, refused, tmp_path):
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    # `--workers` is checked with the study, when it is no longer known where it came from
    named = [] if words[0].startswith("--") else ["--config study.toml: "]
    refused(["--config", "study.toml", "--out", "run"], *named, *words)


def test_a_configuration_file_that_cannot_be_read(refused, tmp_path):
    refused(["--config", "none.toml"], "--config none.toml", "No such file")
    refused(["--config", "."], "--config .", "cannot be read")
    (tmp_path / "latin.toml").write_bytes('mode = "gäussian"'.encode("latin-1"))
    refused(["--config", "latin.toml"], "--config latin.toml", "not a TOML file")


@pytest.mark.parametrize("command", [["--mode", "gaussian"], ["study", "homework"]])
def test_a_run_folder_that_is_taken(command, refused, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("precious")
    (tmp_path / "file").write_text("precious")
    refused([*command, *TINY, "--out", "full"], "full", "not empty", "--force")
    for force in ([], ["--force"]):
        refused([*command, *TINY, "--out", "file", *force], "file", "not a folder")
        refused([*command, *TINY, "--out", "file/run", *force], "file/run", "Not a directory", status=1)
    refused([*command, *TINY, "--out", "x" * 300], "x" * 300, "too long", status=1)


@pytest.mark.parametrize("command", ["render", "report"])
def test_a_folder_that_is_no_run(command, refused, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("no run")
    for name in ("none", "empty", "file"):
        refused([command, name], f"{name}: no run, there is no run.json")
    run = tmp_path / "run"
    run.mkdir()
    for text, word in [
        ("{", "run.json"),
        ("[]", "not a finished run"),
        ("{}", "not a finished run"),
        ('{"format": 99}', "format 99"),
        ('{"format": 4, "study": {}, "settings": ["x"], "files": null}', "not a finished run"),
        ('{"format": 4, "study": {"name": "n", "question": "q"}, "settings": [], "null": []}', "summary.csv"),
    ]:
        (run / "run.json").write_text(text)
        refused([command, "run"], "run", word)


def test_a_run_whose_files_are_damaged(refused, tmp_path, small):
    shutil.copytree(small, tmp_path / "run")
    for name, contents in itertools.product(["history.npz", "frames.npz"], [b"", b"PK\3\4", b"text", None]):
        whole = (small / name).read_bytes()
        (tmp_path / "run" / name).write_bytes(whole[: len(whole) // 2] if contents is None else contents)
        refused(["report", "run"], "run", name)
        (tmp_path / "run" / name).write_bytes(whole)
    (tmp_path / "run" / "summary.csv").write_text("setting,seed\nnobody,0\n")
    refused(["report", "run"], "run", "summary.csv", "has no column verdict")
    (tmp_path / "run" / "summary.csv").unlink()
    refused(["report", "run"], "run", "summary.csv", "did it finish?")


@pytest.mark.parametrize("workers", ["0", "many", "1.5"])
def test_a_number_of_workers_that_is_none(workers, refused, small):
    refused(["render", small, "--workers", workers], f"--workers {workers}", "auto or a whole number")


@pytest.mark.parametrize("name", ["summary.csv", "comparison.gif", "gaussian-std1.2-d2/losses.png"])
def test_a_file_that_cannot_be_written(name, tmp_path, capsys):
    run = tmp_path / "run"
    (run / name / "mine").mkdir(parents=True)
    assert in_process("--mode=gaussian", *TINY, "--workers=1", "--out", run, "--force") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert str(run / name) in err
    assert "Is a directory" in err
    assert manifest(run)["status"] == "failed"
    assert (run / name / "mine").is_dir()
    assert not list(run.rglob(".*"))


# --- what a command line asks for ------------------------------------------------------------------------------------


@pytest.fixture
def asked(tmp_path, monkeypatch, capsys):
    """The resolved study of a command line, by `--dry-run --json`, which must write nothing."""
    monkeypatch.chdir(tmp_path)

    def resolve(*arguments):
        before = tree(tmp_path)
        assert in_process(*arguments, "--dry-run", "--json") == 0
        out, err = capsys.readouterr()
        assert err == ""
        assert tree(tmp_path) == before
        return read_json(out)

    return resolve


def values(study, *names):
    return [tuple(setting[name] for name in names) for setting in study["settings"]]


def test_several_values_make_their_product(asked):
    study = asked("--mode", "mixture_4", "--std", "0.2,1.2", "--d-steps", "1, 2,5,1", "--seeds", 8)
    assert values(study, "mode", "std", "d_steps") == [("mixture_4", s, d) for s in (0.2, 1.2) for d in (1, 2, 5)]
    assert (study["study"]["seeds"], study["study"]["seed"], study["study"]["steps"]) == (8, 0, 2500)
    assert [s["folder"] for s in study["settings"]] == [f"mixture_4-std{s}-d{d}" for s in (0.2, 1.2) for d in (1, 2, 5)]


def test_what_is_not_said_is_the_default(asked):
    (setting,) = asked("--loss", "hinge")["settings"]
    default = Setting(loss="hinge", std=1.2)  # a Gaussian's own
    assert setting == {"folder": "gaussian-std1.2-d2", **{name: getattr(default, name) for name in FIELDS[Setting]}}


@pytest.mark.parametrize(("mode", "std"), [("mixture_4", 0.2), ("ring_8", 0.02), ("grid_25", 0.05)])
def test_a_mode_has_its_own_std(mode, std, asked):
    assert values(asked("--mode", mode), "std") == [(std,)]
    assert values(asked("--mode", mode, "--std", f"{std},1"), "std") == [(std,), (1,)]


def test_variance_is_the_square_of_std(asked):
    study = asked("--variance", "1.44,0.04", "--out", "x")
    assert values(study, "std") == [(math.sqrt(1.44),), (math.sqrt(0.04),)]
    assert study == asked("--std", f"{math.sqrt(1.44)!r},{math.sqrt(0.04)!r}", "--out", "x")


def test_n_critic_is_d_steps(asked):
    assert asked("--n-critic", "1,5", "--out", "x") == asked("--d-steps", "1,5", "--out", "x")


def test_nothing_at_all_is_the_homework(asked):
    study = asked()
    assert [s["folder"] for s in study["settings"]] == HOMEWORK
    assert study["study"] | {"workers": "", "device": ""} == {
        "name": "homework",
        "question": study["study"]["question"],
        "steps": 2500,
        "budget": "steps",
        "seeds": 8,
        "seed": 0,
        "scores": "none",
        "headings": study["study"]["headings"],
        "notes": [],
        "weights": "shown",
        "from_run": None,
        "baseline": None,
        "confirm": 0,
        "checkpoint": 20.0,
        "snapshots": 50,
        "frames": 50,
        "device": "",
        "workers": "",
    }
    assert set(values(study, "hidden", "layers", "batch_size", "loss", "optimizer", "lr")) == {
        (64, 2, 256, "nonsaturating", "adam", 1e-3)
    }
    assert re.fullmatch(r"runs/homework-\d{8}-\d{6}", study["out"])
    assert asked("study", "homework")["settings"] == study["settings"]


def test_options_of_the_study_keep_the_homework(asked):
    study = asked("--seeds", 2, "--steps", 10, "--seed", 5)
    assert [s["folder"] for s in study["settings"]] == HOMEWORK
    assert [study["study"][name] for name in ("name", "seeds", "steps", "seed")] == ["homework", 2, 10, 5]


def test_options_replace_values_of_a_named_study(asked):
    study = asked("study", "homework", "--d-steps", "1,5")
    assert study["study"]["name"] == "homework"
    targets = [("gaussian", 1.2), ("mixture", 1.2), ("mixture_4", 0.2), ("mixture_4", 1.2)]
    assert values(study, "mode", "std", "d_steps") == [(*target, d) for target in targets for d in (1, 5)]


def test_a_file_says_what_flags_say(asked, tmp_path):
    text = (
        'mode = ["mixture_4", "ring_8"]\nstd = [0.2, 1]\nn-critic = 5\nlr-g = 1\nbatch_size = 16\n'
        'seeds = 3\nworkers = 2\nout = "there"\nno-figures = true\nquiet = false\n'
    )
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    (tmp_path / "bom.toml").write_text(text, encoding="utf-8-sig")
    flags = ["--mode=mixture_4,ring_8", "--std=0.2,1", "--d-steps=5", "--lr-g=1", "--batch-size=16", "--seeds=3"]
    from_flags = asked(*flags, "--workers=2", "--out=there", "--no-figures")
    assert asked("--config", "study.toml") == asked("--config", "bom.toml") == from_flags


def test_flags_win_over_the_file(asked, tmp_path):
    (tmp_path / "study.toml").write_text('std = 1\nseeds = 3\nsteps = 7\nout = "there"\n')
    (tmp_path / "variance.toml").write_text("variance = [4, 9]\n")
    study = asked("--config", "study.toml", "--std", "0.5,2", "--seeds", 4, "--out", "here")
    assert values(study, "std") == [(0.5,), (2,)]
    assert [study["study"]["seeds"], study["study"]["steps"], study["out"]] == [4, 7, "here"]
    assert values(asked("--config", "study.toml", "--variance", "0.25"), "std") == [(0.5,)]
    assert values(asked("--config", "variance.toml"), "std") == [(2,), (3,)]
    assert values(asked("--config", "variance.toml", "--std", "5"), "std") == [(5,)]
    assert [s["std"] for s in asked("study", "homework", "--config", "study.toml")["settings"]] == [1] * 6


def test_a_dry_run_for_people(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("x")
    assert in_process("--mode=ring_8", "--d-steps=1,5", "--seeds=3", "--dry-run", "--out=taken") == 0
    out, err = capsys.readouterr()
    assert "2 settings × 3 seeds = 6 GANs" in out
    assert all(name in out for name in ("ring_8-std0.02-d1: ", "ring_8-std0.02-d5: ", "taken"))
    assert (err, files(tmp_path)) == ("", ["taken"])


# --- python main.py --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def homework(tmp_path_factory):
    """The whole assignment at tiny sizes, by the program itself: (run folder, stdout, stderr)."""
    home = tmp_path_factory.mktemp("homework")
    process = start("study", "homework", *TINY, f"--seeds={SEEDS}", "--workers=1", "--out", "run", cwd=home)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert [path.name for path in home.iterdir()] == ["run"]
    return home / "run", out, err


@pytest.fixture(scope="module")
def names():
    return [name for name in HOMEWORK for _ in range(SEEDS)]


@pytest.mark.slow
def test_every_promised_file_is_there_and_no_other(homework):
    run, _, _ = homework
    assert files(run) == promised(HOMEWORK)


@pytest.mark.slow
def test_stdout_has_the_table_and_where_the_report_is(homework):
    _, out, err = homework
    assert err == ""
    lines = out.splitlines()
    for target in ("gaussian · std 1.2", "mixture · std 1.2", "mixture_4 · std 0.2", "mixture_4 · std 1.2"):
        at = lines.index(target)
        assert [line.split()[:3] for line in lines[at + 1 : at + 3]] == [["2", "D", "steps"], ["1", "D", "step"]]
        assert lines[at + 3].startswith(" perfect G")
    assert lines[-1] == f"report: {Path('run') / 'report.html'}"
    assert max(map(len, lines)) <= 120


@pytest.mark.slow
def test_run_json_says_what_was_asked_and_how_it_went(homework):
    import torch

    run = manifest(homework[0])
    assert run["status"] == "done"
    assert run["failures"] == []
    assert run["command"].startswith("python main.py study homework --steps=20")
    assert run["versions"]["torch"] == torch.__version__
    for package in ("numpy", "scipy", "matplotlib", "pillow"):
        assert run["versions"][package] == version(package)
    assert run["versions"]["gan-dynamics"] == VERSION
    assert run["files"] == [name for name in files(homework[0]) if name != "run.json"]
    assert [s["folder"] for s in run["settings"]] == HOMEWORK
    assert [run["study"][n] for n in ("name", "steps", "seeds", "seed", "workers")] == [
        "homework",
        STEPS,
        SEEDS,
        0,
        "1",
    ]
    assert run["study"]["device"] in ("cpu", "cuda")
    assert run["threads"] == 1
    assert 0 < run["seconds"]["training"] <= run["seconds"]["all"]
    assert all(set(null) == set(SCORES) for null in run["null"])
    assert len(run["seconds_per_gan"]) == len(HOMEWORK)
    assert all(0 < s < run["seconds"]["training"] for s in run["seconds_per_gan"])


def check_summary(run, settings, seeds):
    """summary.csv has a row per member, and says what history.npz says last; NaN there is an empty cell here."""
    rows = read_csv(run / "summary.csv")
    history = np.load(run / "history.npz")
    z = [f"{name}_z" for name in SCORES]
    columns = ["setting", *FIELDS[Setting], "seed", "steps", *SCORES, *SWINGS, *z, "verdict", "why", "diverged_at"]
    assert list(rows[0]) == columns
    assert [(row["setting"], int(row["seed"])) for row in rows] == [(s, k) for s in settings for k in range(seeds)]
    assert list(history["setting"]) == [row["setting"] for row in rows]
    assert list(history["seed"]) == [int(row["seed"]) for row in rows]
    for row, m in zip(rows, range(len(rows)), strict=True):
        for name in SCORES:
            last = history[name][m, -1]
            assert row[name] == ("" if np.isnan(last) else repr(float(last)))
    return rows, history


@pytest.mark.slow
def test_the_summary_has_a_row_per_member(homework):
    rows, _ = check_summary(homework[0], HOMEWORK, SEEDS)
    for row in rows:
        assert row["setting"] == f"{row['mode']}-std{row['std']}-d{row['d_steps']}"
        assert (row["hidden"], row["batch_size"], row["lr"], row["lr_g"]) == ("8", "16", "0.001", "")
        # all four targets have modes; of a histogram of no high-quality samples there is no divergence
        missing = {"reverse_kl"} if float(row["high_quality"]) == 0 else set()
        assert {name for name in SCORES if row[name] == ""} == missing
        assert all(math.isfinite(float(row[name])) for name in SCORES if name not in missing)
        assert 0 <= float(row["high_quality"]) <= 1
        assert 0 <= float(row["jsd"]) <= math.log(2)
        assert row["verdict"] in ("converged", "collapsed", "still learning")
        assert row["diverged_at"] == ""


@pytest.mark.slow
def test_the_comparison_has_a_row_per_setting(homework):
    rows = read_csv(homework[0] / "comparison.csv")
    members = read_csv(homework[0] / "summary.csv")
    assert [row["setting"] for row in rows] == HOMEWORK
    parts = [f"{name}_{part}" for name in SCORES for part in ("mean", "low", "high", "n", "null", "null_std", "z")]
    words = [word.replace(" ", "_") for word in VERDICTS]
    shares = ["verdicts_n", *(f"{word}_{part}" for word in words for part in ("share", "low", "high"))]
    swings = [f"{name}_{part}" for name in SWINGS for part in ("mean", "low", "high", "n")]
    spent = ["steps", "updates", "samples_seen"]
    assert list(rows[0]) == ["setting", *FIELDS[Setting], "seeds", *spent, *parts, *swings, *shares]
    for row in rows:
        row_members = [member for member in members if member["setting"] == row["setting"]]
        assert int(row["seeds"]) == len(row_members) == SEEDS
        d_steps = int(row["d_steps"])
        assert [int(row[n]) for n in spent] == [STEPS, (d_steps + 1) * STEPS, 16 * d_steps * STEPS]
        for name in SCORES:
            scores = [float(member[name]) for member in row_members if member[name]]
            assert int(row[f"{name}_n"]) == len(scores)
            assert math.isfinite(float(row[f"{name}_null"]))
            if scores:
                assert float(row[f"{name}_mean"]) == pytest.approx(np.mean(scores))
                assert float(row[f"{name}_low"]) <= float(row[f"{name}_mean"]) <= float(row[f"{name}_high"])
            else:
                assert row[f"{name}_mean"] == row[f"{name}_low"] == row[f"{name}_high"] == ""
        assert int(row["verdicts_n"]) == SEEDS
        assert sum(float(row[f"{word}_share"]) for word in words) == pytest.approx(1)
        for verdict, word in zip(VERDICTS, words, strict=True):
            share = sum(member["verdict"] == verdict for member in row_members) / SEEDS
            assert float(row[f"{word}_share"]) == share
            assert 0 <= float(row[f"{word}_low"]) <= share <= float(row[f"{word}_high"]) <= 1


@pytest.mark.slow
def test_history_and_frames_have_every_curve_and_sample(homework, names):
    history = np.load(homework[0] / "history.npz")
    assert set(history) == {"setting", "seed", "curve_step", "snapshot_step", *CURVES, *SCORES, *MEASURES}
    assert list(history["setting"]) == names
    assert list(history["seed"]) == [0, 1] * len(HOMEWORK)
    assert history["curve_step"].tolist() == [list(range(1, STEPS + 1))] * len(names)
    assert history["snapshot_step"].tolist() == [[0, 4, 8, 12, 16, 20]] * len(names)
    for name in CURVES:
        assert history[name].shape == (len(names), STEPS)
        assert np.isfinite(history[name]).all()
    for name in SCORES:
        assert history[name].shape == (len(names), SNAPSHOTS + 1)
    assert ((history["d_real"] > 0) & (history["d_real"] < 1)).all()
    # nonsaturating at the start: D knows nothing, so each of its two terms is about ln 2
    assert history["d_loss"][:, 0] == pytest.approx(2 * math.log(2), abs=0.5)
    frames = np.load(homework[0] / "frames.npz")
    assert frames["step"].tolist() == [[0, 10, 20]] * len(names)
    assert frames["samples"].shape == (FRAMES + 1, len(names), EVALUATION, 2)
    assert frames["samples"].dtype == np.float16
    assert np.isfinite(frames["samples"]).all()
    # every member's first samples differ from every other's of its setting, and from its last ones
    assert not np.array_equal(frames["samples"][0, 0], frames["samples"][0, 1])
    assert not np.array_equal(frames["samples"][0], frames["samples"][-1])


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in pictures(HOMEWORK) if name.endswith(".gif")])
def test_every_animation_has_its_frames(name, homework):
    path = homework[0] / name
    frames = iio.imread(path, index=None)
    assert len(frames) == FRAMES + 1
    assert len({frame.tobytes() for frame in frames}) == FRAMES + 1
    with Image.open(path) as picture:
        assert picture.format == "GIF"
        assert picture.n_frames == FRAMES + 1
        assert picture.info["loop"] == 0
        width, height = picture.size
        delays = []
        for k in range(picture.n_frames):
            picture.seek(k)
            assert np.array_equal(np.asarray(picture.convert("RGB")), frames[k][..., :3])
            delays.append(picture.info["duration"])
    assert min(width, height) >= 150
    assert max(width, height) <= 1200
    assert delays[-1] > delays[0] == delays[1] >= 20  # the last one stands a while


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in pictures(HOMEWORK) if name.endswith(".png")])
def test_every_figure_is_a_picture_of_something(name, homework):
    with Image.open(homework[0] / name) as picture:
        assert picture.format == "PNG"
        assert 600 <= picture.width <= 4000
        assert 300 <= picture.height <= 4000
        colours = picture.convert("RGB").getcolors(maxcolors=2**24)
        grey = np.asarray(picture.convert("L"))
    assert grey[0, 0] == 255
    assert len(colours) > 50
    assert 0.01 < (grey < 250).mean() < 0.95


class Page(HTMLParser):
    """What a page shows and asks for; `open` is empty once every element has been closed."""

    VOID = ("meta", "img", "br", "hr", "link", "input", "source", "wbr", "col")

    def __init__(self):
        super().__init__()
        self.open, self.links, self.images, self.words = [], [], [], []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "img":
            assert given["alt"]
            self.images.append(given["src"])
        for name in ("href", "src", "srcset", "action"):
            if name in given:
                self.links.append(given[name])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.mark.slow
def test_the_page_is_whole_and_asks_for_nothing(homework):
    page = Page()
    page.feed((homework[0] / "report.html").read_text(encoding="utf-8"))
    page.close()
    assert page.open == []
    assert len(page.images) >= len(HOMEWORK)
    assert all(source.startswith("data:image/") for source in page.images)
    # links lead inside the page, or to files beside it
    for link in page.links:
        assert link.startswith(("data:", "#")) or (homework[0] / unquote(link)).exists(), link[:80]
    text = " ".join(" ".join(page.words).split())
    for words in ("gaussian", "mixture_4", "2 D steps", "1 D step", "homework"):
        assert words in text


@pytest.mark.slow
def test_the_markdown_links_to_files_that_are_there(homework):
    text = (homework[0] / "report.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)]*)\)", text)
    for link in links:
        assert (homework[0] / unquote(link)).is_file(), link
    assert {unquote(link) for link in links} >= {p for p in pictures(HOMEWORK) if not p.endswith("seeds.gif")}
    assert text.startswith("# homework\n")


# --- the same command again ------------------------------------------------------------------------------------------

SMALL = ["--mode=mixture_4,circles", f"--seeds={SEEDS}", *TINY]
SMALL_NAMES = ["mixture_4-std0.2-d2", "circles-std0.1-d2"]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The run folder of `SMALL`, one worker, in this process. It is for reading."""
    run = tmp_path_factory.mktemp("small") / "run"
    assert in_process(*SMALL, "--workers=1", "--out", run) == 0
    return run


def same_numbers(one, other):
    for name in ("summary.csv", "comparison.csv"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    for name in ("history.npz", "frames.npz"):
        ours, theirs = np.load(one / name), np.load(other / name)
        assert set(ours) == set(theirs)
        for key in ours:
            assert ours[key].dtype == theirs[key].dtype
            assert ours[key].tobytes() == theirs[key].tobytes(), (name, key)


def same_pictures(one, other):
    for name in pictures(SMALL_NAMES):
        if name.startswith("curves"):  # against seconds too, which are measured
            continue
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def test_a_target_without_modes_has_empty_cells(small):
    rows, history = check_summary(small, SMALL_NAMES, SEEDS)
    of_modes = {"modes_covered", "modes_hit", "high_quality", "reverse_kl"}
    for row in rows[SEEDS:]:
        assert row["mode"] == "circles"
        assert {name for name in SCORES if row[name] == ""} == of_modes
    assert np.isfinite(history["jsd"]).all()
    row = read_csv(small / "comparison.csv")[1]
    for name in SCORES:
        given = {row[f"{name}_{part}"] != "" for part in ("mean", "low", "high", "null")}
        assert given == {name not in of_modes}
        assert row[f"{name}_n"] == ("0" if name in of_modes else str(SEEDS))
    assert manifest(small)["null"][1]["modes_covered"] == [None, None]


@pytest.mark.slow
def test_another_process_and_two_workers_measure_the_same(small, tmp_path):
    process = start(*SMALL, "--workers=2", "--no-figures", "--out", "again", cwd=tmp_path)
    _, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (0, "")
    same_numbers(small, tmp_path / "again")


@pytest.mark.slow
def test_another_process_and_other_company_draw_the_same(small, homework):
    for name in pictures(SMALL_NAMES[:1]):
        if not name.startswith(("comparison", "curves")):
            assert (small / name).read_bytes() == (homework[0] / name).read_bytes(), name


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """`SMALL` without figures, as JSON: (run folder, stdout, stderr)."""
    import contextlib
    import io

    run = tmp_path_factory.mktemp("plain") / "run"
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        assert in_process(*SMALL, "--workers=1", "--no-figures", "--quiet", "--json", "--out", run) == 0
    return run, out.getvalue(), err.getvalue()


def test_json_is_one_object_on_stdout(plain):
    run, out, err = plain
    assert err == ""
    assert len(out.splitlines()) == 1
    printed = read_json(out)
    assert set(printed) == {"run", "comparison", "failures"}
    assert (printed["run"], printed["failures"]) == (str(run), [])
    written = [{name: str("" if v is None else v) for name, v in row.items()} for row in printed["comparison"]]
    assert written == read_csv(run / "comparison.csv")


def test_without_figures_the_report_says_how_to_get_them(plain):
    run, _, _ = plain
    assert files(run) == sorted([*TABLES, "run.json"])
    assert manifest(run)["files"] == TABLES
    command = f"python main.py render {run.as_posix()}"
    assert command in (run / "report.md").read_text(encoding="utf-8")
    assert command in (run / "report.html").read_text(encoding="utf-8")
    assert "![" not in (run / "report.md").read_text(encoding="utf-8")


def test_render_draws_what_the_run_would_have_drawn(plain, small, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(plain[0], run)
    (run / "notes.txt").write_text("mine")
    assert in_process("render", run, "--workers", 2) == 0
    assert capsys.readouterr() == ("", "")
    same_numbers(small, run)
    same_pictures(small, run)
    assert manifest(run)["files"] == [name for name in promised(SMALL_NAMES) if name != "run.json"]
    for name in ("report.md", "report.html"):
        assert "main.py render" not in (run / name).read_text(encoding="utf-8")


def test_figures_come_in_other_formats_too(plain, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(plain[0], run)
    assert in_process("render", run, "--format", "svg,pdf") == 0
    figures = [name.removesuffix(".png") for name in pictures(SMALL_NAMES) if name.endswith(".png")]
    assert len(figures) == 1 + 2 + 2 * 2
    for name in figures:
        assert (run / f"{name}.pdf").read_bytes().startswith(b"%PDF-")
        assert (run / f"{name}.svg").read_bytes().startswith(b"<?xml")
        assert (run / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert not list(run.rglob("*.gif.*"))
    assert set(manifest(run)["files"]) >= {f"{name}.pdf" for name in figures}


def test_runs_are_reported_side_by_side(small, tmp_path, capsys, refused):
    runs = []
    for number, more in enumerate((["--d-steps=1"], ["--d-steps=5", "--budget=updates"])):
        runs.append(tmp_path / f"run{number}")
        base = ["--mode=mixture_4", *NARROW, "--steps=40", "--seeds=2", "--snapshots=4", "--frames=2", "--workers=1"]
        assert in_process(*base, *more, "--quiet", "--out", runs[-1]) == 0
    before = [tree(run) for run in runs]
    capsys.readouterr()
    out = tmp_path / "both"
    assert in_process("report", *runs, "--out", out) == 0
    assert capsys.readouterr().out == f"{out / 'report.html'}\n"
    assert [tree(run) for run in runs] == before
    figures = ["comparison.png", "curves-mixture_4-std0.2.png"]
    made = sorted(["comparison.csv", "comparison.tex", "differences.csv", "report.html", "report.md", *figures])
    assert files(out) == sorted([*made, "run.json"])
    rows = read_csv(out / "comparison.csv")
    assert [(row["d_steps"], row["steps"], row["updates"]) for row in rows] == [("1", "40", "80"), ("5", "40", "240")]
    for row, run in zip(rows, runs, strict=True):
        (alone,) = read_csv(run / "comparison.csv")
        assert row | {"setting": ""} == alone | {"setting": ""}
    text = (out / "report.md").read_text(encoding="utf-8")
    for link in re.findall(r"!\[[^]]*\]\(([^)]*)\)", text):
        assert (out / link).is_file(), link
    for run in runs:
        assert f"### {run.name}\n" in text
        assert f"../{run.name}/comparison.gif" in text
    page = Page()
    page.feed((out / "report.html").read_text(encoding="utf-8"))
    assert not page.open
    assert in_process("report", *runs, "--out", out, "--force", "--quiet") == 0  # its own files may go
    assert files(out) == sorted([*made, "run.json"])
    capsys.readouterr()
    refused(["report", *runs, "--out", out], "both", "not empty")
    refused(["report", runs[0], out], "both", "a report on several runs, not a run")
    refused(["report", runs[0], runs[0]], "twice")
    refused(["report", runs[0], "--out", "x"], "--out x")


def test_report_is_written_again(small, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(small, run)
    before = tree(run)
    (run / "report.md").unlink()
    (run / "report.html").write_text("spoilt")
    assert in_process("report", run) == 0
    assert capsys.readouterr() == (f"{run / 'report.html'}\n", "")
    # the run's own command and facts are kept
    assert tree(run) == before


def test_a_bar_on_a_terminal_unless_quiet(tmp_path, monkeypatch, capsys):
    import io

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    one = ["--mode=gaussian", *TINY, "--workers=1", "--no-figures"]
    for words, quiet in [("training 1 GANs", []), ("", ["--quiet"])]:
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        assert in_process(*one, *quiet, "--out", tmp_path / f"run{len(quiet)}") == 0
        assert words in terminal.getvalue()
        assert bool(terminal.getvalue()) == bool(words)
        assert "gaussian · std 1.2" in capsys.readouterr().out


# --- divergence ------------------------------------------------------------------------------------------------------


def _whose(losses):
    """The losses (2,) that are not finite, in words."""
    broken = [name for name, value in zip("DG", losses, strict=True) if not np.isfinite(value)]
    return "D's and G's losses" if len(broken) == 2 else f"{broken[0]}'s loss"


def test_divergence_is_a_result_and_the_others_go_on(tmp_path, capsys):
    run = tmp_path / "run"
    wild = ["--mode=gaussian", "--loss=lsgan", "--optimizer=sgd", "--lr=0.001,1e6", f"--seeds={SEEDS}"]
    assert in_process(*wild, *TINY, "--workers=1", "--out", run) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "2 diverged" in out
    settings = ["gaussian-std1.2-d2-lr0.001", "gaussian-std1.2-d2-lr1000000"]
    assert files(run) == promised(settings)
    assert manifest(run)["status"] == "done"
    rows, history = check_summary(run, settings, SEEDS)
    for row in rows[:SEEDS]:
        assert row["verdict"] != "diverged"
        assert row["diverged_at"] == ""
        assert all(row[name] for name in SCORES)
    for m, row in enumerate(rows[SEEDS:], SEEDS):
        assert row["verdict"] == "diverged"
        step = int(row["diverged_at"])
        assert 1 <= step <= STEPS
        losses = np.stack([history["d_loss"][m], history["g_loss"][m]])
        assert np.isfinite(losses[:, : step - 1]).all()  # a curve's entry for every step, from step 1 on
        assert not np.isfinite(losses[:, step - 1]).all()
        sound = np.isfinite(history["sample_mean"][m, -1]).all()  # a loss may overflow while the samples do not
        assert {row[name] == "" for name in SCORES} == {not sound}
        assert row["why"] == f"first not finite: {_whose(losses[:, step - 1])}, at step {step}"
    both = read_csv(run / "comparison.csv")
    assert [row["diverged_share"] for row in both] == ["0.0", "1.0"]
    left = sum(row["jsd"] != "" for row in rows[SEEDS:])
    assert [row["jsd_n"] for row in both] == [str(SEEDS), str(left)]
    assert (both[1]["jsd_mean"] == "") == (left == 0)


def test_adam_diverges_too(tmp_path):
    run = tmp_path / "run"
    wild = ["--mode=gaussian", "--loss=lsgan", "--optimizer=adam", "--lr=1e6"]
    assert in_process(*wild, *TINY, "--workers=1", "--no-figures", "--out", run) == 0
    assert files(run) == sorted([*TABLES, "run.json"])
    (row,), _ = check_summary(run, ["gaussian-std1.2-d2"], 1)
    assert row["verdict"] == "diverged"
    assert 1 <= int(row["diverged_at"]) <= STEPS


# --- --force ---------------------------------------------------------------------------------------------------------


def test_force_replaces_a_run_and_nothing_else(small, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(small, run)
    foreign = {"notes.txt": b"mine", "mixture_4-std0.2-d2/mine.txt": b"mine too", ".hidden.partial": b"and this"}
    for name, contents in foreign.items():
        (run / name).write_bytes(contents)
    (run / ".summary-0123abcd.part.csv").write_text("left by a killed run")
    again = ["--mode=gaussian", *TINY, "--workers=1", "--no-figures", "--out", run, "--force"]
    for _ in range(3):  # a run must not take what it found for its own, or the next one removes it
        assert in_process(*again) == 0
        assert files(run) == sorted([*TABLES, "run.json", *foreign])
        assert manifest(run)["files"] == TABLES
    assert not (run / "circles-std0.1-d2").exists()
    assert {name: (run / name).read_bytes() for name in foreign} == foreign
    assert [row["setting"] for row in read_csv(run / "summary.csv")] == ["gaussian-std1.2-d2"]
    # nor does writing the report again make it the run's
    assert in_process("report", run) == 0
    assert in_process(*again) == 0
    assert {name: (run / name).read_bytes() for name in foreign} == foreign


def test_force_takes_an_empty_folder_and_one_that_is_not_there(tmp_path):
    (tmp_path / "empty").mkdir()
    for arguments in (["--out", tmp_path / "empty"], ["--out", tmp_path / "new" / "run", "--force"]):
        assert in_process("--mode=gaussian", *TINY, "--no-figures", "--workers=1", *arguments) == 0
        assert (arguments[1] / "run.json").is_file()


# --- interrupted -----------------------------------------------------------------------------------------------------


def alive(group):
    """Processes of a group that run, zombies left out."""
    pids = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:  # gone meanwhile
            continue
        if int(its_group) == group and state not in "ZX":
            pids.append(int(stat.parent.name))
    return pids


def wait_for(condition, seconds, process=None):
    """Whether a condition comes true in time, and while the process, if any is given, still runs."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until or (process is not None and process.poll() is not None):
            return False
        time.sleep(0.02)
    return True


def finish(process):
    """(exit status, stdout, stderr) of a process that has been sent a signal; none of its workers may be left."""
    try:
        out, err = process.communicate(timeout=60)
        if Path("/proc/self/stat").exists():
            assert wait_for(lambda: not alive(process.pid), 10), alive(process.pid)
        return process.returncode, out, err
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


@posix
@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "to", "workers", "status", "word"),
    [
        ("SIGINT", "group", 2, 130, "interrupted"),  # Ctrl-C reaches the workers too
        ("SIGTERM", "program", 2, 143, "terminated"),
    ],
)
def test_an_interrupted_run_says_so_and_leaves_nothing_behind(number, to, workers, status, word, tmp_path, capsys):
    run = tmp_path / "run"
    process = start("--steps=1000000", "--seeds=4", f"--workers={workers}", "--out", "run", cwd=tmp_path)
    assert wait_for((run / "run.json").exists, 60, process)
    assert manifest(run)["status"] == "running"
    if workers > 1 and Path("/proc/self/stat").exists():  # the program, multiprocessing's tracker, the workers
        assert wait_for(lambda: len(alive(process.pid)) == 2 + workers, 60, process)
    else:
        time.sleep(0.5)
    (os.killpg if to == "group" else os.kill)(process.pid, getattr(signal, number))
    assert finish(process) == (status, "", f"error: {word}; to go on: python main.py resume run\n")
    assert manifest(run)["status"] == "interrupted"
    assert {name.partition("/")[0] for name in files(run)} <= {"run.json", "checkpoints"}
    shown = in_process("report", run)  # what there is; or, where it had not been looked at yet, one line
    printed = capsys.readouterr().err
    assert shown in (0, 2)
    assert ("interrupted at step" if shown == 0 else "before anything was measured") in printed
    assert "to go on: python main.py resume" in printed


@posix
@pytest.mark.slow
def test_drawing_that_is_interrupted_leaves_no_half_pictures(small, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(small, run)
    before = files(run)
    process = start("render", "run", "--workers=2", cwd=tmp_path)
    assert wait_for(lambda: any(run.rglob(".*.part*")), 60, process)
    os.killpg(process.pid, signal.SIGINT)
    assert finish(process) == (130, "", "error: interrupted\n")
    assert files(run) == before


def test_a_run_interrupted_while_drawing_can_be_rendered(tmp_path, monkeypatch, capsys):
    from dynamics import workflow

    run = tmp_path / "run"

    def interrupt(results, folder, workers, progress):
        (folder / ".comparison-0123abcd.part.png").write_text("half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(workflow, "render", interrupt)
        assert in_process("--mode=gaussian", *TINY, "--workers=1", "--out", run) == 130
    assert capsys.readouterr() == ("", f"error: interrupted; to go on: python main.py resume {run}\n")
    assert manifest(run)["status"] == "interrupted"
    tables = [name for name in TABLES if not name.endswith((".html", ".md", ".tex"))]
    assert files(run) == sorted([*tables, "checkpoints/0000-done.npz", "run.json"])
    assert in_process("render", run, "--workers", 1) == 0
    assert in_process("resume", run) == 0
    assert files(run) == promised(["gaussian-std1.2-d2"], seeds=1)


# --- the rest --------------------------------------------------------------------------------------------------------


def test_list_shows_every_name_of_every_registry(capsys):
    from dynamics.games.initial_weights import INITS
    from dynamics.games.losses import LOSSES
    from dynamics.games.networks import ACTIVATIONS
    from dynamics.games.optimizers import OPTIMIZERS
    from dynamics.games.penalties import PENALTIES
    from dynamics.games.update_rules import UPDATES
    from dynamics.settings.catalogue.scores import SCORE_GROUPS
    from dynamics.settings.presets import PRESETS
    from dynamics.studies import questions
    from dynamics.targets.registry import TARGETS

    registries = {
        "targets": [*TARGETS, "NAME.csv", "NAME.png", "NAME.toml"],
        "losses": LOSSES,
        "penalties": PENALTIES,
        "updates": UPDATES,
        "optimizers": OPTIMIZERS,
        "activations": ACTIVATIONS,
        "inits": INITS,
        "presets": PRESETS,
        "scores": SCORE_GROUPS,
        "studies": questions(),
    }
    assert in_process("list", "--json") == 0
    out, err = capsys.readouterr()
    listed = read_json(out)
    assert err == ""
    assert {title: list(names) for title, names in listed.items()} == {t: list(r) for t, r in registries.items()}
    assert in_process("list") == 0
    out, err = capsys.readouterr()
    assert err == ""
    shown = {}
    for line in out.splitlines():
        if line.startswith("  "):
            list(shown.values())[-1].append(line.split()[0])
        else:
            shown[line] = []
    assert shown == {title: list(registry) for title, registry in registries.items()}


def test_version(capsys):
    assert in_process("--version") == 0
    assert capsys.readouterr() == (f"{VERSION}\n", "")


@pytest.mark.parametrize("command", [None, *(c.name for c in app.registered_commands)])
def test_help(command, capsys):
    assert in_process(*([command] if command else []), "--help") == 0
    out, err = capsys.readouterr()
    assert err == ""
    if command in (None, "study"):
        assert all(flag(name) in out for name in FIELDS[Setting])
    assert "Usage: main.py" in out


def test_a_reader_that_leaves_early_is_no_failure(tmp_path):
    with start("--version", cwd=tmp_path) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0
