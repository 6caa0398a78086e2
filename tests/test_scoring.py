"""A stack's snapshot scored: the same numbers as each part gives, member by member, whatever the company."""

import dataclasses

import numpy as np
import pytest

import critic
import metrics
from sample import draw_real, make_target
from scoring import SCORES, Scorer, mode_count, null_scores, score_names
from settings import SCORE_GROUPS, Setting
from streams import Streams
from tables import SCORES as TITLES
from train import train_stack
from transport import sliced_w2, w2

BASE = Setting(hidden=8, batch_size=16)
SETTINGS = [dataclasses.replace(BASE, mode=mode, std=0.3) for mode in ("ring_8", "mixture", "swiss_roll", "mixture")]


def snapshot(settings, seeds):
    *_, last = train_stack(settings, seeds, 30, [30], evaluation=512)
    return last


@pytest.fixture(scope="module")
def found():
    last = snapshot(SETTINGS, range(4))
    return last, Scorer(SETTINGS, range(4), tuple(SCORE_GROUPS), mode_count(SETTINGS))(last)


def test_every_group_is_measured_and_has_its_titles():
    assert set(SCORES) == {"", *SCORE_GROUPS}
    assert set(score_names(tuple(SCORE_GROUPS))) <= set(TITLES)
    assert score_names(()) == list(metrics.SCORES)


def test_scores_are_those_of_their_parts(found):
    last, scores = found
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
    assert np.array_equal(scores["critic_gap"], critic.critic_scores(last.G, last.D, SETTINGS)["critic_gap"])
    assert (scores["critic_gap"] > 0).all()


def test_a_members_scores_do_not_depend_on_its_company(found):
    _, among = found
    last = snapshot(SETTINGS[2:3], [2])
    alone = Scorer(SETTINGS[2:3], [2], tuple(SCORE_GROUPS), 8)(last)
    for name, values in alone.items():
        np.testing.assert_allclose(values[0], among[name][2], rtol=1e-5, equal_nan=True, err_msg=name)


def test_nulls_are_of_the_targets_own_samples():
    target = make_target("gaussian", 1.2)
    nulls = null_scores(target, ("transport", "critic"))
    assert set(nulls) == set(score_names(("transport", "critic")))
    assert np.isnan(nulls["critic_gap"][0])
    own = metrics.null_samples(target)
    assert nulls["sliced_w2"][0] == pytest.approx(sliced_w2(own, target).mean())
    assert nulls["jsd"] == metrics.null_scores(target)["jsd"]


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["gaussian", "mixture_4", "ring_8", "swiss_roll"])
def test_the_targets_own_samples_have_z_scores_of_mean_0_and_standard_deviation_1(mode):
    target = make_target(mode, None)
    seeds = range(10**9, 10**9 + 200)  # none of the null's own
    drawn = draw_real([target] * 200, metrics.EVALUATION, Streams(seeds, "choice"), Streams(seeds, "noise")).numpy()
    scores = dict(metrics.measure(drawn, target).scores)
    scores |= {"w2": w2(drawn, target), "sliced_w2": sliced_w2(drawn, target)}
    told = 0
    for name, (mean, deviation) in null_scores(target, ("transport",)).items():
        if np.isfinite(mean) and deviation > 0:  # all modes are covered in every draw: no z
            z = (scores[name] - mean) / deviation
            assert abs(z.mean()) < 0.2, name
            assert abs(z.std(ddof=1) - 1) < 0.2, name
            told += 1
    assert told >= (6 if target.modes is not None and len(target.modes.centres) > 1 else 4)
