"""The layers that an animation's panel is made of, and what of a setting they show.

Each layer that fills the plane is a view of its own; the others are drawn over every view, or below.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dynamics.pictures.animation.curve_strips import Strip
from dynamics.pictures.density_maps import Cell, Plane
from dynamics.pictures.figure_style import Array
from dynamics.settings.catalogue.layers import LAYERS, VIEWS


@dataclass(frozen=True)
class Scene:
    """A plane, and what else can be shown of its setting at the same F moments. What is None cannot be."""

    plane: Plane
    verdict: str = ""  # what the run came to, "collapsed"; it stands in every frame
    d: Array | None = None  # (F, r, r) D(x) in [0, 1] at `density_maps.grid_points(half_width, r)`; nan: undetermined
    optimal: Array | None = None  # (F, r, r) D*(x), the same
    pull: Array | None = None  # (F, A, 2) −∂(loss of G)/∂x at the first A of the plane's samples, loss per data unit
    lattice: tuple[Array, Array] | None = None  # vertices (F, n + 1, n + 1, 2), data units, and mass (n, n) of cells
    strip: Sequence[Strip] = ()

    def __post_init__(self) -> None:
        moments, count = np.shape(self.plane.samples)[:2]
        for name in ("d", "optimal"):
            field = getattr(self, name)
            if field is not None and (field.ndim != 3 or len(field) != moments or field.shape[1] != field.shape[2]):
                raise ValueError(f"Scene.{name} must be (F, r, r) with F = {moments}, not {field.shape}")
        if self.d is not None and self.optimal is not None and self.d.shape != self.optimal.shape:
            raise ValueError(f"Scene.d {self.d.shape} and Scene.optimal {self.optimal.shape} must share a grid")
        if (pull := self.pull) is not None:
            fits = pull.ndim == 3 and len(pull) == moments and pull.shape[1] <= count and pull.shape[2] == 2
            if not fits:
                raise ValueError(f"Scene.pull must be (F, A, 2), F = {moments} and A ≤ {count}, not {pull.shape}")
        if self.lattice is not None:
            vertices, mass = self.lattice
            if vertices.shape != (moments, mass.shape[0] + 1, mass.shape[-1] + 1, 2) or mass.ndim != 2:
                raise ValueError(
                    f"Scene.lattice: vertices {vertices.shape} do not fit mass {mass.shape} and F {moments}"
                )


def views_of(layers: Sequence[str]) -> list[str]:
    """The layers that fill a plane; one empty view where none does."""
    return [layer for layer in layers if layer in VIEWS] or [""]


def layers_drawn(layers: Sequence[str] | None, scenes: Mapping[Cell, Scene]) -> list[str]:
    """The layers to draw, or those drawn without a choice. Raises ``ValueError`` as `animate` does."""
    if layers is None:
        strip = ["strip"] if len(scenes) == 1 and all(scene.strip for scene in scenes.values()) else []
        return ["density", "contours", "samples", *strip]
    for layer in layers:
        if layer not in LAYERS:
            raise ValueError(f"there is no layer {layer!r}; there are: {', '.join(LAYERS)}")
        for name in LAYERS[layer].needs:
            for cell, scene in scenes.items():
                value = getattr(scene, name)
                if value is None or len(value) == 0:
                    raise ValueError(f"layer {layer!r} needs Scene.{name}, which {cell} does not have")
    return list(dict.fromkeys(layers))
