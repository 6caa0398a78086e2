"""A ranking in sentences, as a table to read, and as rows of ranking.csv."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from dynamics.base.intervals import FEWEST_SEEDS_FOR_A_TEST
from dynamics.reports.plain_sentences import LEVEL, p_words
from dynamics.reports.ranking import BEST, RANKED_BY, Confirmed, Placed, Ranking, Spread
from dynamics.reports.tables import counted, mean_words, number
from dynamics.runner.fresh_seeds import FOLDER as CONFIRM
from dynamics.runner.results import Results
from dynamics.runner.table_columns import named
from dynamics.settings.catalogue.scores import SCORES

ROWS, OPEN = 80, 20  # of a report's ranking tables together, in all and before they are folded; ranking.csv has all
RANKING_COLUMNS = named("ranking")
_WORDS = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


class RankingPart(NamedTuple):
    """What a report shows of a ranking: paragraphs, then a table; its rows after the first `open` are folded."""

    heading: str
    sentences: list[str]
    columns: list[str]
    rows: list[list[str]]
    open: int


def ranking_parts(
    results: Results, ranked: Sequence[Ranking], again: Sequence[Confirmed] = (), resume: str | None = None
) -> list[RankingPart]:
    """Each target's ranking, as many rows of each as a report has room for, and what new seeds made of its best.

    `resume` is the command that goes on with the run, if there is one run.
    """
    most, shown = (max(BEST, rows // max(1, len(ranked))) for rows in (ROWS, OPEN))
    by_target = {c.target: c for c in again}
    parts = [_part(results, ranking, most, shown, ranking.target in by_target, resume) for ranking in ranked]
    return [*parts, *(_confirmed_part(results, c) for c in again)]


def ranking_rows(results: Results, ranked: Sequence[Ranking], again: Sequence[Confirmed] = ()) -> list[dict[str, Any]]:
    """A row per setting, best first; differences where it was held against another, p-values where there are tests.

    The last columns are the scores on new seeds, where there are any.
    """
    names, rows = results.names, []
    new = {p.setting: (e.n, *e[:3]) for c in again for p in c.after for e in [p.score.estimate]}
    for ranking in ranked:
        for place, p in enumerate(ranking.placed, 1):
            e, against = p.score.estimate, p.against
            difference = against.difference.estimate if against else None
            values = (
                *(ranking.target, place, names[p.setting], RANKED_BY, *(e.n, e.value, e.low, e.high)),
                *((names[ranking.against], *difference[:3]) if difference else (None,) * 4),
                against.p if against and against.tested else None,
                *new.get(p.setting, (None,) * 4),
            )
            rows.append(dict(zip(RANKING_COLUMNS, values, strict=True)))
    return rows


def _part(
    results: Results, ranking: Ranking, most: int, before: int, is_confirmed: bool, resume: str | None
) -> RankingPart:
    score, count = SCORES[RANKED_BY], len(ranking.placed)
    null = results.null[ranking.placed[0].setting][RANKED_BY][0]
    first = results.labels[ranking.against][1]
    sentences = [
        f"Ranked by {score.title}, lower is better: the mean at the end over {_seeds(ranking.placed)}. A perfect"
        f" generator has {number(null, score.digits)} {score.unit}."
    ]
    if ranking.has_baseline:
        sentences += _against_baseline(ranking, first)
        shown = ranking.placed[:most]
    else:
        sentences.append(_ties(ranking))
        shown = ranking.placed[:BEST]
    sentences.append(
        f"The best of {count} looks better than it is: the same seeds chose it and score it."
        f" {_way_out(is_confirmed, resume)}"
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


def _way_out(is_confirmed: bool, resume: str | None) -> str:
    if is_confirmed:
        return "Its fair score, on new seeds, is in the next section."
    how = f": {resume} --confirm {FEWEST_SEEDS_FOR_A_TEST}" if resume else " (--confirm of each run)"
    return f"For a fair score, train the best again on new seeds{how}."


def _confirmed_part(results: Results, confirmed: Confirmed) -> RankingPart:
    """The best settings of a target on new seeds, beside their scores where they were chosen."""
    score, tested = SCORES[RANKED_BY], confirmed.tested
    count, seeds = len(confirmed.after), _seeds(confirmed.after)
    which = "the baseline" if confirmed.has_baseline else "the first"
    old, new = (next(p.score for p in side if p.setting == confirmed.before[0].setting) for side in confirmed[1:3])
    best = "setting was" if count == 1 else f"{_WORDS[count] if count < len(_WORDS) else count} settings were"
    sentences = [
        f"The best {best} trained again on {seeds} that had no part in the choice: {CONFIRM}/report.html.",
        f"The first, {results.labels[confirmed.before[0].setting][1]}, scored"
        f" {number(old.estimate.value, score.digits)} {score.unit} on the seeds that chose it, and scores"
        f" {number(new.estimate.value, score.digits)} {score.unit} on the new ones.",
    ]
    if count > 1:
        sentences += _against_fixed(confirmed, which) if tested else [_few(confirmed.after)]
    columns = [
        "place",
        "setting",
        f"{score.title} where chosen, {score.unit}",
        f"on {seeds.replace(' ', ' new ')}",
        f"less that of {which}",
    ]
    rows = []
    for place, (before, after) in enumerate(zip(confirmed.before, confirmed.after, strict=True), 1):
        against = [which, ""] if after.against is None else _against_cells(after)
        cells = [str(place), results.labels[after.setting][1]]
        cells += [
            _spread(before.score, before.score.estimate.n >= FEWEST_SEEDS_FOR_A_TEST),
            _spread(after.score, tested),
        ]
        rows.append([*cells, *against[: 2 if tested else 1]])
    return RankingPart(
        f"The best on new seeds: {confirmed.target}",
        sentences,
        [*columns, *(["corrected p"] if tested else [])],
        rows,
        OPEN,
    )


def _against_cells(p: Placed) -> list[str]:
    assert p.against is not None
    return [_spread(p.against.difference, p.against.tested), p_words(p.against.p)]


def _against_fixed(confirmed: Confirmed, which: str) -> list[str]:
    """What the new seeds show of the settings beside the one that was fixed."""
    at = {p.setting: place for place, p in enumerate(confirmed.before, 1)}
    held = [(at[p.setting], p.against) for p in confirmed.after if p.against is not None]
    better = [place for place, a in held if a.shown and a.difference.estimate.value < 0]
    worse = [place for place, a in held if a.shown and a.difference.estimate.value > 0]
    rest = [place for place, a in held if not a.shown]
    words = [
        (better, f"better than {which} (p < {LEVEL}, corrected)"),
        (worse, f"worse than {which} (p < {LEVEL}, corrected)"),
    ]
    made = [
        f"On the new seeds the setting{'s' if len(places) > 1 else ''} at {_listed(places)}"
        f" {'are' if len(places) > 1 else 'is'} {how}."
        for places, how in words
        if places
    ]
    if rest:
        made.append(
            f"Between {which} and the setting{'s' if len(rest) > 1 else ''} at {_listed(rest)} no difference is shown."
        )
    return made


def _listed(places: Sequence[int]) -> str:
    names = [f"place {places[0]}", *map(str, places[1:])]
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


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


def _seeds(placed: Sequence[Placed]) -> str:
    return counted(max(p.score.estimate.n for p in placed), "seed")


def _few(placed: Sequence[Placed]) -> str:
    seeds = _seeds(placed)
    are = "is" if seeds.startswith("1 ") else "are"
    return f"{seeds} {are} too few for a test, which takes {FEWEST_SEEDS_FOR_A_TEST}: brackets are ranges over seeds."


def _ties(ranking: Ranking) -> str:
    """Which of the best cannot be told from the first."""
    if not ranking.tested:
        return _few(ranking.placed)
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
        return [*sentences, _few(ranking.placed)]
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
