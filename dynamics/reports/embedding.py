"""Which pictures stand inside report.html: all, none, or as many as let it go by mail.

By itself (`auto`) the page stays within `MOST` bytes. If the pictures do not fit as they are, the animation of all
settings is put in whole, as far as there is room, figures with fewer colours, the other animations at half their size
with fewer frames, all with the same share of them. What still does not fit is linked. Whatever is not whole says so,
and has a link.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from dynamics.pictures.animation.smaller_copies import Gif, fewer_colours

MOST = 6_000_000  # bytes of a page
LEAD = 0.6  # of the room for pictures, that the animation of all settings may take from figures
FILMS = 0.15  # of what that leaves, that figures leave to the other animations
FEWEST = 12  # frames of a copy, below which it is no animation
MANY = 24  # animations, beyond which they are linked without being looked at
WORDS = 250  # bytes that a picture's words and link may take beyond those of a linked one
ORDER = ("frames.png", "losses.png", "scores.png")  # figures that give way, the last ones first
TYPES = {".png": "image/png", ".gif": "image/gif"}


@dataclass(eq=False)
class PageImage:
    """An image file of a run folder, what it shows in words, and how the page has it."""

    path: str  # relative to the report's folder, forward slashes
    file: Path
    width: int  # pixels
    height: int
    alt: str
    uri: str = ""  # what the page shows: data, or a relative address
    caveat: str = ""  # how that is not the whole picture; "" where it is
    still: bool = False  # `uri` is the last frame of an animation

    @property
    def moves(self) -> bool:
        return self.path.endswith(".gif")

    @property
    def wide(self) -> bool:
        """Whether its lettering, of one size in pixels, is lost where a narrow screen shows it whole."""
        return self.width > 1400

    @property
    def url(self) -> str:
        return quote(self.path)

    @property
    def length(self) -> int:
        """Bytes of the file."""
        return self.file.stat().st_size

    @property
    def size(self) -> str:
        return f"{self.length / 1e6:.1f} MB" if self.length >= 1e5 else f"{max(1, round(self.length / 1e3))} kB"

    @property
    def kind(self) -> str:
        return TYPES[self.file.suffix]


def embed_images(pictures: Sequence[PageImage], choice: str, length: Callable[[], int]) -> None:
    """Decide how a page has its pictures, in its order: `all` inside, `none`, or `auto`.

    `length` says how many bytes the page has as they are. Raises ``OSError`` where the file system does.
    """
    for picture in pictures:
        if choice == "all":
            _put(picture, picture.file.read_bytes(), picture.kind)
        else:
            picture.uri, picture.caveat, picture.still = picture.url, "Linked, not inside this page", False
    if choice == "auto":
        _embed_what_fits(pictures, MOST - length())


def cost(count: int) -> int:
    """Bytes that so many bytes of a picture take in a page."""
    return 4 * -(-count // 3) + WORDS


def _put(picture: PageImage, data: bytes, kind: str, caveat: str = "", still: bool = False) -> None:
    picture.uri = f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
    picture.caveat, picture.still = caveat, still


def _embed_what_fits(pictures: Sequence[PageImage], room: int) -> None:
    if sum(cost(picture.length) for picture in pictures) <= room:
        for picture in pictures:
            _put(picture, picture.file.read_bytes(), picture.kind)
        return
    leads = [picture for picture in pictures if picture.file.name == "comparison.gif"]
    figures = sorted((p for p in pictures if not p.moves), key=lambda p: _rank(p.file.name))  # in their order
    films = [picture for picture in pictures if picture.moves and picture not in leads]
    copies, need = [], 0
    for picture in figures:
        if need > room:
            break
        copies.append(_few_colours(picture))
        need += cost(len(copies[-1][0]))
    share = max(LEAD * room, room - need) / max(1, len(leads))
    for picture in leads:
        room -= _lead(picture, int(min(share, room)))
    looked_at = films if len(films) <= MANY else []
    kept = int(FILMS * room) if looked_at else 0
    inside = []
    for picture, (data, caveat) in zip(figures, copies, strict=False):
        if cost(len(data)) <= room - kept:
            _put(picture, data, picture.kind, caveat)
            room -= cost(len(data))
            inside.append((picture, cost(len(data))))
    if looked_at:
        room -= _films(looked_at, room)
    for picture, spent in inside:  # what is left makes them whole again
        if picture.caveat and cost(picture.length) - spent <= room:
            _put(picture, picture.file.read_bytes(), picture.kind)
            room -= cost(picture.length) - spent


def _rank(name: str) -> int:
    return ORDER.index(name) + 1 if name in ORDER else 0


def _few_colours(picture: PageImage) -> tuple[bytes, str]:
    """A figure's data, the smaller of its file's and of its copy's, and what is told of it."""
    whole = picture.file.read_bytes()
    try:
        few = fewer_colours(whole)
    except ValueError:  # as it is, if there is room: whoever looks at it sees what it is
        return whole, ""
    return (few, "Smaller copy, of fewer colours; whole") if len(few) < len(whole) else (whole, "")


