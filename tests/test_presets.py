"""Presets set options and nothing else; runs begin with other runs' players."""

import dataclasses

import numpy as np
import pytest

from GAN import make_pair
from options import read_options
from pipeline import run
from presets import PRESETS
from results import load
from settings import FIELDS, OptionError, Setting, Study
from store import RunFolder
from study import resolve, run_study
from train import train_stack


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_a_setting_that_trains(name):
    options = PRESETS[name].options
    assert set(options) <= set(FIELDS[Setting])
    (setting,) = read_options(None, {"preset": name}).study.settings
    assert setting == Setting(**options)
    *_, last = train_stack([setting], [0], 2, [2], evaluation=16)
    assert np.isfinite(last.samples).all()
    assert np.isfinite(last.curves).all()


def test_networks_are_as_published():
    (wgan,), (unrolled,), (pacgan,) = (read_options(None, {"preset": name}).study.settings for name in PRESETS)
    sizes = [tuple(network.sizes for network in make_pair([s], [0])) for s in (wgan, unrolled, pacgan)]
    assert sizes[0] == ((2, 512, 512, 512, 2), (2, 512, 512, 512, 1))
    assert sizes[1] == ((256, 128, 128, 2), (2, 128, 128, 1))
    assert sizes[2] == ((2, 400, 400, 400, 400, 2), (4, 200, 200, 200, 1))
    assert (wgan.rule, unrolled.rule, pacgan.rule) == ("alternating", "unrolled", "simultaneous")
    assert (unrolled.generator_lr, unrolled.discriminator_lr) == (1e-3, 1e-4)
    _, D = make_pair([pacgan], [0])
    assert [columns for _, columns in D.shapes] == [1000, 1000, 1000, 1]  # 200 units of 5 pieces
    assert D.flat[0, : D.used].std().item() == pytest.approx(0.02, rel=0.02)


def test_flags_win_over_a_preset():
    (setting,) = read_options(None, {"preset": "unrolled", "lr": "0.01", "mode": "grid_25"}).study.settings
    assert (setting.generator_lr, setting.discriminator_lr, setting.mode) == (0.01, 0.01, "grid_25")
    (setting,) = read_options(None, {"preset": "unrolled", "lr_d": "0.01"}).study.settings
    assert (setting.generator_lr, setting.discriminator_lr) == (1e-3, 0.01)
    several = read_options(None, {"preset": "pacgan", "packing": "1,2,4"}).study.settings
    assert [s.packing for s in several] == [1, 2, 4]
    with pytest.raises(OptionError, match=r"--preset unroled: .*did you mean unrolled"):
        read_options(None, {"preset": "unroled"})


# --- --from ----------------------------------------------------------------------------------------------------------

SMALL = Setting(mode="mixture_4", std=0.3, hidden=8, batch_size=16)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    study = Study(
        "s", "?", (SMALL, dataclasses.replace(SMALL, loss="lsgan")), steps=6, seeds=2, frames=2, weights="all"
    )
    path = tmp_path_factory.mktemp("run") / "source"
    run(resolve(study), path, look=None)
    return path


@pytest.mark.parametrize("train", ["g", "d", "both"])
def test_players_begin_as_another_run_left_them(source, train):
    kept = load(RunFolder.open(source)).weights
    setting = dataclasses.replace(SMALL, train=train, loss="lsgan")
    study = Study("s", "?", (setting,), steps=2, seeds=2, frames=1, weights="all", from_run=str(source))
    results = run_study(resolve(study))
    fresh = make_pair([SMALL] * 2, [0, 1])
    for m in range(2):
        theirs = kept[2 + m]  # of the run's second setting, which has the loss in common
        for player, (own, moves) in enumerate(zip(results.weights[m], (train != "d", train != "g"), strict=True)):
            taken = train == "both" or not moves
            begun = theirs[player][-1] if taken else fresh[player].flat[m].numpy().astype(np.float16)
            np.testing.assert_array_equal(own[0], begun)
            assert np.array_equal(own[-1], begun) != moves


def test_players_of_another_shape_are_refused(source):
    for options, said in (({"hidden": 9}, "of this shape"), ({"norm": "batch"}, "--norm none")):
        study = Study("s", "?", (dataclasses.replace(SMALL, **options),), steps=2, from_run=str(source))
        with pytest.raises(OptionError, match=said):
            run_study(resolve(study))


# --- targets from files ----------------------------------------------------------------------------------------------


def test_a_study_of_a_users_own_points(tmp_path):
    points = tmp_path / "my points, new.csv"
    points.write_text("x,y\n" + "\n".join(f"{k % 7},{k % 5}" for k in range(40)))
    study = resolve(Study("s", "?", (dataclasses.replace(SMALL, mode=str(points), std=None),), steps=4, frames=1))
    assert study.settings[0].std > 0
    results, folder = run(study, tmp_path / "run", look=None)
    assert results.names[0].startswith("my_points__new.csv-std")
    assert np.isfinite(results.scores["jsd"]).all()
    assert np.isnan(results.scores["modes_covered"]).all()
    assert load(folder).targets == results.targets
