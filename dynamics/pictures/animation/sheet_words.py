"""The words over an animation's planes: which there are, and the lines that they stand in."""

from collections.abc import Mapping, Sequence

from dynamics.pictures.animation.pixel_text import fitting_size, font_of
from dynamics.pictures.animation.scene_layers import Scene
from dynamics.pictures.density_maps import OUTSIDE, Cell, brief_note


def words_over_planes(
    scenes: Mapping[Cell, Scene], labelled: bool, font: int, room: int, cramped: bool
) -> dict[str, dict[Cell, Sequence[str]]]:
    """The kinds of words over the planes, and what each cell has of them.

    Those that whole notes do not fit, in `room` pixels at 4/5 of the size `font`, have only what is brief, if need be
    on two lines; `cramped` planes have only what is said of samples outside. `labelled` ones have their titles too.
    """
    ending = "{}" if cramped else "ends: {}"
    size = max(9, round(0.8 * font))
    notes: dict[Cell, Sequence[str]] = {c: s.plane.notes for c, s in scenes.items()}
    outside: dict[Cell, Sequence[str]] = {c: [""] * len(several) for c, several in notes.items()}

    def fit() -> bool:
        return fitting_size([note for several in notes.values() for note in set(several)], size, room) == size

    if not fit():
        notes = {c: [brief_note(note) for note in several] for c, several in notes.items()}
    if cramped or not fit():
        parts = {c: [note.split(", ") for note in several] for c, several in notes.items()}
        outside = {c: [_outside(p if cramped else p[1:], cramped) for p in several] for c, several in parts.items()}
        notes = {c: ["" if cramped else p[0] for p in several] for c, several in parts.items()}
    return {
        "label": {c: [s.plane.title if labelled else ""] for c, s in scenes.items()},
        "note": notes,
        "outside": outside,
        "verdict": {c: [ending.format(s.verdict) if s.verdict else ""] for c, s in scenes.items()},
    }


def lines_over_planes(
    words: Mapping[str, Mapping[Cell, Sequence[str]]], room: int, font: int
) -> tuple[list[tuple[str, ...]], int]:
    """The lines of words over the planes, each one or two kinds of words, and their font size.

    `words[kind][cell]` are all that are ever shown there. Two kinds share a line where at no less than 4/5 of the
    wanted size both have room in every cell, and so have all others. The note comes last: what changes is to be near
    the plane.
    """
    longest = {
        kind: {cell: max(dict.fromkeys(several), key=font_of(font, False).getlength) for cell, several in cells.items()}
        for kind, cells in words.items()
    }
    kinds = [kind for kind in longest if any(longest[kind].values())]  # label, note, outside, verdict
    lines: list[tuple[str, ...]] = [(kind,) for kind in ("label", "verdict", "note", "outside") if kind in kinds]
    if len(kinds) > 1:
        a, b = kinds[0], kinds[-1]
        alone = [text for kind in kinds if kind not in (a, b) for text in longest[kind].values()]
        for size in range(font, max(9, round(0.8 * font)) - 1, -1):
            bold, plain = font_of(size, a == "label").getlength, font_of(size, False).getlength
            fits = all(bold(longest[a][cell]) + plain(longest[b][cell]) + size <= room for cell in longest[a])
            if fits and all(plain(text) <= room for text in alone):
                return [(a, b), *(line for line in lines if line[0] not in (a, b))], size
    sizes = [fitting_size(list(longest[kind].values()), font, room, kind == "label") for kind in kinds]
    return lines, min(sizes, default=font)


def _outside(parts: Sequence[str], cramped: bool) -> str:
    """What a note's parts say of samples outside the picture, in a few letters if `cramped`."""
    words = next((part for part in parts if part.endswith(OUTSIDE)), "")
    return words.replace("outside", "out").replace("out of view", "all out") if cramped else words
