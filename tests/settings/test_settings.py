import dataclasses

import pytest

from dynamics.games import initial_weights, losses, networks, optimizers, penalties, update_rules
from dynamics.pictures import figure_files
from dynamics.pictures.animation import file_formats
from dynamics.settings import budget, setting
from dynamics.settings.catalogue.names import ANIMATIONS, FIGURES, NAMES
from dynamics.settings.catalogue.scores import SCORE_GROUPS, SLOW_SCORES
from dynamics.settings.look import Look
from dynamics.settings.messages import OptionError
from dynamics.settings.option_checks import parse, parse_several
from dynamics.settings.option_fields import FIELDS
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study
from dynamics.targets.registry import TARGETS


def test_names_are_those_of_the_registries():
    registries = {
        "mode": TARGETS,
        "loss": losses.LOSSES,
        "penalty": penalties.PENALTIES,
        "optimizer": optimizers.OPTIMIZERS,
        "update": update_rules.UPDATES,
        "activation": networks.ACTIVATIONS,
        "init": initial_weights.INITS,
        "budget": budget.BUDGETS,
    }
    plain = {"spacing", "weights", "across", "embed", "train", "norm", "device"}  # words that no registry holds
    assert {name: list(registry) for name, registry in registries.items()} == {
        name: list(words) for name, words in NAMES.items() if name not in plain
    }
    assert list(ANIMATIONS) == list(file_formats.FORMATS)
    assert [f".{suffix}" for suffix in FIGURES] == list(figure_files.METADATA)


@pytest.mark.parametrize("cls", [Setting, Study, Look])
def test_every_default_passes_its_own_check(cls):
    given = {} if cls is not Study else {"name": "n", "question": "q", "settings": ()}
    made = cls(**given)
    for name in FIELDS[cls]:
        value = getattr(made, name)
        if value is not None:
            assert parse(cls, name, str(value)) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("std", "0"),
        ("std", "-1"),
        ("std", "nan"),
        ("std", "inf"),
        ("std", ""),
        ("d_steps", "0"),
        ("d_steps", "1.5"),
        ("d_steps", "1e3"),
        ("batch_size", "0"),
        ("beta1", "1"),
        ("lr", "0"),
        ("mode", "gausian"),
    ],
)
def test_values_out_of_limits_name_option_value_and_what_is_allowed(name, text):
    with pytest.raises(OptionError) as caught:
        parse(Setting, name, text)
    message = str(caught.value)
    assert message.startswith(f"--{name.replace('_', '-')} {text or repr(text)}: must be ")
    assert "\n" not in message


def test_a_near_match_is_suggested():
    with pytest.raises(OptionError, match=r"did you mean gaussian\?"):
        Setting(mode="gausian")
    with pytest.raises(OptionError) as caught:
        Setting(mode="zebra")
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_seeds_out_of_range_are_refused(seed):
    with pytest.raises(OptionError, match="--seed "):
        Study("n", "q", (), seed=seed)


def test_the_last_seed_counts_too():
    Study("n", "q", (), seed=2**63 - 2, seeds=2)
    with pytest.raises(OptionError, match="pass the last seed"):
        Study("n", "q", (), seed=2**63 - 2, seeds=3)


def test_score_groups_are_chosen_by_name():
    quick = tuple(group for group in SCORE_GROUPS if group not in SLOW_SCORES)
    chosen = {"all": quick, "spectrum": ("spectrum",), "none": (), "slopes,transport": ("transport", "slopes")}
    for words, groups in chosen.items():
        assert Study("n", "q", (), scores=words).score_groups == groups
    for wrong in ("transprt", "all,critic", "", "critic,"):
        with pytest.raises(OptionError, match="--scores"):
            Study("n", "q", (), scores=wrong)


def test_booleans_are_no_numbers():
    with pytest.raises(OptionError, match="--d-steps True"):
        Setting(d_steps=True)


