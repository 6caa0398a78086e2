"""What of a setting an animation's panel shows, and which layers it is made of; `catalogue.layers` has their facts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dynamics.pictures.animation.curve_strips import Strip
from dynamics.pictures.density_maps import Cell, Plane
from dynamics.pictures.figure_style import Array
from dynamics.settings.catalogue.layers import BELOW, PLAIN, VIEWS, needs_of


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
        alone = list(scenes.values()) if len(scenes) == 1 else []
        below = [layer for scene in alone for layer in BELOW if all(_has(scene, name) for name in needs_of([layer]))]
        return [*PLAIN, "samples", *below]
    for layer in layers:
        for name in needs_of([layer]):
            for cell, scene in scenes.items():
                if not _has(scene, name):
                    raise ValueError(f"layer {layer!r} needs Scene.{name}, which {cell} does not have")
    return list(dict.fromkeys(layers))


def _has(scene: Scene, name: str) -> bool:
    """Whether there is anything of what a layer needs."""
    value = getattr(scene, name)
    return value is not None and len(value) > 0
