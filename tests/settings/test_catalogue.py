"""The catalogue and the registries of functions: neither has an entry that the other lacks."""

import dataclasses
import re
from pathlib import Path

import pytest

from dynamics.base.curves import CURVES
from dynamics.pictures.animation.scene_layers import Scene
from dynamics.pictures.animation.scene_panel import VIEW_DRAWINGS
from dynamics.settings.catalogue import layers, scores, verdicts

DOCS = "\n".join(path.read_text(encoding="utf-8") for path in (Path(__file__).parents[2] / "docs").glob("*.md"))
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


@pytest.mark.parametrize("name", layers.LAYERS)
def test_a_layer_has_its_help_its_place_in_the_docs_and_its_scene(name):
    facts = layers.LAYERS[name]
    assert facts.help.startswith("a view: ") == bool(facts.view)
    assert re.search(rf"`{name}`", DOCS)
    assert set(facts.needs) <= {field.name for field in dataclasses.fields(Scene)}
    assert not facts.of_d or facts.from_weights


def test_every_view_is_drawn_and_every_drawing_has_an_entry():
    """What the other layers draw, tests/pictures/test_scene_layers.py finds among the pixels."""
    assert set(VIEW_DRAWINGS) - {""} == set(layers.VIEWS)
