import dataclasses

import pytest

import animation
import budget
import figures
import film
import GAN
import losses
import sample
import updates
from settings import (
    ANIMATIONS,
    FIELDS,
    FIGURES,
    LAYERS,
    NAMES,
    SCORE_GROUPS,
    VIEWS,
    Look,
    OptionError,
    Setting,
    Study,
    parse,
    parse_several,
)


def test_names_are_those_of_the_registries():
    registries = {
        "mode": sample.TARGETS,
        "loss": losses.LOSSES,
        "optimizer": updates.OPTIMIZERS,
        "activation": GAN.ACTIVATIONS,
        "init": GAN.INITS,
        "budget": budget.BUDGETS,
    }
    plain = {"spacing", "weights", "across"}  # words that no registry holds
    assert {name: list(registry) for name, registry in registries.items()} == {
        name: list(words) for name, words in NAMES.items() if name not in plain
    }
    assert list(LAYERS) == list(animation.LAYERS)
    assert list(VIEWS) == list(animation.VIEWS)
    assert list(ANIMATIONS) == list(film.FORMATS)
    assert [f".{suffix}" for suffix in FIGURES] == list(figures.METADATA)


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
    chosen = {"all": tuple(SCORE_GROUPS), "none": (), "slopes,transport": ("transport", "slopes")}
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
    free = {"mode", "std", "lr", "lr_g", "lr_d", "beta1", "beta2"}
    other = {"mode": "ring_8", "std": 0.5, "lr": 0.1, "lr_g": 0.1, "lr_d": 0.1, "beta1": 0.1, "beta2": 0.1}
    other |= {"loss": "hinge", "optimizer": "sgd", "activation": "tanh", "init": "he"}
    for field in dataclasses.fields(Setting):
        changed = dataclasses.replace(Setting(), **{field.name: other.get(field.name, 7)})
        assert (changed.structure == Setting().structure) == (field.name in free), field.name