def _lead(picture: PageImage, room: int) -> int:
    """Put an animation in, whole or with as many frames as fit, in fewer pixels if need be; what that costs."""
    whole = picture.file.read_bytes()
    if cost(len(whole)) <= room:
        _put(picture, whole, picture.kind)
        return cost(len(whole))
    try:
        gif = Gif(whole)
        for shrink in (1, 2, 4, 8, 16):
            if (fit := _thinned([gif], cost(len(whole)), room, shrink)) is not None:
                ((data, count),) = fit
                _put(picture, data, picture.kind, _copy_words(count, len(gif), shrink))
                return cost(len(data))
    except ValueError:  # it stays a link
        pass
    return 0


def _films(films: Sequence[PageImage], room: int) -> int:
    """Put animations in, all whole, or all in half their size with the same share of their frames, or else their last
    frames; what that costs."""
    whole, spent = sum(cost(picture.length) for picture in films), 0
    if whole <= room:
        for picture in films:
            _put(picture, picture.file.read_bytes(), picture.kind)
        return whole
    try:
        gifs = [Gif(picture.file.read_bytes()) for picture in films]
        if (fit := _thinned(gifs, whole, room, 2)) is not None:
            for picture, gif, (data, count) in zip(films, gifs, fit, strict=True):
                _put(picture, data, picture.kind, _copy_words(count, len(gif), 2))
                spent += cost(len(data))
            return spent
        for picture, gif in zip(films, gifs, strict=True):
            still = gif.last(2)
            if spent + cost(len(still)) <= room:
                _put(picture, still, "image/png", "The last frame; linked, not inside this page", still=True)
                spent += cost(len(still))
    except ValueError:  # they stay links
        pass
    return spent


def _thinned(gifs: Sequence[Gif], whole: int, room: int, shrink: int) -> list[tuple[bytes, int]] | None:
    """Copies that fit, and their frames; None where fewer than `FEWEST` would be left of one.

    `whole` is what the animations would cost as they are.
    """
    share = min(1.0, room * shrink / whole)  # half the width takes about half the bytes: colours mix at edges
    fewest = [min(FEWEST, len(gif)) for gif in gifs]
    while True:
        counts = [max(least, round(share * len(gif))) for least, gif in zip(fewest, gifs, strict=True)]
        copies = [gif.copy(count, shrink) for gif, count in zip(gifs, counts, strict=True)]
        if (need := sum(cost(len(copy)) for copy in copies)) <= room:
            return list(zip(copies, counts, strict=True))
        if counts == fewest:
            return None
        share *= min(0.95, 0.98 * room / need)


def _copy_words(count: int, of: int, shrink: int) -> str:
    frames = "all" if count == of else str(count)
    size = "" if shrink == 1 else ", at half its width" if shrink == 2 else f", at 1/{shrink} of its width"
    return f"Smaller copy, {frames} of {of} frames{size}; whole"
