"""A ranking in sentences, as a table to read, and as rows of ranking.csv."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from dynamics.base.intervals import FEWEST_SEEDS_FOR_A_TEST
from dynamics.reports.plain_sentences import LEVEL, p_words
from dynamics.reports.ranking import BEST, RANKED_BY, Placed, Ranking, Spread
from dynamics.reports.tables import counted, mean_words, number
from dynamics.runner.results import Results
from dynamics.settings.catalogue.scores import SCORES

ROWS, OPEN = 80, 20  # of a report's ranking tables together, in all and before they are folded; ranking.csv has all
RANKING_COLUMNS = (
    *("target", "place", "setting", "score", "n", "mean", "low", "high", "against", "difference"),
    *("difference_low", "difference_high", "p_corrected"),
)
_WORDS = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


class RankingPart(NamedTuple):
    """What a report shows of a ranking: paragraphs, then a table; its rows after the first `open` are folded."""

    heading: str
    sentences: list[str]
    columns: list[str]
    rows: list[list[str]]
    open: int


def ranking_parts(results: Results, ranked: Sequence[Ranking]) -> list[RankingPart]:
    """Each target's ranking, as many rows of each as a report has room for."""
    most, shown = (max(BEST, rows // max(1, len(ranked))) for rows in (ROWS, OPEN))
    return [_part(results, ranking, most, shown) for ranking in ranked]


def ranking_rows(results: Results, ranked: Sequence[Ranking]) -> list[dict[str, Any]]:
    """A row per setting, best first; differences where it was held against another, p-values where there are tests."""
    names, rows = results.names, []
    for ranking in ranked:
        for place, p in enumerate(ranking.placed, 1):
            e, against = p.score.estimate, p.against
            difference = against.difference.estimate if against else None
            values = (
                *(ranking.target, place, names[p.setting], RANKED_BY, *(e.n, e.value, e.low, e.high)),
                *((names[ranking.against], *difference[:3]) if difference else (None,) * 4),
                against.p if against and against.tested else None,
            )
            rows.append(dict(zip(RANKING_COLUMNS, values, strict=True)))
    return rows


def _part(results: Results, ranking: Ranking, most: int, before: int) -> RankingPart:
    score, count = SCORES[RANKED_BY], len(ranking.placed)
    null = results.null[ranking.placed[0].setting][RANKED_BY][0]
    first = results.labels[ranking.against][1]
    sentences = [
        f"Ranked by {score.title}, lower is better: the mean at the end over {_seeds(ranking)}. A perfect generator has"
        f" {number(null, score.digits)} {score.unit}."
    ]
    if ranking.has_baseline:
        sentences += _against_baseline(ranking, first)
        shown = ranking.placed[:most]
    else:
        sentences.append(_ties(ranking))
        shown = ranking.placed[:BEST]
    sentences.append(
        f"The best of {count} looks better than it is: the same seeds chose it and score it. For a fair score, train it"
        " again on seeds that were not used here (--seed)."
    )
    if any(p.diverged for p in ranking.placed):
        sentences.append("A GAN that diverged counts as the worst there can be, ln 2 = 0.693.")
    if len(shown) < count:
        sentences.append(f"The table has the first {len(shown)} of {count}; ranking.csv has all.")
    tested = ranking.tested
    held = f"less that of {first}" if ranking.has_baseline else "less that of the first"
    columns = ["place", "setting", f"{score.title}, {score.unit}", held, *(["corrected p"] if tested else [])]
    rows = [_row(results, ranking, place, p, tested) for place, p in enumerate(shown, 1)]
    return RankingPart(f"Ranking: {ranking.target}", sentences, columns, rows, before)


def _row(results: Results, ranking: Ranking, place: int, p: Placed, tested: bool) -> list[str]:
    label = results.labels[p.setting][1]
    score = _spread(p.score, tested)
    if p.setting == ranking.against:
        cells = ["the baseline" if ranking.has_baseline else "the first", *([""] if tested else [])]
    elif p.against is None:
        cells = ["", *([""] if tested else [])]
    else:
        cells = [_spread(p.against.difference, tested), *([p_words(p.against.p)] if tested else [])]
    return [str(place), label, score, *cells]


def _spread(spread: Spread, tested: bool) -> str:
    """A mean with its interval; of too few seeds for a test, with its range."""
    digits = SCORES[RANKED_BY].digits
    if tested:
        return mean_words(spread.estimate, digits)
    ends = list(dict.fromkeys(number(v, digits) for v in (spread.least, spread.most)))
    return f"{number(spread.estimate.value, digits)}{f' ({ends[0]} to {ends[1]})' if len(ends) > 1 else ''}"


def _seeds(ranking: Ranking) -> str:
    return counted(max(p.score.estimate.n for p in ranking.placed), "seed")


def _few(ranking: Ranking) -> str:
    seeds = _seeds(ranking)
    are = "is" if seeds.startswith("1 ") else "are"
    return f"{seeds} {are} too few for a test, which takes {FEWEST_SEEDS_FOR_A_TEST}: brackets are ranges over seeds."


def _ties(ranking: Ranking) -> str:
    """Which of the best cannot be told from the first."""
    if not ranking.tested:
        return _few(ranking)
    held = ranking.placed[1:BEST]
    tied = [place for place, p in enumerate(held, 2) if p.against is None or not p.against.shown]
    if not tied:
        return f"The first is better than the next {_WORDS[len(held)] if len(held) > 1 else 'one'} (p < {LEVEL})."
    if tied == list(range(2, len(tied) + 2)):
        words = f"The first {_WORDS[len(tied) + 1]} cannot be told apart by these seeds"
    else:
        words = f"These seeds cannot tell the first from those at {', '.join(map(str, tied))}"
    more = len(tied) == len(held) and len(ranking.placed) > BEST
    return f"{words}{', and settings after them may be as good' if more else ''}."


def _against_baseline(ranking: Ranking, first: str) -> list[str]:
    sentences = [f"The baseline is {first}; differences are within a seed."]
    if not ranking.tested:
        return [*sentences, _few(ranking)]
    held = [p.against for p in ranking.placed if p.against is not None]
    better = sum(a.shown and a.difference.estimate.value < 0 for a in held)
    worse = sum(a.shown and a.difference.estimate.value > 0 for a in held)
    rest = len(held) - better - worse
    none = f" For {rest} no difference is shown." if rest else ""
    return [
        *sentences,
        f"Of {counted(len(held), 'other setting')} {better} {'is' if better == 1 else 'are'} better and {worse}"
        f" {'is' if worse == 1 else 'are'} worse (p < {LEVEL}, corrected for all of them).{none}",
    ]