def test_products_replace_and_drop_doubles():
    base = Study("n", "q", (Setting(d_steps=1), Setting(d_steps=2), Setting(mode="ring_8")))
    made = base.with_settings({"d_steps": [1, 5], "lr": [1e-3]}).settings
    assert made == tuple(Setting(mode=m, d_steps=d) for m in ("gaussian", "ring_8") for d in (1, 5))
    assert parse_several(Setting, "d_steps", "2, 1,2") == [2, 1]


def test_structure_is_all_that_changes_shape_or_program():
    free = {"mode", "std", "lr", "lr_g", "lr_d", "beta1", "beta2", "alpha_d", "alpha_g", "penalty_weight", "slope"}
    free |= {"momentum", "lookahead_alpha", "invert"}
    other = dict.fromkeys(free, 0.1) | {"mode": "ring_8", "penalty": "r1", "update": "lookahead", "train": "g"}
    other |= {"loss": "hinge", "optimizer": "sgd", "optimizer_g": "sgd", "optimizer_d": "sgd", "activation": "tanh"}
    other |= {"invert": 1, "schedule": "7: lr=0.1"}
    other |= {"activation_d": "tanh", "init": "he", "norm": "batch", "packing": 2, "minibatch_std": 1, "ema": 0.9}
    for field in dataclasses.fields(Setting):
        base = Setting(mode="picture.png") if field.name == "invert" else Setting()
        changed = dataclasses.replace(base, **{field.name: other.get(field.name, 7)})
        assert (changed.structure == base.structure) == (field.name in free), field.name


def test_weights_of_penalties_are_free_and_their_kinds_are_not():
    r1 = Setting(penalty="r1")
    assert r1.structure == Setting(penalty="r1:3").structure == Setting(penalty="r1", penalty_weight=0.1).structure
    assert r1.structure != Setting(penalty="r2").structure
    assert Setting(penalty="r1", penalty_weight=0.0).structure == Setting().structure
    assert Setting(penalty="r1:2+gp", penalty_weight=5.0).penalties == {"gp": 5.0, "r1": 2.0}
    assert Setting(penalty="r1+gp").penalties == {"gp": 10.0, "r1": 1.0}
    for name, entry in penalties.PENALTIES.items():
        assert Setting(penalty=name).penalties == {name: entry.facts.usual}
        assert bool(entry.facts.slopes) == bool(entry.term)


@pytest.mark.parametrize(
    "options",
    [
        {"penalty": "gp:x"},
        {"penalty": "gp:-1"},
        {"penalty": "gp:inf"},
        {"penalty": "gradient"},
        {"penalty": "r1+r1"},
        {"penalty": ""},
        {"penalty": "gp+gp_one_sided"},
        {"penalty": "label_smoothing", "loss": "hinge"},
        {"penalty": "label_smoothing:1"},
        {"penalty": "r1", "minibatch_std": 1},
        {"packing": 3},
        {"minibatch_std": 1, "batch_size": 4, "packing": 4},
        {"norm": "batch", "batch_size": 1},
        {"update": "extragradient"},
        {"update": "unrolled", "penalty": "consensus"},
        {"update": "unrolled", "train": "d"},
    ],
)
def test_what_does_not_go_together_is_refused_with_the_reason(options):
    with pytest.raises(OptionError) as caught:
        Setting(**options)
    assert str(caught.value).startswith("--")
    assert "\n" not in str(caught.value)


def test_only_the_message_that_is_needed_is_worded(monkeypatch):
    """Nothing is put in words for a setting whose options go together; of one with two conflicts, the first alone."""
    worded = []
    monkeypatch.setattr(setting, "shown", lambda text: worded.append(text) or text)
    Setting(mode="ring_8", penalty="label_smoothing", batch_size=8)
    assert worded == []
    with pytest.raises(OptionError, match=r"^--invert 1, --mode ring_8"):
        Setting(mode="ring_8", invert=1, penalty="label_smoothing:2")
    assert worded == ["ring_8"]
