"""A session: any step of its past again, forks that are their parent until they differ, changes, bounded memory."""

import dataclasses

import numpy as np
import pytest

from dynamics.engine import session as module
from dynamics.engine.session import CourseCurves, Session
from dynamics.engine.training import train_stack
from dynamics.settings.messages import OptionError
from dynamics.settings.setting import Setting

SMALL = Setting(mode="mixture_4", std=0.3, hidden=8, batch_size=16)
KINDS = {
    "plain": {},
    "a penalty": {"penalty": "gp"},
    "lookahead": {"update": "lookahead", "lookahead_k": 3, "g_steps": 2},
    "spectral, averaged": {"penalty": "spectral", "ema": 0.9},
}


def session(setting=SMALL, members=2, **options):
    settings = [dataclasses.replace(setting, lr=1e-3 * (1 + m)) for m in range(members)]
    return Session(settings, range(members), evaluation=32, every=7, **options)


def bits(snapshot):
    return [a.tobytes() for a in (snapshot.samples, snapshot.G.flat.numpy(), snapshot.D.flat.numpy())]


def headless(played, steps, members=2):
    """What `train_stack` makes of a session's settings."""
    (last,) = train_stack(played.settings, range(members), steps, [steps], evaluation=32)
    return bits(last)


@pytest.mark.parametrize("name", KINDS)
def test_it_is_the_headless_game_and_any_step_is_shown_again_bit_for_bit(name):
    played = session(dataclasses.replace(SMALL, **KINDS[name]))
    seen = {0: bits(played.look())}
    for step in range(1, 41):
        played.advance()
        seen[step] = bits(played.look())
    assert seen[40] == headless(played, 40)
    for step in (33, 0, 7, 6, 8, 40, 1):  # to and fro
        assert bits(played.at(step)) == seen[step], step
    assert bits(played.look()) == seen[40]
    played.advance(5)
    assert bits(played.look()) == headless(played, 45)


def test_steps_at_a_time_make_no_difference():
    one, many = session(), session()
    one.advance(40)
    for _ in range(40):
        many.advance()
    assert bits(one.look()) == bits(many.look())
    assert np.array_equal(one.curves.values[1], many.curves.values[1])


@pytest.mark.parametrize("name", KINDS)
def test_a_fork_without_a_change_is_its_parent(name):
    parent = session(dataclasses.replace(SMALL, **KINDS[name]))
    parent.advance(40)
    for step in (0, 7, 18, 40):
        fork = parent.fork(step)
        fork.advance(40 - step)
        assert bits(fork.look()) == bits(parent.look()), step
        assert np.array_equal(fork.curves.values[1], parent.curves.values[1])


@pytest.mark.parametrize("step", [0, 7, 18, 30])
def test_a_fork_with_a_change_is_the_headless_run_of_its_schedule_and_leaves_its_parent(step):
    parent = session()
    parent.advance(30)
    before = bits(parent.look())
    fork = parent.fork(step, d_steps=1, lr_g=0.01)
    fork.advance(45 - step)
    assert bits(fork.look()) == headless(fork, 45)
    assert bits(parent.look()) == before
    parent.advance(15)
    assert bits(parent.look()) == headless(parent, 45) != bits(fork.look())
    if step:
        assert fork.settings[0].schedule == f"{step}: d-steps=1 lr-g=0.01"
        assert bits(fork.at(step)) == bits(parent.at(step))


def test_changes_in_play_are_one_schedule_and_a_fork_has_those_before_it():
    played = session()
    played.advance(10)
    played.change(d_steps=3)
    played.change(beta1=0.5)
    played.advance(10)
    played.change(update="optimistic", n_critic=1)
    played.advance(10)
    assert played.settings[0].schedule == "10: d-steps=3 beta1=0.5; 20: update=optimistic d-steps=1"
    assert bits(played.look()) == headless(played, 30)
    assert played.fork(15).settings[0].schedule == "10: d-steps=3 beta1=0.5"
    assert played.fork(20, loss="hinge").settings[0].schedule.endswith("20: update=optimistic d-steps=1 loss=hinge")
    assert bits(played.at(9)) == bits(played.fork(9).look())


def test_what_cannot_be_changes_nothing():
    played = session()
    played.advance(10)
    before, settings = bits(played.look()), played.settings
    for change in ({"update": "extragradient"}, {"hidden": 9}, {"lr": -1.0}, {"loss": "none"}, {"nothing": 1}):
        with pytest.raises((OptionError, TypeError)):
            played.change(**change)
    assert played.settings == settings
    played.advance(5)
    assert bits(played.look()) == headless(played, 15)
    assert before != bits(played.look())
    with pytest.raises(ValueError, match="step 16 has not been played"):
        played.at(16)


def test_rewound_it_plays_the_same_again_or_another_game():
    played = session()
    played.advance(20)
    played.change(d_steps=1)
    played.advance(20)
    once = bits(played.look())
    played.rewind(12)
    assert (played.step, played.settings[0].schedule, played.curves.steps) == (12, "none", 12)
    played.advance(8)
    played.change(d_steps=1)
    played.advance(20)
    assert bits(played.look()) == once


def test_kept_states_stay_within_their_memory_and_are_the_denser_the_newer():
    one = sum(values.nbytes for values in session().state_at(0).values())
    played = session(memory=12 * one)
    played.advance(7 * 300)
    steps = played.kept_steps
    assert len(steps) == 12
    assert (steps[0], steps[-1]) == (0, 2100)
    gaps, ages = np.diff(steps), 2100 - np.array(steps[:-1])
    assert (gaps <= np.maximum(7, 0.75 * ages)).all()  # so the way back to any step is less than its age
    assert bits(played.at(1000)) == headless(played, 1000)


def test_a_session_whose_state_is_larger_than_its_memory_still_goes_back():
    played = session(memory=1)
    played.advance(40)
    assert len(played.kept_steps) == 2
    assert bits(played.at(20)) == headless(played, 20)


def test_curves_are_means_whose_width_doubles(monkeypatch):
    monkeypatch.setattr(module, "ENTRIES", 8)
    rng = np.random.default_rng(0)
    values = rng.normal(size=(4, 3, 45))
    curves = CourseCurves(3)
    for start, stop in ((0, 3), (3, 20), (20, 45)):
        curves.add(start, values[..., start:stop])
    ends, means = curves.values
    assert ends.tolist() == [8, 16, 24, 32, 40, 45]
    for i, end in enumerate(ends):
        np.testing.assert_allclose(means[..., i], values[..., 8 * i : end].mean(2), rtol=1e-6)
    ends, early = curves.until(20).values
    assert ends.tolist() == [8, 16, 20]
    np.testing.assert_array_equal(early[..., :2], means[..., :2])
    np.testing.assert_allclose(early[..., 2], means[..., 2], rtol=1e-6)  # the mean of the entry that is cut
    with pytest.raises(ValueError, match="at step 45, not 44"):
        curves.add(44, values[..., :1])


def test_members_that_change_keep_one_structure():
    played = session()
    played.advance(4)
    with pytest.raises(ValueError, match="structure"):
        Session([SMALL, dataclasses.replace(SMALL, hidden=9)], [0, 1])
    played.change(penalty="r1:3")
    played.advance(4)
    assert bits(played.look()) == headless(played, 8)
