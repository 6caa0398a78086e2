"""What a run's numbers say, in sentences that can be said aloud: one for each target and each question.

Numbers stand in brackets. A difference is called one only where its p-value, corrected for every comparison of the
report, is below 5 %. Of fewer seeds than a test takes (`FEWEST_SEEDS_FOR_A_TEST`) ranges are given, and no test.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from dynamics.base.intervals import FEWEST_SEEDS_FOR_A_TEST, Estimate
from dynamics.reports.comparisons import Compared, Pair
from dynamics.reports.tables import has_score, mean_words, number, places
from dynamics.runner.results import Results
from dynamics.runner.setting_names import mode_name
from dynamics.settings.catalogue.scores import COMPARED, SCORES
from dynamics.settings.catalogue.verdicts import BECAME, VERDICTS

LEVEL = 0.05  # a difference is shown where its corrected p-value is below
FEW_PAIRS = 2  # of one question and one target, beyond which they are summed up
CLAUSES = 2  # differences of a pair that a sentence names
VERDICTS_NAMED = 2  # of a target's GANs, the most frequent
HEADLINE = "jsd"  # the score that stands for all where none differs

# score -> what G or a GAN does, where the first of a pair has more of it and where it has less; the most telling first
CLAUSES_OF: dict[str, tuple[str, str]] = {
    "jsd": ("G stays further from the data", "G comes closer to the data"),
    "modes_covered": ("G covers more modes", "G covers fewer modes"),
    "collapsed": ("G collapses more often", "G collapses less often"),
    "high_quality": ("G puts more samples near a mode", "G puts fewer samples near a mode"),
    "diverged": ("training diverges more often", "training diverges less often"),
    "lost": ("G loses the data more often", "G loses the data less often"),
    "jsd_swing": ("G's distance from the data swings more", "G's distance from the data swings less"),
    "g_loss_swing": ("G's loss swings more", "G's loss swings less"),
    "d_loss_swing": ("D's loss swings more", "D's loss swings less"),
}
if set(CLAUSES_OF) != set(COMPARED):
    raise RuntimeError(f"clauses of {sorted(CLAUSES_OF)}, and what is compared is {sorted(COMPARED)}")


def level(compared: Compared) -> float:
    """A difference's corrected p-value; 1 where there is nothing to test."""
    return compared.p_corrected if np.isfinite(compared.p_corrected) and compared.difference.n > 1 else 1.0


def is_tested(compared: Compared) -> bool:
    """Whether a difference has as many seeds as a test takes."""
    return compared.difference.n >= FEWEST_SEEDS_FOR_A_TEST


