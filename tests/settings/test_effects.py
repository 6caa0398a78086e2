"""Which options have an effect in which settings: what is declared, against bits of training."""

import dataclasses
import itertools

import pytest
import torch

from dynamics.engine.training import train_stack
from dynamics.settings.catalogue.names import NAMES
from dynamics.settings.distinct import as_played, has_effect, idle_option, merged
from dynamics.settings.messages import OptionError
from dynamics.settings.option_fields import FIELDS, metadata
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study

SMALL = Setting(mode="mixture_4", std=0.3, hidden=4, batch_size=8, d_steps=1)
OTHER = {  # option -> a value other than SMALL's, with which something else is trained wherever it has an effect at all
    "alpha_d": 2.0,
    "alpha_g": 2.0,
    "penalty_weight": 2.0,
    "slope": 0.2,
    "anneal": 2,
    "unroll": 1,
    "lookahead_k": 2,
    "lookahead_alpha": 0.8,
    "optimizer": "sgd",
    "optimizer_g": "sgd",
    "optimizer_d": "sgd",
    "lr": 1e-2,
    "lr_g": 1e-2,
    "lr_d": 1e-2,
    "beta1": 0.5,
    "beta2": 0.5,
    "momentum": 0.5,
    "pieces": 3,
}
CIRCUMSTANCES = [  # settings in each of which some options have an effect and others none
    {},
    {"loss": "alpha"},
    {"loss": "alpha_minimax", "optimizer": "rmsprop"},
    {"penalty": "gp"},
    {"penalty": "gp:0.5"},
    {"penalty": "gp:0+r1:1"},
    {"penalty": "instance_noise:0.3+dragan"},
    {"penalty": "clip"},
    {"update": "unrolled"},
    {"update": "unrolled", "train": "g", "optimizer_d": "momentum"},
    {"update": "lookahead", "lr_g": 1e-3},
    {"update": "extragradient", "optimizer": "momentum"},
    {"update": "optimistic", "train": "g"},
    {"update": "simultaneous", "lr_g": 1e-3, "lr_d": 1e-3},
    {"train": "g", "optimizer_g": "sgd"},
    {"train": "g", "warmup": 2},
    {"train": "d", "optimizer_d": "momentum"},
    {"optimizer_g": "sgd", "optimizer_d": "rmsprop"},
    {"optimizer_g": "adam", "optimizer_d": "momentum"},
    {"activation": "maxout"},
    {"activation_d": "maxout"},
]


def bits(setting):
    """All that training comes to: curves and both players' weights."""
    *_, last = train_stack([setting], [3], 6, [6], evaluation=4)
    return [torch.as_tensor(t).clone() for t in (last.curves, *last.G.matrices, *last.D.matrices)]


def differ(one, other):
    return any(a.shape != b.shape or not torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_every_option_with_a_condition_is_tried():
    assert set(OTHER) == {name for name in FIELDS[Setting] if metadata(Setting, name)["effect"] is not None}


def test_every_option_is_seen_with_and_without_effect():
    for name in OTHER:
        seen = {has_effect(dataclasses.replace(SMALL, **c), name) for c in CIRCUMSTANCES}
        assert seen == {True, False}, name


@pytest.mark.parametrize("circumstances", CIRCUMSTANCES, ids=str)
def test_an_option_changes_bits_where_it_is_said_to_have_an_effect_and_nowhere_else(circumstances):
    setting = dataclasses.replace(SMALL, **circumstances)
    trained = bits(setting)
    for name, value in OTHER.items():
        if name in circumstances:
            continue
        other = dataclasses.replace(setting, **{name: value})
        declared = has_effect(setting, name)
        assert declared == has_effect(other, name)
        assert declared == differ(trained, bits(other)), name
        assert declared == (as_played(setting) != as_played(other)), name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"penalty": "gp"}, {"penalty": "gp:10"}),
        ({"penalty": "r1+gp"}, {"penalty": "gp+r1"}),
        ({"penalty": "gp", "penalty_weight": 3.0}, {"penalty": "gp:3"}),
        ({"penalty": "gp:0"}, {}),
        ({"update": "unrolled", "unroll": 0}, {}),
        ({"lr": 0.01}, {"lr_g": 0.01, "lr_d": 0.01}),
        ({"optimizer": "sgd"}, {"optimizer_g": "sgd", "optimizer_d": "sgd"}),
        ({"hidden": 5}, {"hidden": 5, "hidden_d": 5}),
        ({"activation": "tanh"}, {"activation": "tanh", "activation_d": "tanh"}),
    ],
)
def test_two_ways_to_write_one_game_are_one(one, other):
    one, other = (dataclasses.replace(SMALL, **changes) for changes in (one, other))
    assert as_played(one) == as_played(other)
    assert not differ(bits(one), bits(other))


