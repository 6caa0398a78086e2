"""Layers of an animation's frames, in the order of `--show`'s help; `pictures.animation` draws them as pixels.

A layer that fills a plane is a view of its own; the others are drawn over every view, or below.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from dynamics.settings.catalogue.matching import matching

F = TypeVar("F", bound=Callable[..., Any])

G, D = "G", "D"  # whose weights
HEAT, BELIEF, ERROR = "heat", "belief", "error"  # colours: mass per area; real or generated; below or above the best


class LayerFacts(NamedTuple):
    """What is known of a layer before anything is drawn."""

    help: str
    view: str = ""  # its name over the plane that it fills; empty: it fills none
    colours: str = ""  # of a view: `HEAT`, `BELIEF` or `ERROR`; the legend shows each once
    symbol: str = ""  # of a view in `BELIEF`: what the legend calls it
    needs: tuple[str, ...] = ()  # of a `Scene`, beside the plane
    weights: tuple[str, ...] = ()  # which of a member's networks are looked at: `G`, `D`
    below: bool = False  # it stands below the planes, of one setting alone


LAYERS: dict[str, LayerFacts] = {
    "density": LayerFacts(
        "a view: the generated density as a heat map; full colour is the real density's peak",
        "generated density",
        HEAT,
    ),
    "map": LayerFacts(
        "a view: G as a map, a grid of latents pushed through it; cells coloured by mass per area, like the density",
        "G as a map",
        HEAT,
        needs=("lattice",),
        weights=(G,),
    ),
    "d": LayerFacts(
        "a view: D(x), red where D says generated, white at 1/2, blue where it says real",
        "D(x)",
        BELIEF,
        symbol="D",
        needs=("d",),
        weights=(G, D),
    ),
    "optimal": LayerFacts(
        "a view: the best D for this G, D*(x) = p_data / (p_data + p_g), in D's colours; with smoothed labels"
        " and instance noise as they are played",
        "best D*(x)",
        BELIEF,
        symbol="D*",
        needs=("optimal",),
        weights=(G,),
    ),
    "difference": LayerFacts(
        "a view: D - D*, plum where D is below the best, teal where it is above",
        "D − D*",
        ERROR,
        needs=("d", "optimal"),
        weights=(G, D),
    ),
    "contours": LayerFacts(
        "over every view: the real density, exact, as lines at 1, 2 and 3 standard deviations of a mode"
    ),
    "samples": LayerFacts("over every view: generated samples as points"),
    "arrows": LayerFacts(
        "over every view: what D tells generated samples to do, minus the gradient of G's loss",
        needs=("pull",),
        weights=(G, D),
    ),
    "strip": LayerFacts(
        "below: losses and scores over all steps, with a line where the frame is", needs=("strip",), below=True
    ),
}
PLAIN = ("density", "contours")  # where nothing is chosen and a panel is small

VIEWS = {name: facts.view for name, facts in LAYERS.items() if facts.view}  # and their names over the plane
BELOW = tuple(name for name, facts in LAYERS.items() if facts.below)
OVER = tuple(name for name in LAYERS if name not in VIEWS and name not in BELOW)
FROM_WEIGHTS = tuple(name for name, facts in LAYERS.items() if facts.weights)
FROM_D = tuple(name for name, facts in LAYERS.items() if D in facts.weights)  # D has a value at a point alone


def needs_of(layers: Iterable[str]) -> tuple[str, ...]:
    """What of a `Scene` these layers need, each once. Raises ``ValueError`` for a layer that there is not."""
    needs: dict[str, None] = {}
    for layer in layers:
        if layer not in LAYERS:
            raise ValueError(f"there is no layer {layer!r}; there are: {', '.join(LAYERS)}")
        needs |= dict.fromkeys(LAYERS[layer].needs)
    return tuple(needs)


def functions_for(names: Collection[str], functions: Mapping[str, F]) -> Mapping[str, F]:
    """The functions in their order, one for each name: what is painted later covers what is there before.

    Raises `IncompleteEntry` for a name without a function, and the other way.
    """
    matching("layer", dict.fromkeys(names), functions, "dynamics/pictures")
    return dict(functions)
