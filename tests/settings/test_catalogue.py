"""The catalogue and the registries of functions: neither has an entry that the other lacks."""

import dataclasses
import importlib
import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from dynamics.base.curves import CURVES
from dynamics.games import initial_weights, losses, networks, optimizers, penalties, update_rules
from dynamics.measures import eigenvalues
from dynamics.pictures import member_scenes
from dynamics.pictures.animation import frame_sheet, scene_panel, sheet_legend
from dynamics.pictures.animation.scene_layers import Scene
from dynamics.settings.catalogue import games, layers, scores, targets, verdicts
from dynamics.settings.catalogue.matching import IncompleteEntry, matching
from dynamics.settings.catalogue.names import NAMES
from dynamics.settings.setting import Setting
from dynamics.targets import registry
from dynamics.theory import closed_forms
from dynamics.theory.bilinear_predictions import RULES as PROVED
from dynamics.theory.penalty_predictions import penalty_terms
from dynamics.theory.two_number_games import plain

ROOT = Path(__file__).parents[2]
DOCS = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
MEASURED = [name for name in scores.score_names(tuple(scores.GROUPS)[1:]) if not name.startswith("ema_")]


@pytest.mark.parametrize("name", scores.SCORES)
def test_a_score_has_all_that_tables_and_sentences_say_of_it(name):
    facts = scores.SCORES[name]
    assert facts.title
    assert facts.meaning
    assert facts.digits >= 0
    if not isinstance(facts.ends, str):
        assert facts.ends[0] < facts.ends[1]
    if facts.aspect:
        assert name in scores.ASPECTS[facts.aspect]
        assert name in scores.SWINGS or name in verdicts.VERDICTS or facts.better in ("more", "less", "nearer")


@pytest.mark.parametrize("name", [*MEASURED, *scores.SWINGS])
def test_a_score_has_its_place_in_the_docs(name):
    assert re.search(rf"\b{name}\b", DOCS)


def test_swings_are_of_courses_that_there_are():
    assert {swing.course for swing in scores.SWINGS.values()} <= {*CURVES, *scores.SCORES}


def test_panels_show_scores_that_there_are():
    lines = [line for panel in (*scores.PANELS.values(), scores.AVERAGED_PANEL[1]) for line in panel]
    assert {line.score for line in lines} <= {scores.G_LOSS, *scores.SCORES}
    assert {line.colour for line in lines} <= {"D", "G", "generated", 0, 1}


@pytest.mark.parametrize("word", verdicts.VERDICTS)
def test_a_verdict_has_its_words_and_its_place_in_the_docs(word):
    facts = verdicts.VERDICTS[word]
    assert facts.help
    assert all(verdicts.BECAME[word])
    assert re.search(rf"\b{word}\b", DOCS)
    assert verdicts.Verdict(word).word == word


def test_a_verdict_that_the_catalogue_lacks_is_an_error():
    with pytest.raises(ValueError, match="'bored' is no verdict"):
        verdicts.Verdict("bored")


# --- what a game is made of, and targets -----------------------------------------------------------------------------

# option -> facts, functions, where the functions stand
REGISTRIES = {
    "mode": (targets.TARGETS, registry, "TARGETS"),
    "loss": (games.LOSSES, losses, "LOSSES"),
    "penalty": (games.PENALTIES, penalties, "PENALTIES"),
    "update": (games.RULES, update_rules, "UPDATES"),
    "optimizer": (games.OPTIMIZERS, optimizers, "OPTIMIZERS"),
    "activation": (games.ACTIVATIONS, networks, "ACTIVATIONS"),
    "init": (games.INITS, initial_weights, "INITS"),
}
ENTRIES = [(option, name) for option, (facts, _, _) in REGISTRIES.items() for name in facts]


@pytest.mark.parametrize("option", REGISTRIES)
def test_names_functions_and_facts_are_the_same_in_the_same_order(option):
    facts, module, functions = REGISTRIES[option]
    assert tuple(facts) == NAMES[option] == tuple(getattr(module, functions))


@pytest.mark.parametrize(("option", "name"), ENTRIES)
def test_an_entry_has_its_help_and_its_place_in_the_docs(option, name):
    facts = REGISTRIES[option][0]
    assert facts[name].help
    assert re.search(rf"`[^`\n]*(?<![\w-]){name}(?![\w-])[^`\n]*`", DOCS + README)


@pytest.mark.parametrize("option", REGISTRIES)
def test_facts_without_a_function_are_an_error_at_import(option, monkeypatch):
    facts, module, _ = REGISTRIES[option]
    monkeypatch.setitem(facts, "bored", next(iter(facts.values())))
    monkeypatch.delitem(sys.modules, module.__name__)
    file = Path(module.__file__).name
    with pytest.raises(IncompleteEntry, match=f"'bored' is in the catalogue, but .*{file} has nothing for it"):
        importlib.import_module(module.__name__)


