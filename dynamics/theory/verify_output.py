"""What `verify` says: its rows as text and as plain values, and the Dirac game's portraits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dynamics.theory.bilinear_predictions import RATES
from dynamics.theory.dirac_game import METHODS, SCHEDULES, verdict_of
from dynamics.theory.two_number_games import ROUNDS, STEP, Value, descents, make_game, plain
from dynamics.theory.verify import Verification

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def table(verification: Verification) -> str:
    """The rows as aligned text, section by section, and the end radii."""
    lines = [["", "", "expected", "measured", ""]]
    titles: dict[int, str] = {}
    for row in verification.rows:
        if row.section not in titles.values():
            titles[len(lines)] = row.section
        verdict = "holds" if row.passed else "FAILS"
        lines.append([f"  {row.name}", row.what, written(row.expected), written(row.measured), verdict])
    ends = []
    for start, ended in (("(1, 1)", verification.radii), ("(1, −1), the authors' (1, 1)", verification.mirrored_radii)):
        ends += [[f"√(θ² + ψ²) from {start}, {ROUNDS} rounds, h {STEP:g}", *SCHEDULES]]
        ends += [[f"  {name}", *(written((radii[s],), 3) for s in SCHEDULES)] for name, radii in ended.items()]
    failed = sum(not row.passed for row in verification.rows)
    verdict = f"{failed} of {len(verification.rows)} rows FAIL" if failed else f"all {len(verification.rows)} rows hold"
    return (
        f"{_aligned(lines, titles)}\n\n{_aligned(ends, {})}\n\n{verdict}; rates of the bilinear game "
        f"{', '.join(f'{h:g}' for h in RATES)}, of the others {STEP:g} where none is said"
    )


def _aligned(lines: Sequence[Sequence[str]], titles: Mapping[int, str]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    printed = []
    for number, line in enumerate(lines):
        printed += [titles[number]] if number in titles else []
        printed.append("  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip())
    return "\n".join(printed)


PANELS = {  # R1's and R2's rounds are the same here, as D's slope is everywhere ψ
    "GAN": "GAN",
    "NS-GAN": "NS-GAN",
    "WGAN clip 1": "WGAN, clip 1",
    "WGAN-GP 1": "WGAN-GP, w 1",
    "WGAN-GP 0.3": "WGAN-GP, w 0.3",
    "instance noise 0.7": "instance noise, std 0.7",
    "consensus 1": "consensus, γ 1",
    "NS-GAN R1 0.3": "NS-GAN, R1, γ 0.3",
    "R1 0.3": "GAN, R1 or R2, γ 0.3",
    "R1 1": "GAN, R1 or R2, γ 1",
}


def portraits(verification: Verification) -> Figure:
    """The Dirac game's rounds from (1, 1), of every method, on its field."""
    from dynamics.pictures.portraits import REACH, Portrait, portraits_figure

    line = np.linspace(-REACH, REACH, 24)  # an even number: none on ψ = 0, where gp's field jumps
    states = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    panels = []
    for name, title in PANELS.items():
        method, by = METHODS[name], verification.walks[name]
        game = make_game([plain(**method.setting)] * len(states), states, batch=method.batch)
        v = descents(game, states).reshape(len(line), len(line), 2)
        paths = by["simultaneous"].path, by["alternating"].path
        values = written(tuple(method.eigenvalues.tolist()), 3) + (" for ψ > 0" if method.beside else "")
        panels.append(Portrait(title, values, (verdict_of(paths[0]), verdict_of(paths[1])), v, *paths))
    subtitle = (
        f"{ROUNDS} rounds from (1, 1), rate {STEP:g}; in turns G is first. λ: eigenvalues of the field's Jacobian"
    )
    return portraits_figure("The Dirac game: one point to learn, D(x) = ψx", subtitle, panels)


def draw(verification: Verification, path: Path) -> None:
    """Write the portraits, as `figures.save` does."""
    from dynamics.pictures.figures import save

    save(portraits(verification), path)


def written(value: Value, digits: int = 4) -> str:
    """A value in words: a conjugate pair as one ±, minus signs real, zero without a sign."""
    if isinstance(value, str):
        return value

    def plainly(x: float) -> str:
        return f"{x + 0.0:.{digits}g}".replace("-", "−") if x else "0"

    if not any(isinstance(x, complex) for x in value):
        return ", ".join(plainly(x.real) for x in value)
    # what rounding leaves is not shown
    shown = [complex(*(0.0 if abs(part) < 1e-7 else part for part in (x.real, x.imag))) for x in map(complex, value)]
    if len(shown) == 2 and shown[0].imag and abs(shown[0] - shown[1].conjugate()) < 1e-7:
        size = plainly(abs(shown[0].imag))
        imaginary = "i" if size == "1" else f"{size}i"
        return f"{plainly(shown[0].real)} ± {imaginary}" if shown[0].real else f"±{imaginary}"
    return ", ".join(plainly(x.real) + (f" + {plainly(x.imag)}i".replace("+ −", "− ") if x.imag else "") for x in shown)


def as_record(verification: Verification) -> dict[str, Any]:
    """The same as plain values; a complex number is [real, imaginary]."""

    def values(value: Value) -> Any:
        if isinstance(value, str):
            return value
        return [[finite(x.real), finite(x.imag)] if isinstance(x, complex) else finite(x) for x in value]

    def finite(x: float) -> float | None:  # JSON has no other numbers
        return float(x) if math.isfinite(x) else None

    return {
        "rows": [
            {
                "section": row.section,
                "name": row.name,
                "what": row.what,
                "expected": values(row.expected),
                "measured": values(row.measured),
                "tolerance": row.tolerance,
                "passed": row.passed,
            }
            for row in verification.rows
        ],
        **{
            key: {name: {s: finite(r) for s, r in radii.items()} for name, radii in ended.items()}
            for key, ended in (("radii", verification.radii), ("mirrored_radii", verification.mirrored_radii))
        },
        "passed": verification.passed,
    }
