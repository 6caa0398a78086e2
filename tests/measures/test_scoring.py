"""A stack's snapshot scored: the same numbers as each part gives, member by member, whatever the company."""

import dataclasses

import numpy as np
import pytest
import torch

from dynamics.base.streams import Streams
from dynamics.engine.training import train_stack
from dynamics.measures import critic_gap, eigenvalues, metrics
from dynamics.measures.lipschitz import lipschitz_scores
from dynamics.measures.scoring import Scorer, mode_count, null_scores
from dynamics.measures.transport import sliced_w2, w1_between, w2
from dynamics.reports.comparisons import comparison_rows
from dynamics.reports.tables import columns_of, text_table
from dynamics.runner.member_rows import summary_rows
from dynamics.runner.resolving import resolve
from dynamics.runner.running import run_study
from dynamics.settings.catalogue.matching import IncompleteEntry
from dynamics.settings.catalogue.scores import GROUPS, SCORE_GROUPS, score_names
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study
from dynamics.targets.registry import make_target
from dynamics.targets.sampling import draw_real

BASE = Setting(hidden=4, batch_size=16)
SETTINGS = [dataclasses.replace(BASE, mode=mode, std=0.3) for mode in ("ring_8", "mixture", "swiss_roll", "mixture")]


@pytest.fixture(scope="module", autouse=True)
def few_points():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(eigenvalues, "PROBE", 64)
        yield


def snapshot(settings, seeds):
    *_, last = train_stack(settings, seeds, 30, [30], evaluation=512)
    return last


@pytest.fixture(scope="module")
def scored():
    last = snapshot(SETTINGS, range(4))
    return last, Scorer(SETTINGS, range(4), tuple(SCORE_GROUPS), mode_count(SETTINGS))(last)


def test_every_score_of_the_catalogue_is_measured_and_no_other(scored, monkeypatch):
    last, scores = scored
    others = {"sample_mean", "on_data", "far_off", "mode_mass", "mode_shape"}
    assert set(scores) - others == set(score_names(tuple(SCORE_GROUPS)))
    one = GROUPS["transport"].scores
    scorer = Scorer(SETTINGS, range(4), ("transport",), mode_count(SETTINGS))
    monkeypatch.setitem(one, "w3", one["w2"])
    with pytest.raises(IncompleteEntry, match="nothing measures w3"):
        scorer(last)
    monkeypatch.delitem(one, "w3")
    monkeypatch.delitem(one, "w2")
    with pytest.raises((IncompleteEntry, KeyError), match="w2"):
        scorer(last)


def test_scores_are_those_of_their_parts(scored):
    last, scores = scored
    for m, setting in enumerate(SETTINGS):
        target = make_target(setting.mode, setting.std)
        samples = last.samples[m : m + 1]
        measured = metrics.measure(samples, target)
        expected = {name: values[0] for name, values in measured.scores.items()}
        expected |= {"w2": w2(samples, target)[0], "sliced_w2": sliced_w2(samples, target)[0]}
        for name, value in expected.items():
            assert np.array_equal(scores[name][m], value, equal_nan=True), name
        assert np.array_equal(scores["sample_mean"][m], measured.mean[0])
        count = 0 if measured.mass is None else measured.mass.shape[1]
        assert scores["mode_mass"].shape == (4, 8)
        assert np.isnan(scores["mode_mass"][m, count:]).all()
        if count:
            assert np.array_equal(scores["mode_mass"][m, :count], measured.mass[0])
    assert np.array_equal(scores["critic_gap"], critic_gap.critic_scores(last.G, last.D, SETTINGS)["critic_gap"])
    assert (scores["critic_gap"] > 0).all()
    z = Streams(range(4), "probe_latent").normal(256, 2)
    real = draw_real(
        [make_target(s.mode, s.std) for s in SETTINGS],
        256,
        Streams(range(4), "probe_choice"),
        Streams(range(4), "probe_noise"),
    )
    parts = lipschitz_scores(last.G, last.D, SETTINGS, torch.from_numpy(z), real)
    parts |= eigenvalues.spectrum_scores(last.players, last.rates(), SETTINGS, range(4), 30)
    assert set(parts) == {*GROUPS["lipschitz"].scores, *GROUPS["spectrum"].scores}
    for name, values in parts.items():
        assert np.array_equal(scores[name], values, equal_nan=True), name
    assert np.isfinite(scores["spectrum_expansion"]).all()
    assert np.isfinite(scores["w1"]).all()


def test_a_members_scores_do_not_depend_on_its_company(scored):
    _, among = scored
    last = snapshot(SETTINGS[2:3], [2])
    alone = Scorer(SETTINGS[2:3], [2], tuple(SCORE_GROUPS), 8)(last)
    for name, values in alone.items():
        # eigenvalues are found to 1e-4
        rtol = 1e-3 if name in GROUPS["spectrum"].scores else 1e-5
        np.testing.assert_allclose(values[0], among[name][2], rtol=rtol, equal_nan=True, err_msg=name)