def listed(words: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def p_words(p: float) -> str:
    """A p-value, in as many digits as tell it from the level."""
    if p < 0.001:
        return "below 0.001" if p < 0.0005 else number(p, 4)
    return number(min(p, 1.0), places(3, (p, LEVEL)))


# --- a target --------------------------------------------------------------------------------------------------------


def target_sentence(results: Results, target: str, indices: Sequence[int]) -> str:
    """How the GANs on a target ended, its settings together; `indices` are those that have ended."""
    words = [results.words[m] for i in indices for m in results.of_setting(i)]
    n, counts = len(words), {word: words.count(word) for word in dict.fromkeys(words)}
    by_count = sorted(counts, key=lambda word: (-counts[word], word))
    most = by_count[0]
    rest = [f"{counts[word]} {word}" for word in by_count[1:VERDICTS_NAMED]]
    if others := sum(counts[word] for word in by_count[VERDICTS_NAMED:]):
        rest.append(f"{others} otherwise")
    if counts[most] == n:
        ended = f"the one GAN {BECAME[most][0]}" if n == 1 else f"all {n} GANs {BECAME[most][1]}"
    elif 2 * counts[most] > n:
        ended = f"most GANs {BECAME[most][1]} ({', '.join([f'{counts[most]} of {n}', *rest])})"
    else:
        ended = f"the GANs end differently ({', '.join([f'{counts[most]} of {n} {most}', *rest])})"
    return f"On {_aloud(target)}, {ended}{_held(results, indices)}{_scores(results, indices)}."


def _held(results: Results, indices: Sequence[int]) -> str:
    """How many of the GANs hold every mode of a target that has several."""
    modes, scored = results.modes[indices[0]], [results.final("modes_covered", i) for i in indices]
    known = np.concatenate([values[np.isfinite(values)] for values in scored])
    if not modes or modes == 1 or not len(known):
        return ""
    full, every = int((known == modes).sum()), "both modes" if modes == 2 else f"all {modes} modes"
    total = sum(map(len, scored))
    if total == 1:
        return f" and {'holds' if full else 'does not hold'} {every}"
    if full in (0, total):
        return f", and {'all hold' if full else 'none holds'} {every}"
    return f", and {full} of {total} {'holds' if full == 1 else 'hold'} {every}"


def _scores(results: Results, indices: Sequence[int]) -> str:
    """The settings' mean JSD, beside that of a perfect generator."""
    score, null = SCORES[HEADLINE], results.null[indices[0]].get(HEADLINE, (np.nan, 0))[0]
    means = {i: e for i in indices if has_score(results, HEADLINE, i) and (e := results.estimate(HEADLINE, i)).n}
    if not means:
        return ""
    perfect = f", perfect generator {number(null, score.digits)}"
    if len(means) > FEW_PAIRS:
        least, most = (number(f(e.value for e in means.values()), score.digits) for f in (min, max))
        return f" (mean {score.title} {least} to {most} in {len(means)} settings{perfect})"
    values = [number(e.value, score.digits) for e in means.values()]
    names = _briefly([results.labels[i][1] for i in means])
    words = [f"{v} with {name}" for v, name in zip(values, names, strict=True)] if len(indices) > 1 else values
    return f" ({score.title} {', '.join(words)}{perfect})"


# --- a question ------------------------------------------------------------------------------------------------------


def question_sentences(results: Results, chosen: Sequence[Compared]) -> list[str]:
    """What settings that differ in one option show, a sentence for each target; `chosen` are that option's."""
    groups: dict[str, dict[Pair, list[Compared]]] = {}
    for c in chosen:
        groups.setdefault(_place(results, c.pair), {}).setdefault(c.pair, []).append(c)
    return [_group(results, place, pairs) for place, pairs in groups.items()]


def _place(results: Results, pair: Pair) -> str:
    """What a pair's settings have in common: their target, or of two targets the kind."""
    if pair.option == "std":
        return mode_name(results.study.settings[pair.first].mode)
    return _aloud(results.labels[pair.first][0])


def _briefly(names: Sequence[str]) -> list[str]:
    """What settings are called, without repeating what is counted: '2 D steps', '1'."""
    counts = [re.fullmatch(r"(\d+) D steps?", name) for name in names]
    return [names[0], *(c[1] if all(counts) and c else n for n, c in zip(names[1:], counts[1:], strict=True))]


def _aloud(target: str) -> str:
    """'mixture_4, std 0.2'."""
    return target.replace(" · ", ", ")


def names_of(results: Results, pair: Pair) -> tuple[str, str]:
    """What a pair's settings are called beside one another."""
    (x_target, x), (y_target, y) = (results.labels[i] for i in pair[:2])
    if pair.option == "std":  # which the labels of the two targets name, and the rest is equal
        return x_target.partition(" · ")[2], y_target.partition(" · ")[2]
    return x, y


def _group(results: Results, place: str, pairs: dict[Pair, list[Compared]]) -> str:
    if len(pairs) > FEW_PAIRS:
        return _many(results, place, pairs)
    clauses = [_of_pair(results, pair, of_scores, CLAUSES // len(pairs)) for pair, of_scores in pairs.items()]
    if any(pair.option == "std" for pair in pairs) and len(pairs) > 1:
        where = [results.labels[pair.first][1] for pair in pairs]
        clauses = [f"at {rest} {words}" for rest, words in zip(where, clauses, strict=True)]
    return f"On {place}, {'; '.join(clauses)}."


def _of_pair(results: Results, pair: Pair, of_scores: Sequence[Compared], most: int) -> str:
    """A pair's differences, or that none is shown, or that there are too few seeds to say so."""
    x, y = _briefly(names_of(results, pair))
    by_score = {c.score: c for c in of_scores}
    ordered = [by_score[name] for name in CLAUSES_OF if name in by_score]
    if not any(is_tested(c) for c in ordered):
        return _untested(results, x, y, pair, ordered)
    shown = [c for c in ordered if is_tested(c) and level(c) < LEVEL]
    if not shown:
        return _undecided(x, y, ordered)
    first, *others = shown[:most]
    clauses = [f"{_clause(first)} with {x} than with {y} ({_size(first)})"]
    clauses += [f"{_clause(c).removeprefix('G ')} ({_p(c)})" for c in others]
    return listed(clauses)


def _undecided(x: str, y: str, ordered: Sequence[Compared]) -> str:
    tested = [c for c in ordered if is_tested(c)]
    nearest = min(tested, key=level)
    words = f"{nearest.difference.n} seeds show no difference between {x} and {y}"
    if level(nearest) >= 0.5:
        return f"{words} (no p is below {p_words(level(nearest))})"
    return f"{words}: that {_clause(nearest)} with {x} could be chance ({_size(nearest)})"


def _clause(c: Compared) -> str:
    """What the first of a pair does in a score more, or less, than the second."""
    return CLAUSES_OF[c.score][c.difference.value < 0]


def _size(c: Compared) -> str:
    """How far apart the two are: counts of seeds for a verdict, else the difference with its interval."""
    e, score, n = c.difference.estimate, SCORES[c.score], c.difference.n
    if c.score in VERDICTS:
        first, second = (round(mean * n) for mean in c.means)
        return f"{first} of {n} seeds against {second}, {_p(c)}"
    digits = places(score.digits, (e.low, 0), (e.high, 0), (e.value, 0))
    size = e if e.value > 0 else Estimate(-e.value, -e.high, -e.low, e.n)
    unit = f" {score.unit}" if score.unit else ""
    few = f" in {n} of {c.shared} seeds" if n < c.shared else ""
    return f"{score.title} by {mean_words(size, digits)}{unit}{few}, {_p(c)}"


def _p(c: Compared) -> str:
    return f"p = {p_words(level(c))}".replace("= below", "below")


def _untested(results: Results, x: str, y: str, pair: Pair, ordered: Sequence[Compared]) -> str:
    """What so few seeds have, as ranges."""
    shared = ordered[0].shared if ordered else 0
    few = "1 seed is too few" if shared == 1 else f"{shared} seeds are too few"
    parts = []
    for name in (HEADLINE, "modes_covered"):
        words = [_range(results.final(name, i), name) for i in pair[:2] if has_score(results, name, i)]
        if len(words) == 2 and all(words):
            unit = f" {SCORES[name].unit}" if SCORES[name].unit else ""
            parts.append(f"{SCORES[name].title} is {words[0]}{unit} with {x} and {words[1]}{unit} with {y}")
            break
    return ": ".join([f"{few} for a test", *parts]) if shared else "the two have no seed in common"


def _range(values: np.ndarray, name: str) -> str:
    """'0.102', '0.102 to 0.310'; nothing where no seed has it."""
    known = values[np.isfinite(values)]
    ends = dict.fromkeys(number(v, SCORES[name].digits) for v in ((known.min(), known.max()) if len(known) else ()))
    return " to ".join(ends)


def _many(results: Results, place: str, pairs: dict[Pair, list[Compared]]) -> str:
    """Many pairs together: in how many a score differs, and the largest difference of the most telling score."""
    tested = [c for c in _flat(pairs) if is_tested(c)]
    if not tested:
        most = max((c.shared for c in _flat(pairs)), default=0)
        few = "1 seed is too few" if most == 1 else f"{most} seeds are too few"
        indices = dict.fromkeys(i for pair in pairs for i in pair[:2])
        values = _range(np.concatenate([results.final(HEADLINE, i) for i in indices]), HEADLINE)
        of_all = f"; {SCORES[HEADLINE].title} is {values} {SCORES[HEADLINE].unit} over all of them" if values else ""
        return f"On {place}, {few} for a test of {len(pairs)} pairs of settings{of_all}."
    shown = [c for c in tested if level(c) < LEVEL]
    if not shown:
        return f"On {place}, these seeds show no difference in any of {len(pairs)} pairs of settings."
    apart = len({c.pair for c in shown})
    name = next(name for name in CLAUSES_OF if any(c.score == name for c in shown))
    largest = max((c for c in shown if c.score == name), key=lambda c: abs(c.difference.value))
    x, y = _briefly(names_of(results, largest.pair))
    return (
        f"On {place}, {apart} of {len(pairs)} pairs of settings {'differs' if apart == 1 else 'differ'}; most of all,"
        f" {_clause(largest)} with {x} than with {y} ({_size(largest)})."
    )


def _flat(pairs: dict[Pair, list[Compared]]) -> Iterable[Compared]:
    return (c for of_scores in pairs.values() for c in of_scores)
