"""The colours against simulated eyes and grey print."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

import colours

# Machado, Oliveira & Fernandes (2009), deuteranopia at severity 1.0, on linear RGB.
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def cielab(linear):
    ratio = TO_XYZ @ linear / TO_XYZ.sum(axis=1)
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def seen(colour, eye):
    """CIELAB of a colour as an eye (or a grey print) has it."""
    srgb = np.array(to_rgb(colour))
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    if eye == "deuteranopia":
        linear = np.clip(DEUTERANOPIA @ linear, 0, 1)
    if eye == "grey":
        linear = np.full(3, TO_XYZ[1] @ linear)
    return cielab(linear)


def closest(several, eye):
    return min(np.linalg.norm(seen(a, eye) - seen(b, eye)) for a, b in combinations(several, 2))


# CIELAB distances. 2.3 is just noticeable; eight times that is told apart at a glance, in thin lines too.
@pytest.mark.parametrize(("eye", "least"), [("normal", 45), ("deuteranopia", 25), ("grey", 19)])
def test_the_four_colours_stay_apart(eye, least):
    assert closest([colours.REAL, colours.GENERATED, colours.D, colours.G], eye) >= least


@pytest.mark.parametrize(("eye", "least"), [("normal", 28), ("deuteranopia", 20), ("grey", 12)])
def test_the_columns_colours_stay_apart(eye, least):
    assert closest(colours.COLUMNS, eye) >= least


def test_all_colours_stand_out_from_white():
    for colour in (colours.REAL, colours.GENERATED, colours.D, colours.G, *colours.COLUMNS):
        assert np.linalg.norm(seen(colour, "grey") - seen("white", "grey")) > 23


def test_heat_runs_from_white_to_generated_and_darkens_all_the_way():
    ramp = colours.heat_colours(32)
    assert tuple(ramp[0]) == (255, 255, 255)
    assert tuple(ramp[-1]) == tuple(round(255 * v) for v in to_rgb(colours.GENERATED))
    assert (np.diff(ramp.astype(int), axis=0) <= 0).all()