def test_what_either_side_lacks_is_named():
    with pytest.raises(
        IncompleteEntry, match=r"loss 'b' is in the catalogue, but x.py has .*; loss 'c' is in x.py, but"
    ):
        matching("loss", {"a": 1, "b": 2}, {"c": 3, "a": 4}, "x.py")
    assert list(matching("loss", {"a": 1, "b": 2}, {"b": 3, "a": 4}, "x.py").items()) == [("a", (1, 4)), ("b", (2, 3))]


@pytest.mark.parametrize("name", targets.TARGETS)
def test_a_target_is_as_wide_as_the_catalogue_says(name):
    assert registry.make_target(name).std == targets.TARGETS[name].std > 0


@pytest.mark.parametrize("name", games.LOSSES)
def test_a_loss_has_its_closed_forms(name):
    """`verify` holds every loss to its field and its Jacobian in the Dirac game; there are such for no other name."""
    assert np.isfinite(closed_forms.field(name, 0.7, -1.3, 1.0, 0.0)).all()
    assert np.isfinite(closed_forms.of_loss(name, 1.0)).all()
    for closed_form in (closed_forms.of_loss, lambda loss: closed_forms.field(loss, 0.7, -1.3, 1.0, 0.0)):
        with pytest.raises(IncompleteEntry):
            closed_form(f"{name} but another")


@pytest.mark.parametrize("name", games.RULES)
def test_a_rule_has_its_map_of_the_bilinear_game(name):
    rows = [row for row in PROVED if plain("wasserstein", **row.setting).rule == name]
    assert rows
    for row in rows:
        assert np.abs(np.linalg.eigvals(row.matrix(0.1))).max() == pytest.approx(row.factor(0.1), rel=1e-9)


@pytest.mark.parametrize("name", games.RULES)
def test_a_rule_has_its_linearised_round_or_says_that_it_has_none(name):
    assert games.RULES[name].linearised == (name in eigenvalues.LINEARISED)


@pytest.mark.parametrize("name", games.OPTIMIZERS)
def test_an_optimizer_has_its_way_in_closed_form_and_its_memory(name):
    assert math.isfinite(closed_forms.travelled(name, 3, 0.1, 0.4, momentum=0.9, beta2=0.99))
    assert len(eigenvalues.MEMORIES[name](Setting(optimizer=name))) == 2
    with pytest.raises(IncompleteEntry):
        closed_forms.travelled(f"{name} but another", 3, 0.1, 0.4)


@pytest.fixture(scope="module")
def proved_penalties():
    return {row.name: row for row in penalty_terms() if row.passed}


@pytest.mark.parametrize("name", games.PENALTIES)
def test_a_penalty_has_its_usual_weight_and_its_proof(name, proved_penalties):
    facts = games.PENALTIES[name]
    assert Setting(penalty=name).penalties == {name: facts.usual}
    assert facts.usual > 0
    assert facts.weight
    assert facts.acts in (games.D_LOSS, games.BOTH_LOSSES, games.JUDGED_POINTS, games.D_WEIGHTS)
    assert bool(facts.slopes) == (name in penalties.TERMS)
    assert not facts.asks_slope or facts.slopes
    assert name in proved_penalties


def test_no_closed_form_takes_an_unknown_penalty_for_a_known_one():
    with pytest.raises(IncompleteEntry, match="bored"):
        closed_forms.slope_penalty("bored", np.ones(2), np.ones((2, 2)), np.ones((3, 2)))


# --- layers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", layers.LAYERS)
def test_a_layer_is_drawn_in_one_place_told_of_in_the_legend_and_in_the_docs(layer):
    facts = layers.LAYERS[layer]
    assert facts.help
    assert f"`{layer}`" in (ROOT / "docs" / "pictures.md").read_text(encoding="utf-8")
    places = scene_panel.DRAWN_VIEWS, scene_panel.DRAWN_OVER, frame_sheet.DRAWN_BELOW
    assert [layer in place for place in places] == [bool(facts.view), not (facts.view or facts.below), facts.below]
    assert facts.below or {layer, facts.colours} & sheet_legend.ENTRIES.keys()


@pytest.mark.parametrize("layer", layers.LAYERS)
def test_what_a_layer_needs_is_of_a_scene_and_computed_where_it_shows_weights(layer):
    facts = layers.LAYERS[layer]
    assert set(facts.needs) <= {field.name for field in dataclasses.fields(Scene)}
    assert set(facts.weights) <= {"G", "D"}
    assert bool(facts.weights) == bool(set(facts.needs) & member_scenes.COMPUTED.keys())
    assert not facts.weights or set(facts.needs) <= member_scenes.COMPUTED.keys()


def test_a_layer_without_a_function_and_a_function_without_a_layer_are_errors():
    with pytest.raises(IncompleteEntry, match=r"layer 'b' is in the catalogue, but .* has nothing for it"):
        layers.functions_for(["a", "b"], {"a": print})
    with pytest.raises(IncompleteEntry, match=r"layer 'b' is in .*, but the catalogue has nothing on it"):
        layers.functions_for(["a"], {"a": print, "b": print})
    with pytest.raises(ValueError, match="there is no layer 'aura'"):
        layers.needs_of(["d", "aura"])
    assert layers.needs_of(["difference", "samples", "d"]) == ("d", "optimal")
