"""Targets: what is said of each, and how wide its modes are where no one says; `targets.registry` has their shapes."""

from __future__ import annotations

from typing import NamedTuple


class TargetFacts(NamedTuple):
    help: str
    std: float  # default, data units


TARGETS: dict[str, TargetFacts] = {
    "gaussian": TargetFacts("one Gaussian at (2, 2)", 1.2),
    "mixture": TargetFacts("two Gaussians at (2, 2) and (−2, −2)", 1.2),
    "mixture_4": TargetFacts("four Gaussians at the corners (±2, ±2)", 0.2),
    "ring_8": TargetFacts("eight Gaussians on a circle of radius 2", 0.02),
    "ring_8_unit": TargetFacts("eight Gaussians on a circle of radius 1", 0.01),
    "ring_8_scaled": TargetFacts("ring_8 divided by 1.414, its spread along x", 0.02 / 1.414),
    "grid_25": TargetFacts("5 × 5 Gaussians, spacing 2", 0.05),
    "swiss_roll": TargetFacts("a roll of 1½ turns", 0.1),
    "two_moons": TargetFacts("interlocked half circles", 0.2),
    "circles": TargetFacts("two circles, of radii 2 and 4", 0.1),
    "spiral": TargetFacts("two interleaved spiral arms", 0.1),
    "pinwheel": TargetFacts("five twisted arms, std across them", 0.2),
    "checkerboard": TargetFacts("eight dark squares, blurred", 0.05),
}
USER_FILES = {  # what a name stands for that is none of these, but a file's
    "NAME.csv": "your own points, blurred (docs/targets.md)",
    "NAME.png": "your own picture: dark is dense",
    "NAME.toml": "your own mixture, with its modes",
}
