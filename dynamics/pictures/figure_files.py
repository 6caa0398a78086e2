"""Figures as files: PNG, PDF and SVG, whose bytes depend on what is drawn alone."""

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from dynamics.base.files import atomic
from dynamics.pictures.figure_style import STYLE

# What a file says about itself, by the suffixes that `save` knows: no date and no version, so equal figures stay equal.
METADATA: dict[str, Any] = {
    ".png": {"Software": None},
    ".pdf": {"Creator": None, "Producer": None, "CreationDate": None},
    ".svg": {"Creator": None, "Date": None},
}


@matplotlib.rc_context(STYLE)
def save(figure: Figure, path: str | Path, dpi: float = 150) -> None:
    """Write a figure as its path's suffix says, .png, .pdf or .svg.

    Equal figures give equal bytes; there is never half a file. `dpi` is a PNG's, and that of the heat maps within the
    others. Raises `ValueError` for any other suffix.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in METADATA:
        raise ValueError(f"{path}: a figure is written as {', '.join(METADATA)}, not {suffix or 'without a suffix'}")
    # zlib's level 1 takes two thirds as long as 6, for files up to a quarter larger
    options: dict[str, Any] = {"dpi": dpi, "pil_kwargs": {"compress_level": 1}} if suffix == ".png" else {"dpi": dpi}
    with atomic(path) as partial:
        figure.savefig(partial, format=suffix[1:], metadata=METADATA[suffix], **options)
