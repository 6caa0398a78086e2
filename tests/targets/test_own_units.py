"""A user's own units: the same shape in other units is the same run, with lengths, places and axes in those units."""

from __future__ import annotations

import ast
import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dynamics.cli.app import main
from dynamics.measures.scoring import DISTANCES, SLOPES
from dynamics.pictures.plane_ticks import axis_ticks, plane_ticks
from dynamics.runner.loading import load
from dynamics.runner.setting_names import setting_labels, setting_names
from dynamics.settings.setting import Setting
from dynamics.store.folder import RunFolder
from dynamics.targets.registry import make_target
from dynamics.targets.user_units import PLANE, Placing, four_digits

ROOT = Path(__file__).parents[2]
SCALE, MIDDLE = 0.125, (60.0, -50.0)  # binary numbers, so that both ways are exact
SCORES = "transport,lipschitz,slopes"
QUICK = ["--steps", "30", "--snapshots", "10", "--frames", "3", "--hidden", "8", "--batch-size", "32", "--workers", "1"]
POINTS = np.round(np.random.default_rng(0).normal(0, 1.2, (60, 2)).clip(-4, 4) * 256) / 256
POINTS[:4] = [[-4, -4], [4, 4], [-4, 4], [4, -4]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same points in the plane and in units of 1/8, trained alike; a mixture in both as well."""
    home = tmp_path_factory.mktemp("units")
    user_points = POINTS / SCALE + MIDDLE
    folders = {}
    for name, points, std in (("plane", POINTS, 0.25), ("own", user_points, 2.0)):
        (home / name).mkdir()
        file = home / name / "points.csv"
        np.savetxt(file, points, delimiter=",", fmt="%.17g")
        folders[name] = home / name / "run"
        arguments = [
            *QUICK,
            "--mode",
            str(file),
            "--std",
            str(std),
            "--seeds",
            "2",
            "--scores",
            "transport,lipschitz,slopes",
        ]
        assert main([*arguments, "--quiet", "--out", str(folders[name])]) == 0
    return folders


def rows(run: Path) -> list[dict[str, str]]:
    with open(run / "summary.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_same_points_in_other_units_are_the_same_run(runs: dict[str, Path]) -> None:
    """To the bit: what is relative is the same, lengths are 1 / scale as long, slopes scale times as steep."""
    for plane, user in zip(rows(runs["plane"]), rows(runs["own"]), strict=True):
        for name in plane.keys() - {"setting", "mode", "std"}:
            if name in DISTANCES:
                assert float(user[name]) == float(plane[name]) / SCALE > 0, name
            elif name in SLOPES:
                assert float(user[name]) == float(plane[name]) * SCALE > 0, name
            elif name.endswith("_z"):
                assert float(user[name] or 0) == pytest.approx(float(plane[name] or 0), rel=1e-9), name
            else:
                assert user[name] == plane[name], name
        assert user["setting"] == "points.csv-std2-d2"


def test_samples_and_means_are_exported_in_own_units(runs: dict[str, Path]) -> None:
    plane, user = (np.load(runs[name] / "frames.npz")["samples"] for name in ("plane", "own"))
    assert (plane.dtype, user.dtype) == (np.float16, np.float64)
    np.testing.assert_array_equal(user, plane.astype(float) / SCALE + MIDDLE)
    plane, user = (np.load(runs[name] / "history.npz")["sample_mean"] for name in ("plane", "own"))
    np.testing.assert_allclose(user, plane / SCALE + MIDDLE, rtol=1e-14)


def test_a_run_read_back_is_the_run_it_was(runs: dict[str, Path]) -> None:
    plane, user = (load(RunFolder.open(runs[name])) for name in ("plane", "own"))
    np.testing.assert_array_equal(user.samples, plane.samples)  # in memory, both are in the plane
    assert user.samples.dtype == np.float16
    assert user.verdicts == plane.verdicts
    assert user.null[0]["w2"] == pytest.approx(np.array(plane.null[0]["w2"]) / SCALE)


def test_all_say_what_was_done(runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    note = "60 points, moved by (-60, 50) and scaled by 0.125; shown, and asked for, in the file's own units"
    words = f"points.csv: {note}"
    run = json.loads((runs["own"] / "run.json").read_text())
    assert run["targets"]["points.csv"]["middle"] == list(MIDDLE)
    assert run["targets"]["points.csv"]["scale"] == SCALE
    assert run["targets"]["points.csv"]["note"] == note
    for report in ("report.md", "report.html"):
        text = (runs["own"] / report).read_text().replace("&#39;", "'")
        assert words in text
        assert "moved by" not in (runs["plane"] / report).read_text()
    file = str(runs["own"].parent / "points.csv")
    assert main(["--mode", file, "--dry-run"]) == 0
    assert words in capsys.readouterr().out
    assert main([*QUICK, "--mode", file, "--no-figures", "--out", str(tmp_path / "run")]) == 0
    printed = capsys.readouterr()
    assert f"note: {words}\n" in printed.err
    assert words in " ".join(printed.out.split())
    assert main(["--mode", file, "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["targets"]["points.csv"]["scale"] == SCALE


def test_pictures_differ_in_the_numbers_at_their_axes_alone(runs: dict[str, Path]) -> None:
    """The planes of both runs are the same pixels; what is beside them is not."""
    names = {"plane": "points.csv-std0.25-d2", "own": "points.csv-std2-d2"}
    last = {}
    for name, run in runs.items():
        with Image.open(run / names[name] / "density.gif") as image:
            image.seek(image.n_frames - 1)
            last[name] = np.asarray(image.convert("RGB")).astype(int)

    # the frame of a plane is the longest run of one grey from left to right
    def window(pixels: np.ndarray) -> np.ndarray:
        dark = np.abs(pixels - [118, 118, 118]).sum(-1) < 60
        long = np.flatnonzero(dark.sum(1) > 0.6 * pixels.shape[1])
        left, right = np.flatnonzero(dark[long[0]])[[0, -1]]
        below = next(y for y in long if y > long[0] + 100)
        return pixels[long[0] + 1 : below, left + 1 : right]

    plane, user = window(last["plane"]), window(last["own"])
    np.testing.assert_array_equal(plane, user)
    assert len(plane) > 300
    assert last["plane"].shape != last["own"].shape or (last["plane"] != last["own"]).any()


@pytest.mark.parametrize(
    ("middle", "scale", "half_width", "x", "y"),
    [
        ((60.0, 50.0), 0.08, 5.0, ["50", "100"], ["0", "50", "100"]),
        ((60.0, 50.0), 0.1, 5.0, ["20", "40", "60", "80", "100"], ["20", "40", "60", "80"]),
        ((0.0, 0.0), 8e3, 5.0, ["−5e-4", "0", "5e-4"], ["−5e-4", "0", "5e-4"]),
        ((2e6, -3e6), 8e-6, 5.0, ["1.5e6", "2e6", "2.5e6"], ["−3.5e6", "−3e6", "−2.5e6"]),
        ((1000.25, 0.0), 8.0, 5.0, ["1000.0", "1000.5"], ["−0.5", "0.0", "0.5"]),
        ((1e6, 0.0), 8.0, 5.0, ["999999.5", "1000000.0", "1000000.5"], ["−0.5", "0.0", "0.5"]),
    ],
)
def test_ticks_are_round_numbers_where_they_are(
    middle: tuple[float, float], scale: float, half_width: float, x: list[str], y: list[str]
) -> None:
    placing = Placing(middle, scale)
    for axis, (along, labels) in enumerate(zip(axis_ticks(half_width, placing), (x, y), strict=True)):
        numbers = [float(word.replace("−", "-")) for word in along.values()]
        np.testing.assert_allclose((np.array(numbers) - middle[axis]) * scale, list(along), atol=1e-9)
        assert np.abs(list(along)).max() <= 0.95 * half_width
        assert numbers == [float(word.replace("−", "-")) for word in labels]


def test_ticks_of_the_plane_stay() -> None:
    for half_width in (3.5, 5.0, 7.5):
        x, y = axis_ticks(half_width, PLANE)
        assert list(x) == list(y) == plane_ticks(half_width)


def test_labels_have_four_digits_or_as_many_as_tell_them_apart() -> None:
    long, near = 0.954541380262494, 0.954543210987654
    assert setting_labels([Setting(std=long)]) == [("gaussian · std 0.9545", "2 D steps")]
    assert setting_names([Setting(std=long)]) == ["gaussian-std0.9545-d2"]
    assert len(set(setting_names([Setting(std=long), Setting(std=near)]))) == 2
    assert len({label for label, _ in setting_labels([Setting(std=long), Setting(std=near)])}) == 2
    assert setting_names([Setting(std=0.2), Setting(std=1.2)]) == ["gaussian-std0.2-d2", "gaussian-std1.2-d2"]


def test_the_default_std_has_four_digits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savetxt(tmp_path / "p.csv", POINTS[4:] * 1e4, delimiter=",")
    assert main(["--mode", str(tmp_path / "p.csv"), "--dry-run", "--json"]) == 0
    std = json.loads(capsys.readouterr().out)["settings"][0]["std"]
    assert std == float(f"{std:.3e}")
    exact = make_target(str(tmp_path / "p.csv")).user_std
    assert std == pytest.approx(exact, rel=5.1e-4)
    for value in (0.954541380262494, 1.2, 9.9996e-7, 123456.0, 99995.0):
        for up in (False, True):
            rounded = four_digits(value, up=up)
            assert rounded == float(f"{rounded:.3e}")
            assert abs(rounded / value - 1) <= (1e-3 if up else 5e-4) * (1 + 1e-9)
            assert not up or rounded >= value


def test_stds_are_in_own_units(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is far too wide for the plane may be narrow: of kilometres in metres, and of metres in kilometres."""
    for factor in (1e6, 1e-6):
        np.savetxt(tmp_path / "p.csv", POINTS * factor, delimiter=",", fmt="%.17g")
        path = str(tmp_path / "p.csv")
        assert make_target(path, 0.3 * factor).std == pytest.approx(0.3)
        assert main(["--mode", path, "--std", f"{0.3 * factor}", "--dry-run"]) == 0
        capsys.readouterr()
        assert main(["--mode", path, "--std", f"{0.009 * factor}", "--dry-run"]) == 2
        assert (
            f"std of {path} must be at least {0.01 * factor:.4g}, not {0.009 * factor:.4g}" in capsys.readouterr().err
        )
        assert main(["--mode", path, "--variance", f"{(1001 * factor) ** 2}", "--dry-run"]) == 2
        assert f"at most {1000 * factor:.4g}" in capsys.readouterr().err


def test_every_setting_s_target_is_its_whole(tmp_path: Path) -> None:
    """A target made of a setting's mode and std alone would forget that its picture is inverted."""
    for path in [*ROOT.glob("*.py"), *ROOT.glob("experiments/*.py"), *ROOT.glob("docs/*.py")]:
        if path.name == "sample.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "make_target":
                passed: Any = [a for a in node.args if isinstance(a, ast.Attribute) and a.attr in ("mode", "std")]
                assert not passed, f"{path.name}, line {node.lineno}: target_for(setting)"


# --- a mixture, all the way -------------------------------------------------------------------------------------------


def test_a_mixture_as_written_trains_as_the_built_in_one_does(tmp_path: Path) -> None:
    """mixture_4 as a file: every number of every member, to the bit, and every verdict and event."""
    (tmp_path / "four.toml").write_text("centres = [[2, 2], [-2, 2], [-2, -2], [2, -2]]\nstds = 0.2\n")
    folders = {}
    for mode in ("mixture_4", str(tmp_path / "four.toml")):
        out = tmp_path / f"run-{len(folders)}"
        arguments = [*QUICK, "--mode", mode, "--seeds", "2", "--scores", "transport,critic", "--no-figures", "--quiet"]
        assert main([*arguments, "--out", str(out)]) == 0
        folders[mode] = out
    built_in, written = folders.values()
    for one, other in zip(rows(built_in), rows(written), strict=True):
        assert one["d_loss_swing"] == other["d_loss_swing"]
        for name in one.keys() - {"setting", "mode", "std"}:
            if re.fullmatch(r"-?[\d.]+(e-?\d+)?", one[name]):
                assert float(other[name]) == pytest.approx(float(one[name]), rel=1e-6, abs=1e-9), name
            else:
                assert other[name] == one[name], name
    histories = [np.load(run / "history.npz") for run in folders.values()]
    for name in ("d_loss", "g_loss"):
        np.testing.assert_array_equal(*(h[name] for h in histories))
    np.testing.assert_array_equal(*(np.load(run / "frames.npz")["samples"] for run in folders.values()))
    assert (written / "targets" / "four.toml").read_bytes() == (tmp_path / "four.toml").read_bytes()


def test_unequal_modes_go_through_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every score but the slow one, every layer, the report, drawn again and reported again without the file."""
    file = tmp_path / "mine.toml"
    file.write_text(
        "centres = [[20, 20], [-20, -10], [0, -30]]\nweights = [3, 1, 1]\n"
        "covariances = [[[4, 0], [0, 4]], [[100, 30], [30, 50]], [[20, -10], [-10, 10]]]\n"
    )
    out = str(tmp_path / "run")
    layers = "density,map,d,optimal,difference,contours,samples,arrows,strip"
    arguments = [
        *QUICK,
        "--mode",
        f"{file},gaussian",
        "--seeds",
        "2",
        "--scores",
        "all",
        "--show",
        layers,
        "--size",
        "1200",
    ]
    assert main([*arguments, "--out", out]) == 0
    printed = capsys.readouterr()
    assert "mine.toml: 3 modes, moved by (12, 6.74342) and scaled by 0.105263; shown, and asked" in printed.err
    names = ["mine.toml-d2", "gaussian-std1.2-d2"]
    for name in names:
        assert {"density.gif", "seeds.gif", "frames.png", "losses.png", "scores.png"} <= {
            p.name for p in (tmp_path / "run" / name).iterdir()
        }
    first = rows(Path(out))
    assert {row["setting"] for row in first} == set(names)
    assert all(row["std"] == "" for row in first if row["setting"] == "mine.toml-d2")
    assert all(0 <= float(row["high_quality"]) <= 1 and row["w2"] and row["critic_gap"] for row in first)
    file.unlink()
    before = {p: p.read_bytes() for p in (tmp_path / "run").rglob("*.png")}
    assert main(["render", out, "--workers", "1", "--quiet"]) == 0
    assert {p: p.read_bytes() for p in (tmp_path / "run").rglob("*.png")} == before
    assert main(["report", out]) == 0
    assert main(["resume", out, "--quiet"]) == 0
    assert "mine.toml" in capsys.readouterr().out
