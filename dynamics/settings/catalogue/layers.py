"""Layers of an animation's frames: what each shows, and of what; `pictures.animation` draws them."""

from __future__ import annotations

from typing import NamedTuple


class LayerFacts(NamedTuple):
    help: str
    view: str = ""  # its name over the plane that it fills; without one, it is drawn over every view, or below
    needs: tuple[str, ...] = ()  # fields of a `Scene`, beside its plane
    from_weights: bool = False  # it shows the networks themselves, so that a member's weights must have been kept
    of_d: bool = False  # it asks D at single points


LAYERS: dict[str, LayerFacts] = {
    "density": LayerFacts(
        "a view: the generated density as a heat map; full colour is the real density's peak", "generated density"
    ),
    "map": LayerFacts(
        "a view: G as a map, a grid of latents pushed through it; cells coloured by mass per area, like the density",
        "G as a map",
        ("lattice",),
        from_weights=True,
    ),
    "d": LayerFacts(
        "a view: D(x), red where D says generated, white at 1/2, blue where it says real",
        "D(x)",
        ("d",),
        from_weights=True,
        of_d=True,
    ),
    "optimal": LayerFacts(
        "a view: the best D for this G, D*(x) = p_data / (p_data + p_g), in D's colours; with smoothed labels"
        " and instance noise as they are played",
        "best D*(x)",
        ("optimal",),
        from_weights=True,
    ),
    "difference": LayerFacts(
        "a view: D - D*, plum where D is below the best, teal where it is above",
        "D − D*",
        ("d", "optimal"),
        from_weights=True,
        of_d=True,
    ),
    "contours": LayerFacts(
        "over every view: the real density, exact, as lines at 1, 2 and 3 standard deviations of a mode"
    ),
    "samples": LayerFacts("over every view: generated samples as points"),
    "arrows": LayerFacts(
        "over every view: what D tells generated samples to do, minus the gradient of G's loss",
        needs=("pull",),
        from_weights=True,
        of_d=True,
    ),
    "strip": LayerFacts("below: losses and scores over all steps, with a line where the frame is", needs=("strip",)),
}
VIEWS = tuple(name for name, facts in LAYERS.items() if facts.view)  # layers that fill a plane
FROM_WEIGHTS = tuple(name for name, facts in LAYERS.items() if facts.from_weights)
OF_D = tuple(name for name, facts in LAYERS.items() if facts.of_d)
