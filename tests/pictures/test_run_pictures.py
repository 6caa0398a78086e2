"""What is drawn, against what was trained: kept weights give the kept samples, every picture shows the right one."""

import dataclasses
import importlib.util

import numpy as np
import pytest
import torch

from dynamics.engine.training import train_stack
from dynamics.pictures.density_maps import grid_points
from dynamics.pictures.member_scenes import ARROWS, RESOLUTION, scene, sketch
from dynamics.pictures.picture_plan import MOMENTS, _moments, check, plan
from dynamics.runner.loading import load
from dynamics.runner.resolving import resolve
from dynamics.runner.results import thinned
from dynamics.runner.running import run_study
from dynamics.runner.saving import manifest, save
from dynamics.settings.look import Look
from dynamics.settings.messages import OptionError
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study
from dynamics.store.folder import RunFolder

SMALL = {"hidden": 16, "batch_size": 32}


def study(**how):
    settings = (Setting(mode="mixture_4", **SMALL), Setting(mode="gaussian", d_steps=1, **SMALL))
    asked = {"steps": 60, "seeds": 3, "snapshots": 4, "frames": 3, "workers": "1"} | how
    return resolve(Study("n", "q", settings, **asked))


@pytest.fixture(scope="module")
def results():
    return run_study(study(weights="all"))


def sketched(results, member, **how):
    return sketch(results, member, np.arange(results.frame_steps.shape[1]), 4.0, "title", **how)


