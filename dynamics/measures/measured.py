"""What is measured of a GAN's samples beside its scores, by name."""

from __future__ import annotations

from dynamics.settings.catalogue.run_arrays import shape_of

MEASURES = ("sample_mean", "on_data", "far_off", "mode_mass", "mode_shape")


def measure_shapes(modes: int) -> dict[str, tuple[int, ...]]:
    """The shape of each of the `MEASURES` of one member at one snapshot; `modes` is the columns of what is by mode."""
    sizes = {"M": 1, "S": 1, "K": modes}
    return {name: shape_of("history.npz", name, sizes)[2:] for name in MEASURES}
