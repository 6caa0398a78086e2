"""A schedule from the command line to scores, verdicts, pictures and costs: each judges by the setting in force."""

import dataclasses

import numpy as np
import pytest

from dynamics.cli.options import read_options
from dynamics.engine.training import train_stack
from dynamics.measures.critic_gap import critic_scores
from dynamics.measures.scoring import Scorer
from dynamics.measures.verdicts import judge
from dynamics.pictures.member_scenes import scene, sketch
from dynamics.runner.gathering import _course
from dynamics.runner.resolving import resolve
from dynamics.runner.results import swing
from dynamics.runner.running import run_study
from dynamics.settings.budget import samples_seen, updates
from dynamics.settings.distinct import as_played, has_effect, merged
from dynamics.settings.messages import OptionError
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study
from dynamics.targets.registry import target_for

SMALL = Setting(mode="mixture_4", std=0.3, hidden=8, batch_size=16)


def scheduled(schedule, **options):
    return dataclasses.replace(SMALL, schedule=schedule, **options)


# --- what is asked ----------------------------------------------------------------------------------------------------


def test_a_change_waits_for_the_next_round_and_one_that_changes_nothing_is_none():
    phases = scheduled("4: g-steps=2; 5: lr=0.01; 7: lr=0.02; 12: lr=0.02", g_steps=3).phases
    assert [first for first, _ in phases] == [0, 6, 8]
    assert [(p.g_steps, p.lr) for _, p in phases] == [(3, 1e-3), (2, 0.01), (2, 0.02)]
    assert scheduled("5: d-steps=2").phases == ((0, SMALL),)  # what it is already
    assert scheduled("5: n-critic=3").phases[1][1].d_steps == 3  # by another name of the option
    assert [scheduled("5: lr=1").in_force(step).lr for step in (0, 1, 5, 6)] == [1e-3, 1e-3, 1e-3, 1]


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("soon", "must be none, or like"),
        ("5: ", "must be none, or like"),
        ("5: d-steps", "must be none, or like"),
        ("5: lr=1; 5: lr=2", "steps must ascend"),
        ("0: lr=1", "the first be at least 1"),
        ("5: d-stepz=1", "did you mean d-steps"),
        ("5: hidden=7", "cannot change in mid-training; these can: d-steps"),
        ("5: lr=x", "--schedule 5: lr x: must be a finite number"),
        ("5: lr=1 lr=2", "stands there twice"),
        ("5: update=extragradient", "from step 5 on: --update extragradient, --d-steps 2"),
        ("5: loss=hinge penalty=label_smoothing", "has no labels to smooth"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(schedule, words):
    with pytest.raises(OptionError) as caught:
        scheduled(schedule)
    assert words in str(caught.value)
    assert str(caught.value).startswith("--schedule")
    assert "\n" not in str(caught.value)


def test_noise_that_anneals_cannot_be_changed():
    scheduled("5: lr=1", penalty="instance_noise", anneal=10)
    with pytest.raises(OptionError, match="--anneal counts from the first step"):
        scheduled("5: penalty=none", penalty="instance_noise", anneal=10)


@pytest.mark.parametrize(
    ("options", "words"), [({"steps": 5}, "after the last step"), ({"budget": "samples"}, "changes")]
)
def test_a_study_refuses_a_change_that_never_comes_and_a_budget_that_it_would_upset(options, words):
    with pytest.raises(OptionError, match=words):
        Study(name="n", question="q", settings=(scheduled("5: lr=0.01"),), **options)


def test_schedules_are_swept_and_those_of_one_game_are_one():
    asked = read_options(None, {"schedule": "none,5: lr=0.001,5: lr=0.01 d-steps=1,5: d-steps=1 lr=1e-2", "steps": "9"})
    assert [s.schedule for s in asked.study.settings] == ["none", "5: lr=0.01 d-steps=1"]
    assert any("--schedule makes no difference" in note for note in asked.study.notes)


def test_an_option_has_effect_where_a_later_setting_uses_it():
    later = scheduled("5: update=unrolled")
    assert has_effect(later, "unroll")
    assert not has_effect(scheduled("5: update=unrolled unroll=3"), "unroll")
    assert len(merged([later, dataclasses.replace(later, unroll=3)])[0]) == 2
    assert as_played(scheduled("5: lr=0.001")) == as_played(SMALL)


# --- what it costs ----------------------------------------------------------------------------------------------------


def test_updates_and_samples_are_counted_phase_by_phase():
    """By going through the rounds one by one."""
    setting = scheduled("4: g-steps=2 d-steps=3; 9: train=g; 12: train=both batch-size=8", g_steps=3, warmup=2)
    made, seen = 2, 2 * 16
    for step in range(20):
        phase = setting.in_force(step + 1)
        first = max(f for f, _ in setting.phases if f <= step)
        if (step - first) % phase.g_steps == 0 and phase.train != "g":
            made, seen = made + phase.d_steps, seen + phase.d_steps * phase.batch_size
        made += phase.train != "d"
        assert updates(setting, step + 1) == made, step
        assert samples_seen(setting, step + 1) == seen, step


# --- how it is judged -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run():
    settings = (
        scheduled("20: loss=lsgan lr=0.01 penalty=label_smoothing"),
        SMALL,
    )
    study = Study(
        name="n", question="q", settings=settings, steps=40, snapshots=8, frames=4, scores="critic", weights="all"
    )
    return run_study(resolve(study))


def test_scores_of_d_are_those_of_the_game_that_is_played(run):
    setting = run.study.settings[0]
    for snapshot in train_stack([setting], [0], 40, [20, 25]):
        measured = Scorer([setting], [0], ("critic",), 4)(snapshot)
        played = dataclasses.replace(setting.in_force(snapshot.step))
        assert played.loss == {20: "nonsaturating", 25: "lsgan"}[snapshot.step]
        expected = critic_scores(snapshot.G, snapshot.D, [played], snapshot.step)
        at = run.snapshot_steps[0].tolist().index(snapshot.step)
        for name in ("critic_gap", "g_loss_optimal"):
            assert measured[name] == expected[name]
            assert run.scores[name][0, at] == expected[name][0]


def test_the_verdict_is_on_the_course_from_the_last_change_on(run):
    course = _course(run, 0)
    late = course.since(20)
    assert late.steps.tolist() == [25, 30, 35, 40]
    assert np.array_equal(late.jsd, course.jsd[5:])
    assert np.array_equal(late.mass, course.mass[5:])
    assert run.verdicts[0] == judge(late, target_for(run.study.settings[0]), run.null[0])
    assert course.since(0) is course
    assert course.since(40).steps.tolist() == [40]  # a change after the last look: what is seen of it


def test_a_swing_is_over_the_last_half_of_what_follows_the_change():
    steps = np.arange(1, 101)[None]
    values = np.where(steps <= 60, 1000.0 * np.sin(steps), np.sin(steps))
    assert swing(values, steps, [40])[0] == pytest.approx(swing(values[:, 40:], steps[:, 40:] - 40)[0])
    assert swing(values, steps, [40])[0] < 2 < swing(values, steps)[0]


def test_d_star_is_drawn_of_the_game_that_is_played(run):
    """With labels of 0.9 the best D is at most 0.9: after the change, not before."""
    frames = np.arange(5)
    drawn = scene(sketch(run, 0, frames, 4.0, ""), ("optimal",)).optimal
    most = np.nanmax(drawn.reshape(5, -1), 1)
    assert (most[:3] > 0.99).all()
    assert (most[3:] <= 0.9 + 1e-6).all()