def test_kept_weights_give_the_kept_samples_and_what_d_said(results):
    for member in (1, 4):
        setting = results.study.settings[results.members[member].setting]
        made = scene(sketched(results, member), ("d", "optimal", "arrows", "map"))
        steps = results.frame_steps[results.members[member].setting].tolist()
        points = torch.from_numpy(grid_points(4.0, RESOLUTION)).float().reshape(1, -1, 2)
        snapshots = train_stack([setting], [results.members[member].seed], steps[-1], steps)
        for moment, snapshot in enumerate(snapshots):
            assert np.allclose(made.plane.samples[moment], snapshot.samples[0], atol=3e-3)
            with torch.no_grad():
                d = torch.sigmoid(snapshot.D(points)).reshape(RESOLUTION, RESOLUTION)
            assert np.allclose(made.d[moment], d, atol=5e-3)
            # an arrow's foot is a sample, and the arrow is where G's loss there falls
            x = torch.from_numpy(snapshot.samples[0, :ARROWS]).requires_grad_()
            loss = torch.nn.functional.softplus(-snapshot.D(x[None])).sum()
            (slope,) = torch.autograd.grad(loss, x)
            # but for the few beside a fold of ReLU, which float16 moves
            assert (np.abs(made.pull[moment] + slope.numpy()).max(1) < 1e-2).mean() > 0.9
            vertices, mass = made.lattice
            centre = torch.zeros(1, 1, 2)
            with torch.no_grad():
                assert np.allclose(
                    vertices[moment, mass.shape[0] // 2, mass.shape[1] // 2], snapshot.G(centre)[0, 0], atol=3e-3
                )


def test_weights_survive_the_folder(results, tmp_path):
    folder = RunFolder.create(tmp_path / "run")
    save(results, folder)
    folder.write_json("run.json", manifest(results))
    back = load(folder)
    assert list(back.weights) == list(results.weights) == list(range(6))
    for m, pair in results.weights.items():
        assert all(np.array_equal(a, b) and a.dtype == np.float16 for a, b in zip(pair, back.weights[m], strict=True))


def test_weights_are_kept_of_whom_was_asked(monkeypatch):
    shown = run_study(study())
    assert sorted(shown.weights) == sorted(shown.median_member(i) for i in (0, 1))
    assert sorted(run_study(study(), shown=2).weights) == [2, 5]
    assert run_study(study(weights="none")).weights == {}
    monkeypatch.setattr("dynamics.settings.budget.MOST_WEIGHTS", 10)
    assert sorted(run_study(study()).weights) == [0, 3]  # too many to hold until the shown seeds are known
    assert sorted(run_study(study(), shown=1).weights) == [1, 4]  # but of a seed that is asked for
    assert sorted(run_study(study(weights="all")).weights) == list(range(6))
    check(study(), Look(show="d", member=1))
    with pytest.raises(OptionError, match=r"layer d: .* choose one, as with --member 0"):
        check(study(), Look(show="d"))


def test_lines_of_a_loss_plot_are_those_of_the_game_that_was_played(results):
    """Of the setting's own α, and of its labels: D* = (1 − w) / 2, in the curve of the loss without the labels."""
    games = {
        (2.0, 2 - np.sqrt(2), 0.5): Setting(loss="alpha", alpha_d=0.5, alpha_g=2.0, **SMALL),
        (-np.log(0.4 * 0.6), -np.log(0.4), 0.4): Setting(penalty="label_smoothing:0.2", **SMALL),
        (None, None, None): Setting(train="d", **SMALL),
        (2.0, None, None): Setting(loss="hinge", **SMALL),
    }
    asked = Study("n", "q", tuple(games.values()), steps=4, frames=0, snapshots=1, workers="1")
    pictures = {p.path: p.arguments for p in plan(run_study(resolve(asked)), Look()) if p.path.endswith("losses.png")}
    drawn = [(p["equilibrium"].get("D"), p["equilibrium"].get("G"), p["chance"]) for p in pictures.values()]
    for expected in games:
        near = [all(a == b or (a and b and abs(a - b) < 1e-9) for a, b in zip(expected, f, strict=True)) for f in drawn]
        assert sum(near) == 1, expected


def test_the_best_d_of_a_frame_is_that_of_its_step(results):
    """Noise that falls to nothing in half of the run: the last frames are those of the same weights without any."""
    noisy = results.study.with_settings({"penalty": ["instance_noise:0.8"], "anneal": [30]})
    plain = scene(sketched(results, 1), ("optimal",)).optimal
    with_noise = scene(sketched(dataclasses.replace(results, study=noisy), 1), ("optimal",)).optimal
    late = results.frame_steps[0] >= 30
    assert 0 < late.sum() < len(late)
    for moment, same in enumerate(late):
        assert np.array_equal(plain[moment], with_noise[moment], equal_nan=True) == same


def test_a_look_that_cannot_be_drawn_is_refused_before_training(results):
    for look, word in (
        ({"member": 3}, "--member 3: the seeds are 0 to 2"),
        ({"show": "d,nonsense"}, "--show nonsense"),
        ({"show": "default,d"}, "stands alone"),
        ({"animation": "gif,avi"}, "--animation avi"),
        ({"format": "jpg"}, "--format jpg"),
        ({"size": 10}, "--size 10"),
    ):
        with pytest.raises(OptionError, match=word):
            check(results.study, Look(**look))
    bare = dataclasses.replace(results.study, weights="none")
    check(bare, Look(show="density,contours"))
    for together in ({"packing": 2}, {"minibatch_std": 1}):
        packed = results.study.with_settings({name: [value] for name, value in together.items()})
        check(packed, Look(show="density,optimal,map"))
        for layer in ("d", "difference", "arrows"):
            with pytest.raises(OptionError, match=rf"layer {layer}, --.*: D has no value at one point"):
                check(packed, Look(show=layer))
    with pytest.raises(OptionError, match=r"layer optimal.*--weights none"):
        check(bare, Look(show="density,optimal"))
    few = dataclasses.replace(results, weights={m: results.weights[m] for m in (0, 3)})
    plan(few, Look(show="d", member=0))
    with pytest.raises(OptionError, match=r"weights of seed 1 were not kept; of .* there are those of seed 0"):
        plan(few, Look(show="d", member=1))


def pictures(results, **look):
    return {picture.path: picture for picture in plan(results, Look(**look))}


def test_the_pictures_of_a_run(results):
    planned = pictures(results)
    each = ["density.gif", "seeds.gif", "frames.png", "losses.png"]
    targets = ["gaussian-std1.2", "mixture_4-std0.2"]
    whole = ["comparison.gif", "comparison.png", *(f"curves-{t}.png" for t in targets)]
    assert sorted(planned) == sorted([*whole, *(f"{name}/{file}" for name in results.names for file in each)])
    every = pictures(results, animation="webp,gif", format="pdf")
    stems = [path.rpartition(".") for path in planned]
    more = [f"{stem}.{'webp' if suffix == 'gif' else 'pdf'}" for stem, _, suffix in stems]
    assert sorted(every) == sorted([*planned, *more])
    lone = run_study(study(seeds=1, frames=0))
    assert not any(path.endswith(".gif") for path in pictures(lone))


def test_the_shown_seed_is_the_one_asked_for(results):
    median = [results.median_member(i) for i in (0, 1)]
    for look, members in (({}, median), ({"member": 2}, [2, 5])):
        planned = pictures(results, **look)
        for name, member in zip(results.names, members, strict=True):
            (one,) = planned[f"{name}/density.gif"].arguments["scenes"].values()
            assert one.seed == results.members[member].seed
            assert np.array_equal(one.plane.samples, results.samples[member].astype(np.float32))
        grid = planned["comparison.gif"].arguments["scenes"]
        assert sorted(s.seed for s in grid.values()) == sorted(results.members[m].seed for m in members)
    seeds = planned[f"{results.names[0]}/seeds.gif"].arguments["scenes"].values()
    assert [s.plane.title for s in seeds] == ["seed 0", "seed 1", "seed 2"]


def test_a_comparison_can_be_turned(results):
    one, other = (pictures(results, across=across)["comparison.gif"].arguments for across in ("settings", "targets"))
    assert (one["rows"], one["columns"]) == (other["columns"], other["rows"])
    assert one["rows"] == ["mixture_4 · std 0.2", "gaussian · std 1.2"]
    for (row, column), sketched in one["scenes"].items():
        assert np.array_equal(other["scenes"][column, row].plane.samples, sketched.plane.samples)


def test_layers_that_need_every_seeds_weights_are_left_out_where_these_are_not(results):
    seeds = f"{results.names[0]}/seeds.gif"
    assert pictures(results, show="d,arrows,strip")[seeds].arguments["layers"] == ["d", "arrows"]
    few = dataclasses.replace(results, weights={m: results.weights[m] for m in map(results.median_member, (0, 1))})
    assert pictures(few, show="d,contours")[seeds].arguments["layers"] == ["density", "contours"]
    assert pictures(few, show="samples,arrows")[seeds].arguments["layers"] == ["samples"]
    assert pictures(few, show="arrows")[seeds].arguments["layers"] == ["density", "contours"]


@pytest.mark.parametrize(("budget", "word"), [("steps", "step"), ("updates", "updates"), ("samples", "samples")])
def test_a_comparison_runs_on_what_all_spend_alike(budget, word):
    arguments = pictures(run_study(study(budget=budget)))["comparison.gif"].arguments
    # 2 D steps cost 3 updates and 64 samples a generator step, 1 D step 2 and 32
    spent = {"steps": [0, 20, 40, 60], "updates": [0, 40, 80, 120], "samples": [0, 640, 1280, 1920]}[budget]
    assert arguments["clock"] == word
    assert np.abs(np.array(arguments["steps"]) - spent).max() <= {"steps": 0, "updates": 1, "samples": 32}[budget]


def test_moments_are_denser_at_the_start_by_logarithm_and_even_if_asked():
    for count in (1, 2, 10, 11, 51, 201):
        log, linear = (_moments(count, Look(spacing=spacing)) for spacing in ("log", "linear"))
        for at in (log, linear):
            assert (at[0], at[-1]) == (0, count - 1)
            assert (np.diff(at) > 0).all()
            assert len(at) == min(count, len(at)) <= MOMENTS
        assert len(linear) == min(count, MOMENTS)
        assert np.median(log) <= np.median(linear)
    assert _moments(51, Look()).tolist() == [0, 1, 2, 3, 4, 7, 12, 19, 31, 50]  # each 1.63 times the one before


def test_fewer_frames_are_evenly_spread_ones_of_those_kept(results):
    fewer = thinned(results, 1)
    assert fewer.frame_steps.tolist() == [[0, 60], [0, 60]]
    assert np.array_equal(fewer.samples, results.samples[:, [0, -1]])
    assert np.array_equal(fewer.weights[4][1], results.weights[4][1][[0, -1]])
    assert thinned(results, 99) is results


def test_mp4_without_its_library_is_refused_before_training(results, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "av" else find(name, *more))
    check(results.study, Look(animation="webp"))
    with pytest.raises(OptionError, match=r"^--animation mp4: needs PyAV: pip install -r requirements-video\.txt$"):
        check(results.study, Look(animation="gif,mp4"))
