"""`Setting.changed`: what `dataclasses.replace` makes and refuses, with every option checked once for each value."""

import dataclasses
import math
import pickle
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamics.cli.options import read_options
from dynamics.settings import setting as setting_module
from dynamics.settings.catalogue.names import NAMES, SAME_NAMES
from dynamics.settings.messages import OptionError
from dynamics.settings.option_fields import FIELDS, default
from dynamics.settings.setting import Setting

REPLACE = dataclasses.replace
WRONG = [None, True, "", "x", "none", "1", b"1", [], (1,), {}, 1.5, -1, -2.0, 2**70, 10**400, math.nan, math.inf]
WORDS = {"mode": ["gaussian", "ring_8", "a.png", "b.toml"], "penalty": ["none", "gp", "gp_one_sided+r1", "consensus"]}
WORDS["penalty"] += ["label_smoothing:2", "label_smoothing", "gp+gp_one_sided"]


def values_of(name):
    """Values of an option that it may take, and some that it may not."""
    kind = FIELDS[Setting][name]
    if kind is str:
        return [*WORDS.get(name, NAMES.get(SAME_NAMES.get(name, name), ())), default(Setting, name), "nonsense"]
    return [default(Setting, name), 0, 1, 2, 3, 5, 64, 0.5, 1.0, 0.0, -0.0, 1e-3, None, -1, 1e7]


def outcome(make, *arguments, **values):
    """What is made, as bytes of its options (which tell 1 from 1.0 and 0.0 from -0.0), or the words that refuse it."""
    try:
        made = make(*arguments, **values)
    except OptionError as error:
        return str(error)
    return repr(dataclasses.asdict(made)), made.structure, hash(made), made


@pytest.mark.parametrize("name", FIELDS[Setting])
def test_a_wrong_value_is_refused_in_the_same_words(name):
    base = Setting()
    refused = 0
    for value in [*WRONG, *values_of(name)]:
        wanted = outcome(REPLACE, base, **{name: value})
        assert outcome(base.changed, **{name: value}) == wanted, value
        refused += isinstance(wanted, str)
    assert refused > 5


changes = st.dictionaries(st.sampled_from(list(FIELDS[Setting])), st.none(), min_size=1, max_size=5).flatmap(
    lambda names: st.fixed_dictionaries({name: st.sampled_from(values_of(name)) for name in names})
)


@settings(max_examples=400, deadline=None)
@given(st.lists(changes, min_size=1, max_size=3))
def test_changes_one_after_another_are_replacements(several):
    """Also what options refuse together, from whatever was made before; a setting made is like any other."""
    one = other = Setting()
    for values in several:
        assert one.structure  # kept with the setting that it is of
        made, wanted = outcome(one.changed, **values), outcome(REPLACE, other, **values)
        assert made == wanted
        if isinstance(made, str):
            return
        one, other = made[-1], wanted[-1]
        assert pickle.loads(pickle.dumps(one)) == Setting(**dataclasses.asdict(one)) == one
        assert list(vars(one))[: len(FIELDS[Setting])] == list(FIELDS[Setting])


def test_what_is_no_option_is_no_change():
    for name in ("steps", "structure", "nonsense"):
        with pytest.raises(TypeError, match=name):
            Setting().changed(**{name: 1})
    base = Setting(mode="ring_8")
    assert base.changed() is base
    assert base.changed(mode=base.mode, std=None) is base
    with pytest.raises(dataclasses.FrozenInstanceError):
        base.changed(d_steps=3).d_steps = 4


def test_a_study_of_two_d_steps_is_checked_once(tmp_path, monkeypatch):
    """From the command line to the report: no option of a setting is checked twice for one value, nor how they go
    together for one setting."""
    from dynamics.workflow import run

    checked, together = [], []
    check, conflicts = setting_module.check, setting_module.conflicts
    monkeypatch.setattr(setting_module, "check", lambda c, name, v: checked.append((name, v)) or check(c, name, v))
    monkeypatch.setattr(setting_module, "conflicts", lambda s: together.append(s) or conflicts(s))
    asked = {"d_steps": "1,3", "steps": "2", "snapshots": "1", "seeds": "2", "workers": "1"}
    results, _ = run(read_options(None, asked).study, tmp_path / "run", look=None)
    monkeypatch.undo()
    first = Setting()
    assert together == [first, *(REPLACE(first, d_steps=n) for n in (1, 3)), *results.study.settings]
    assert [(s.d_steps, s.std) for s in results.study.settings] == [(1, 1.2), (3, 1.2)]  # std filled in
    assert Counter(name for name, _ in checked) == Counter(FIELDS[Setting].keys()) + Counter(d_steps=2, std=2)