def test_as_played_says_the_same_game_again():
    for circumstances in CIRCUMSTANCES:
        setting = dataclasses.replace(SMALL, **circumstances)
        again = Setting(**as_played(setting))
        assert as_played(again) == as_played(setting)
        assert not differ(bits(setting), bits(again))


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("unroll", [{}], "--unroll has no effect with --update alternating"),
        ("unroll", [{}, {"update": "lookahead"}], "--unroll has no effect with --update alternating or lookahead"),
        ("penalty_weight", [{"penalty": "gp:1"}], "--penalty-weight has no effect with --penalty gp:1"),
        ("beta1", [{"optimizer": "sgd"}], "--beta1 has no effect with --optimizer sgd"),
        ("lr_d", [{"train": "g"}], "--lr-d has no effect with --train g"),
    ],
)
def test_a_complaint_names_the_option_that_decides(name, settings, words):
    assert idle_option([name], [dataclasses.replace(SMALL, **s) for s in settings]) == words


def test_an_option_with_an_effect_in_one_setting_is_no_mistake():
    assert idle_option(["unroll"], [SMALL, dataclasses.replace(SMALL, update="unrolled")]) is None


def test_settings_of_one_game_are_merged_and_counted():
    study = Study("n", "q", (SMALL,)).with_settings({"update": ["alternating", "unrolled"], "unroll": [1, 5]})
    kept, notes = merged(study.settings)
    assert [(s.update, s.unroll) for s in kept] == [("alternating", 1), ("unrolled", 1), ("unrolled", 5)]
    assert notes == ["left out, 1 setting: --unroll makes no difference there, so it is the same game as another"]


def test_impossible_settings_are_left_out_and_listed_on_request():
    changes = {"update": ["alternating", "extragradient"], "d_steps": [1, 2]}
    with pytest.raises(OptionError, match="--skip-impossible leaves out"):
        Study("n", "q", (SMALL,)).with_settings(changes)
    study = Study("n", "q", (SMALL,)).with_settings(changes, skip_impossible=True)
    assert [(s.update, s.d_steps) for s in study.settings] == [
        ("alternating", 1),
        ("alternating", 2),
        ("extragradient", 1),
    ]
    (note,) = study.notes
    assert note.startswith("left out, 1 setting: --update extragradient, --d-steps 2")


def test_where_no_setting_is_possible_that_is_a_mistake():
    with pytest.raises(OptionError, match=r"say --d-steps 1$"):
        Study("n", "q", (SMALL,)).with_settings({"update": ["extragradient"]} | {"d_steps": [2]}, skip_impossible=True)


def test_names_of_methods_decide():
    """A new method makes no option idle by oversight: the circumstances above hold every name that decides one."""
    deciding = {by for name in OTHER for by in metadata(Setting, name)["effect"].decided_by}
    tried = set(itertools.chain.from_iterable(str(v).split("+") for c in CIRCUMSTANCES for v in c.values()))
    assert set(NAMES["update"]) - {"alternating"} <= tried
    assert {"penalty", "update", "loss", "optimizer", "activation", "train"} <= deciding
