"""Verdicts on a member's whole course, in the order of tables; `measures.verdicts` says which holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class VerdictFacts(NamedTuple):
    """What is said of a verdict; `share` is of all seeds that a setting has."""

    help: str
    became: tuple[str, str]  # what one GAN, and what several, did
    reasoned: bool = False  # sentences give the reason
    gone: bool = (
        False  # nothing is left that could collapse; its share is compared where a seed of either setting has it
    )
    aspect: str = ""  # of what an option changes, that its share tells of; without one, shares are not compared
    share_meaning: str = "of all seeds, by their verdicts"


COLLAPSE, DIVERGENCE = "Collapse", "Divergence, and loss of the data"

VERDICTS: dict[str, VerdictFacts] = {
    "converged": VerdictFacts("the mean JSD of the end is near a perfect generator's", ("converged", "converged")),
    "collapsed": VerdictFacts(
        "at the end a mode is missed or shrunk, or all samples together are too narrow",
        ("collapsed", "collapsed"),
        reasoned=True,
        aspect=COLLAPSE,
        share_meaning="of all seeds, by their verdicts: diverged and lost ones are among all",
    ),
    "oscillating": VerdictFacts(
        "mass turns between modes, or the samples' mean about the target's", ("oscillates", "oscillate"), reasoned=True
    ),
    "diverged": VerdictFacts(
        "a loss or the samples stopped being finite, or end a hundred times as wide or far",
        ("diverged", "diverged"),
        reasoned=True,
        gone=True,
        aspect=DIVERGENCE,
    ),
    "lost": VerdictFacts(
        "the samples end off the data, and not near it",
        ("is lost", "are lost"),
        reasoned=True,
        gone=True,
        aspect=DIVERGENCE,
        share_meaning="of all seeds, by their verdicts: off the data at the end",
    ),
    "still learning": VerdictFacts("none of the others", ("is still learning", "are still learning")),
}
FAILED = "failed"  # in place of the verdict of a member that could not be trained
INTERRUPTED, NOT_BEGUN = "interrupted", "not begun"  # the same, of a run that was interrupted
UNJUDGED = (FAILED, INTERRUPTED, NOT_BEGUN)
BECAME = {word: facts.became for word, facts in VERDICTS.items()} | {FAILED: (FAILED, FAILED)}
GONE = tuple(word for word, facts in VERDICTS.items() if facts.gone)
REASONED = tuple(word for word, facts in VERDICTS.items() if facts.reasoned)


@dataclass(frozen=True)
class Verdict:
    """What became of a member: a word, a phrase that says why, and the numbers in it.

    Modes count from 1 in the order of `Modes.centres`. Raises ``ValueError`` for a word that the catalogue lacks.
    """

    word: str  # one of `VERDICTS`, or of `UNJUDGED`
    detail: str = ""
    missing: tuple[int, ...] = ()  # modes, of a collapsed or oscillating member
    shrunk: tuple[int, ...] = ()  # modes, of a collapsed or oscillating member
    amplitude: float | None = None  # half of low to high; of a mode's mass, or of the mean in target's stds
    period: float | None = None  # generator steps
    step: int | None = None  # at which a diverged or lost member was first seen to be, for good

    def __post_init__(self) -> None:
        if self.word not in (*VERDICTS, *UNJUDGED):
            raise ValueError(f"{self.word!r} is no verdict: settings/catalogue/verdicts.py has {', '.join(VERDICTS)}")

    @property
    def diverged_at(self) -> int | None:
        """The generator step at which a diverged member was first seen to be; None of any other."""
        return self.step if self.word == "diverged" else None
