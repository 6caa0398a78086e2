"""Presets set options and nothing else; runs begin with other runs' players."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from dynamics.cli.options import read_options
from dynamics.engine.training import train_stack
from dynamics.games.networks import make_pair
from dynamics.runner.loading import load
from dynamics.runner.resolving import resolve
from dynamics.runner.running import run_study
from dynamics.settings.messages import OptionError
from dynamics.settings.option_checks import parse
from dynamics.settings.option_fields import FIELDS
from dynamics.settings.presets import PRESETS
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study
from dynamics.store.folder import RunFolder
from dynamics.targets.registry import make_target
from dynamics.workflow import run


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_a_setting_that_trains(name):
    options = PRESETS[name].options
    assert set(options) <= set(FIELDS[Setting])
    (setting,) = read_options(None, {"preset": name}).study.settings
    assert setting == Setting(**options)
    *_, last = train_stack([setting], [0], 2, [2], evaluation=16)
    assert np.isfinite(last.samples).all()
    assert np.isfinite(last.curves).all()


def resolved(name):
    (setting,) = read_options(None, {"preset": name}).study.settings
    return setting


PUBLISHED = {  # by the sources that presets.py names: what their code has, read there
    "wgan_gp_toy": {
        "loss": "wasserstein",
        "penalties": {"gp": 0.1},
        "slope": 1,
        "d_steps": 5,
        "layers": 3,
        "hidden": 512,
        "latent_dim": 2,
        "batch_size": 256,
        "generator_lr": 1e-4,
        "discriminator_lr": 1e-4,
        "beta1": 0.5,
        "beta2": 0.9,
    },
    "unrolled": {
        "loss": "minimax",
        "penalties": {},
        "unroll": 5,
        "d_steps": 1,
        "layers": 2,
        "hidden": 128,
        "latent_dim": 256,
        "batch_size": 512,
        "generator_lr": 1e-3,
        "discriminator_lr": 1e-4,
        "beta1": 0.5,
        "beta2": 0.999,
        "init_gain": 1.4,
    },
    "pacgan": {
        "loss": "nonsaturating",
        "penalties": {},
        "packing": 2,
        "d_steps": 1,
        "layers": 4,
        "hidden": 400,
        "discriminator_shape": (200, 3, "maxout"),
        "pieces": 5,
        "norm": "batch",
        "latent_dim": 2,
        "batch_size": 2 * 100,  # a hundred packs
        "data_size": 100_000,
        "generator_lr": 1e-4,
        "discriminator_lr": 1e-4,
        "beta1": 0.8,
    },
}


@pytest.mark.parametrize("name", PRESETS)
def test_values_are_the_sources(name):
    setting = resolved(name)
    assert {field: getattr(setting, field) for field in PUBLISHED[name]} == PUBLISHED[name]


@pytest.mark.parametrize(
    ("name", "radius", "std"),
    [("wgan_gp_toy", 2 / 1.414, 0.02 / 1.414), ("unrolled", 1.0, 0.01), ("pacgan", 1.0, 0.01)],
)
def test_data_have_the_sources_scale(name, radius, std):
    """A penalty that asks for a slope of 1 depends on it, and so does every learning rate. Eight equal modes."""
    setting = resolved(name)
    modes = make_target(setting.mode, setting.std).modes
    angles = np.arange(8) * np.pi / 4
    order = np.argsort(np.round(np.arctan2(modes.centres[:, 1], modes.centres[:, 0]) % (2 * np.pi), 9))
    ring = radius * np.stack([np.cos(angles), np.sin(angles)], 1)
    np.testing.assert_allclose(modes.centres[order], ring, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(modes.weights, 1 / 8)
    np.testing.assert_allclose(modes.stds, std, rtol=1e-12)


def test_the_table_in_the_docs_says_what_presets_do():
    """Row by row, the source beside each value and every departure: nothing more, nothing less."""
    text = (Path(__file__).parents[2] / "docs" / "methods.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### `(\w+)`(.*?)(?=^##)", text, re.MULTILINE | re.DOTALL))
    assert list(sections) == list(PRESETS)
    for name, section in sections.items():
        preset, setting = PRESETS[name], resolved(name)
        assert section.startswith(f": {preset.help}\n\nSource: {preset.source}.\n")
        rows = re.findall(r"^\| `--([\w-]+)` \| `([^`]+)` \| ([^|]+) \|$", section, re.MULTILINE)
        assert len(rows) == section.count("\n|") - 2  # without the titles
        documented = {flag.replace("-", "_"): (value, source) for flag, value, source in rows}
        assert list(documented) == list(preset.values)
        for option, (value, source) in documented.items():
            assert parse(Setting, option, value) == preset.values[option].value == getattr(setting, option), option
            assert source == preset.values[option].source
        assert re.findall(r"^- (.+)$", section, re.MULTILINE) == list(preset.departs)


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
        for player, (weights, moves) in enumerate(zip(results.weights[m], (train != "d", train != "g"), strict=True)):
            taken = train == "both" or not moves
            begun = theirs[player][-1] if taken else fresh[player].flat[m].numpy().astype(np.float16)
            np.testing.assert_array_equal(weights[0], begun)
            assert np.array_equal(weights[-1], begun) != moves


def test_players_of_another_shape_are_refused(source):
    for options, message in (({"hidden": 9}, "of this shape"), ({"norm": "batch"}, "--norm none")):
        study = Study("s", "?", (dataclasses.replace(SMALL, **options),), steps=2, from_run=str(source))
        with pytest.raises(OptionError, match=message):
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