def test_nulls_are_of_the_targets_own_samples():
    target = make_target("gaussian", 1.2)
    nulls = null_scores(target, ("transport", "critic"))
    assert set(nulls) == set(score_names(("transport", "critic")))
    assert np.isnan(nulls["critic_gap"][0])
    samples = metrics.null_samples(target)
    assert nulls["sliced_w2"][0] == pytest.approx(sliced_w2(samples, target).mean())
    assert nulls["jsd"] == metrics.null_scores(target)["jsd"]


def test_the_null_of_w1_is_that_of_two_batches_of_the_target():
    target = make_target("gaussian", 1.2)
    samples = metrics.null_samples(target)[:50]
    nulls = null_scores(target, ("lipschitz", "spectrum"))
    expected = [w1_between(one[None, 256:512], one[None, :256])[0] for one in samples]
    assert nulls["w1"] == pytest.approx((np.mean(expected), np.std(expected, ddof=1)), rel=1e-9)
    assert np.isnan([nulls[name][0] for name in ("w1_lower", "lipschitz_grid", "spectrum_period")]).all()


# --- averages of weights ---------------------------------------------------------------------------------------------


def test_a_study_has_scores_of_averages_as_soon_as_one_setting_keeps_one():
    plain, kept = dataclasses.replace(BASE, mode="mixture"), dataclasses.replace(BASE, mode="mixture", ema=0.5)
    how = {"name": "averages", "question": "", "steps": 6, "seeds": 2, "snapshots": 2, "frames": 0, "workers": "1"}
    results = run_study(resolve(Study(settings=(plain, kept), **how)))
    assert {name for name in results.scores if name.startswith("ema_")} == set(GROUPS["ema"].scores)
    assert not any(name.startswith("ema_") for name in score_names(Study(settings=(plain,), **how).score_groups))
    without, averaged = (np.array(results.of_setting(i)) for i in (0, 1))
    *_, last = train_stack([resolve(results.study).settings[1]] * 2, [0, 1], 6, [6], evaluation=metrics.EVALUATION)
    expected = metrics.measure(last.averaged, make_target("mixture", None)).scores
    for name in metrics.SCORES:
        assert np.isnan(results.scores[f"ema_{name}"][without]).all()
        assert np.array_equal(results.scores[f"ema_{name}"][averaged, -1], expected[name])
        assert all(null[f"ema_{name}"] == null[name] for null in results.null)
    assert not np.array_equal(expected["spread"], results.scores["spread"][averaged, -1])
    assert columns_of(results)[-2:] == ["ema_modes_covered", "ema_jsd"]
    header = text_table(results).splitlines()[0]
    assert "modes covered, average" in header
    assert "JSD, average, nats" in header
    rows = summary_rows(results)
    assert {"ema_jsd", "ema_jsd_z", "ema_modes_covered"} <= set(rows[0])
    assert comparison_rows(results)[1]["ema_jsd_mean"] == pytest.approx(expected["jsd"].mean())
    assert comparison_rows(results)[0]["ema_jsd_n"] == 0


def test_what_takes_longer_than_training_is_not_among_all():
    study = Study(name="s", question="", settings=(BASE,), scores="all")
    assert study.score_groups == tuple(group for group in SCORE_GROUPS if group != "spectrum")
    assert dataclasses.replace(study, scores="spectrum,critic").score_groups == ("critic", "spectrum")
    both = dataclasses.replace(study, settings=(BASE, dataclasses.replace(BASE, ema=0.9)))
    assert both.score_groups == ("ema", *study.score_groups)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["gaussian", "mixture_4", "ring_8", "swiss_roll"])
def test_the_targets_own_samples_have_z_scores_of_mean_0_and_standard_deviation_1(mode):
    target = make_target(mode, None)
    seeds = range(10**9, 10**9 + 200)  # none of the null's own
    drawn = draw_real([target] * 200, metrics.EVALUATION, Streams(seeds, "choice"), Streams(seeds, "noise")).numpy()
    scores = dict(metrics.measure(drawn, target).scores)
    scores |= {"w2": w2(drawn, target), "sliced_w2": sliced_w2(drawn, target)}
    compared = 0
    for name, (mean, deviation) in null_scores(target, ("transport",)).items():
        if np.isfinite(mean) and deviation > 0:  # all modes are covered in every draw: no z
            z = (scores[name] - mean) / deviation
            assert abs(z.mean()) < 0.2, name
            assert abs(z.std(ddof=1) - 1) < 0.2, name
            compared += 1
    assert compared >= (6 if target.modes is not None and len(target.modes.centres) > 1 else 4)
