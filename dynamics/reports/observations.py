"""What a run's numbers say to each of its questions: in a plain sentence for each target, and in full.

Sentences are composed from the numbers that the tables show: a difference between settings is named only where its
p-value, corrected for every comparison of the report (`intervals.max_t`), is below 5 %; a score is called above or
below a perfect generator's only where its interval leaves that out; and what was not measured is said to be missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dynamics.base.intervals import FEWEST_SEEDS_FOR_A_TEST, Estimate
from dynamics.reports.comparisons import Compared, Pair, differences
from dynamics.reports.plain_sentences import (
    LEVEL,
    is_tested,
    level,
    listed,
    names_of,
    p_words,
    question_sentences,
    target_sentence,
)
from dynamics.reports.tables import COLUMNS, SCORES, counted, has_score, mean_words, number, places, verdict_counts
from dynamics.runner.results import Results
from dynamics.runner.setting_names import mode_name
from dynamics.settings.catalogue.scores import ASPECTS, MODES, SWINGS
from dynamics.settings.catalogue.verdicts import BECAME, COLLAPSE, FAILED, GONE, REASONED, VERDICTS
from dynamics.settings.messages import flag

MOST = 24  # pairs of settings told one by one, those that differ first; differences.csv has all
LISTED = 4  # shown differences of one aspect that a summary tells one by one
BETWEEN = {"run": "Between the runs", "budget": "Between budgets"}  # headings of what no option of a setting tells


class Answer(NamedTuple):
    """The answer to one question: a sentence for each target; then in full, what is folded under these.

    In full it is a paragraph, then setting by setting or pair by pair (heading, paragraph).
    """

    heading: str
    sentences: list[str]
    summary: str
    entries: list[tuple[str, str]]


def observe(results: Results, compared: Sequence[Compared] | None = None) -> list[Answer]:
    """How each target is captured, then what each option changes in which settings of the study differ.

    `compared` are the results' `differences`, where they are known already.
    """
    headings = {"": "How each target is captured", **results.study.headings}
    entries = []
    for target, indices in results.targets.items():
        for i in filter(results.has_ended, indices):
            words = f"{_capture(results, i)} {_judged(results, i)}".strip()
            entries.append((f"{target}: {results.labels[i][1]}", words))
    ended = {target: [i for i in of if results.has_ended(i)] for target, of in results.targets.items()}
    sentences = [target_sentence(results, target, of) for target, of in ended.items() if of]
    parts = [Answer(headings[""], [*_waiting(results), *sentences], _captures(results), entries)]
    family = differences(results) if compared is None else compared
    options = dict.fromkeys(c.pair.option for c in family)
    for option in sorted(options, key=lambda o: list(headings).index(o) if o in headings else len(headings)):
        chosen = [c for c in family if c.pair.option == option]
        pairs: dict[Pair, list[Compared]] = {}
        for c in chosen:
            pairs.setdefault(c.pair, []).append(c)
        listed = sorted(pairs, key=lambda pair: min(level(c) for c in pairs[pair]) >= LEVEL)[:MOST]
        entries = [(_heading(results, pair), _pair(results, pair, pairs[pair])) for pair in pairs if pair in listed]
        heading = headings.get(option) or BETWEEN.get(option) or f"What {flag(option)} changes"
        summary = _summary(results, chosen, len(pairs) - len(entries))
        parts.append(Answer(heading, question_sentences(results, chosen), summary, entries))
    return parts


def observations(results: Results) -> list[tuple[str, str]]:
    """(heading, paragraph) of every entry of every part."""
    return [entry for part in observe(results) for entry in part.entries]


# --- each question in a paragraph ------------------------------------------------------------------------------------


def _waiting(results: Results) -> list[str]:
    """Of an interrupted run, what nothing is said of."""
    waiting = [" · ".join(results.labels[i]) for i in range(len(results.labels)) if not results.has_ended(i)]
    if not waiting:
        return []
    return [f"Nothing is said of what has not ended, as its course may still turn: {', '.join(waiting)}."]


def _captures(results: Results) -> str:
    """How the GANs on each target ended."""
    sentences = []
    for target, of_target in results.targets.items():
        indices = [i for i in of_target if results.has_ended(i)]
        if not indices:
            continue
        counts: dict[str, int] = {}
        for word in (results.words[m] for i in indices for m in results.of_setting(i)):
            counts[word] = counts.get(word, 0) + 1
        n = sum(counts.values())
        words = [
            f"{count} {BECAME[word][count != 1]}"
            for word, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        ]
        held = ""
        modes, scored = results.modes[indices[0]], [results.final("modes_covered", i) for i in indices]
        if modes and modes > 1 and any(np.isfinite(values).any() for values in scored):
            full = sum(int((values == modes).sum()) for values in scored)
            every = "both" if modes == 2 else f"all {modes}"
            held = f"; {full} {'holds' if full == 1 else 'hold'} {every} modes at the end"
        ended = f"of {n} GANs {listed(words)}" if n > 1 else f"the one GAN {words[0].partition(' ')[2]}"
        sentences.append(f"{target}: {ended}{held}.")
    return " ".join(sentences)


def _summary(results: Results, chosen: list[Compared], untold: int) -> str:
    """What settings that differ in one option show, aspect by aspect."""
    sentences = [] if any(is_tested(c) for c in chosen) else [_few(max(c.shared for c in chosen))]
    for aspect, scores in ASPECTS.items():
        family = [c for c in chosen if c.score in scores]
        if not family:
            continue
        shown = [c for c in family if level(c) < LEVEL]
        words = [_shown(results, c) for c in shown[:LISTED]]
        if len(shown) > LISTED:
            words.append(f"{len(shown) - LISTED} more differences, in differences.csv")
        rest = len(family) - len(shown)
        if not any(is_tested(c) for c in family):
            words.append(f"{counted(rest, 'comparison')} not tested")
        elif rest:
            which = counted(rest, "comparison") if not shown else f"the other {rest}" if rest > 1 else "the other one"
            words.append(f"no difference is shown in {which}")
        if aspect == COLLAPSE:
            words.insert(0, _collapsed(results, chosen))
        sentences.append(f"{aspect}: {'; '.join(words)}.")
    if untold:
        more = "1 more pair of settings is" if untold == 1 else f"{untold} more pairs of settings are"
        sentences.append(f"{more} in differences.csv alone.")
    return " ".join(sentences)


def _shown(results: Results, c: Compared) -> str:
    x, y = names_of(results, c.pair)
    score, by = SCORES[c.score], _by(c)
    where, rest = results.labels[c.pair.first]
    if c.pair.option == "std":
        where = f"{mode_name(results.study.settings[c.pair.first].mode)}, {rest}"
    more = _more(c.score, c.difference.value)
    of = f"p {p_words(c.p_corrected)}{_left_out(c).replace(' (', ', ').replace(')', '')}"
    return f"{score.title} {more} with {x} than with {y} on {where}, by {by} ({of})"


def _collapsed(results: Results, chosen: list[Compared]) -> str:
    """How many of all GANs collapsed with each value of the option that the pairs differ in.

    Those that diverged or lost the data are among all, and told beside: they cannot collapse any more.
    """
    members: dict[str, set[int]] = {}
    for c in chosen:
        for name, index in zip(names_of(results, c.pair), c.pair[:2], strict=True):
            members.setdefault(name, set()).update(results.of_setting(index))
    counts = []
    for name, of_name in members.items():
        words = [results.words[m] for m in of_name if results.words[m] != FAILED]
        gone = [f"{n} {word}" for word in GONE if (n := words.count(word))]
        beside = f" ({', '.join(gone)})" if gone else ""
        counts.append(f"{words.count('collapsed')} of {len(words)} with {name}{beside}")
    return f"{', '.join(counts)} collapsed"


def _heading(results: Results, pair: Pair) -> str:
    target, rest = results.labels[pair.first]
    x, y = names_of(results, pair)
    return f"{target}: {x} against {y}" + (f", {rest}" if pair.option == "std" else "")


def _pair(results: Results, pair: Pair, of_scores: list[Compared]) -> str:
    """All that is compared between two settings: what differs, then what is not shown to."""
    x, y = names_of(results, pair)
    words = [_intro(of_scores[0].shared)]
    if pair.option == "std":
        words.append("Each score is relative to its own target.")
    words += [_difference(results, c, x, y) for c in of_scores if level(c) < LEVEL]
    for tested, so_far in ((True, "No difference shown"), (False, "Too few seeds for a test")):
        if rest := [_not_shown(c) for c in of_scores if is_tested(c) is tested and not level(c) < LEVEL]:
            words.append(f"{so_far} ({x} − {y}) in {'; '.join(rest)}.")
    return " ".join(words)


# --- a setting -------------------------------------------------------------------------------------------------------


def _capture(results: Results, index: int) -> str:
    """How well a setting's generators capture the target, beside a perfect one."""
    names = [n for n in (*COLUMNS, "spread") if has_score(results, n, index)]
    scored = max((results.estimate(name, index).n for name in names), default=0)
    seeds, modes = len(results.of_setting(index)), results.modes[index]
    if not scored:
        return f"None of {counted(seeds, 'seed')} has a score at the last snapshot."
    sentences, lacking = [], []
    for name in names:
        e, null, score = results.estimate(name, index), results.null[index][name][0], SCORES[name]
        if e.n == 0:
            if not name.startswith("ema_") or results.study.settings[index].ema > 0:  # an average is kept
                lacking.append(score.title)
            continue
        if name == "modes_covered" and modes:
            full = int((results.final(name, index) == modes).sum())
            if modes == 1:
                sentences.append(f"G covers the target's one mode in {full} of {counted(e.n, 'seed')}.")
            else:
                sentences.append(
                    f"G covers {mean_words(e)} of {modes} modes, all of them in {full} of {counted(e.n, 'seed')}."
                )
            continue
        digits = places(score.digits, (e.low, null), (e.high, null))
        value, perfect = mean_words(e, digits), f"a perfect generator's {number(null, digits)}"
        unit = (f" {score.unit}" if score.unit else "") + (f" ({e.n} of {seeds} seeds)" if e.n < scored else "")
        title = score.title[0].upper() + score.title[1:]
        if e.n == 1:
            sentences.append(f"{title} is {value}{unit}, against {perfect}.")
        elif e.low <= null <= e.high:
            sentences.append(f"{title} is {value}{unit}, an interval that holds {perfect}.")
        elif e.high < null:
            sentences.append(f"{title} is {value}{unit}, below {perfect}.")
        elif name == "high_quality":
            sentences.append(
                f"{title} is {value}, above {perfect}: too many samples lie near a centre,"
                " which is under-dispersion, not excellence."
            )
        else:
            sentences.append(f"{title} is {value}{unit}, above {perfect}.")
    if lacking:
        sentences.append(f"No seed has {' or '.join(lacking)} at the last snapshot.")
    if scored < seeds:
        have = "has" if scored == 1 else "have"
        sentences.append(f"Only {scored} of {seeds} seeds {have} scores, and the means are over those.")
    if scored == 1:
        sentences.append("From one seed there is no interval: another seed may do otherwise.")
    return " ".join(sentences)


def _judged(results: Results, index: int) -> str:
    """The verdicts on a setting's seeds, each share with Wilson's interval."""
    counts = verdict_counts(results, index)
    failed = counts.pop(FAILED, 0)
    sentences = []
    swings = {n: e for n in SWINGS if (e := results.estimate(n, index)).n}
    if swings:
        every, least = len(results.of_setting(index)), min(e.n for e in swings.values())
        words = [
            f"{mean_words(e, SCORES[n].digits)}{_unit(n)} for {SWINGS[n].words}"
            + (f" ({e.n} of {every} seeds)" if least < every else "")
            for n, e in swings.items()
        ]
        sentences.append(f"Swing over the last half: {', '.join(words)}.")
    if counts:
        n = sum(counts.values())
        shares = [f"{count} {word} ({mean_words(results.share(word, index))})" for word, count in counts.items()]
        sentences.append(f"Verdicts on {counted(n, 'seed')}, as shares [95 % interval]: {', '.join(shares)}.")
    why: dict[str, list[str]] = {}  # word -> seeds and reasons
    for m in results.of_setting(index):
        verdict = results.verdicts[m]
        if verdict.word in REASONED and verdict.detail:
            why.setdefault(verdict.word, []).append(f"seed {results.members[m].seed}: {verdict.detail}")
    for word, reasons in why.items():
        more = f"; and {len(reasons) - 3} more, see summary.csv" if len(reasons) > 3 else ""
        sentences.append(f"{word[0].upper() + word[1:]}: {'; '.join(reasons[:3])}{more}.")
    steps = [at for m in results.of_setting(index) if (at := results.verdicts[m].diverged_at) is not None]
    if steps:
        sentences.append(f"The earliest divergence was seen at step {min(steps)}.")
    if failed:
        sentences.append(f"{counted(failed, 'seed')} failed to run and {'is' if failed == 1 else 'are'} left out.")
    return " ".join(sentences)


def _intro(shared: int) -> str:
    """What a pair's paragraph is made from, and whether so few seeds can be tested at all."""
    if shared == 1:
        return "One shared seed, so a difference has no interval."
    sentence = f"Differences within a seed, mean [95 % interval] over {counted(shared, 'shared seed')}."
    return sentence if shared >= FEWEST_SEEDS_FOR_A_TEST else f"{sentence} {_few(shared)}"


def _few(shared: int) -> str:
    are = "1 seed is" if shared == 1 else f"{shared} seeds are"
    return f"{are} too few for a test, which takes {FEWEST_SEEDS_FOR_A_TEST}."


def _not_shown(compared: Compared) -> str:
    """A score in which no difference is shown, with what was measured of one."""
    e, title = compared.difference.estimate, SCORES[compared.score].title
    if e.n == 0:
        return f"{title}: no shared seed has it at both"
    left_out = _left_out(compared)
    digits = places(SCORES[compared.score].digits, (e.low, 0), (e.high, 0), (e.value, 0))
    if e.n == 1:
        return f"{title}: {number(e.value, digits)}{_unit(compared.score)} in the one seed{left_out}"
    if e.value == e.low == e.high == 0:
        return f"{title}: equal in all {e.n} seeds{left_out}"
    corrected = f", corrected p {p_words(compared.p_corrected)}" if is_tested(compared) else ""
    return f"{title}: {mean_words(e, digits)}{_unit(compared.score)}{corrected}{left_out}"


def _left_out(compared: Compared) -> str:
    n, shared = compared.difference.n, compared.shared
    return f" (only {n} of {shared} shared seeds have it at both)" if n < shared else ""


def _by(compared: Compared) -> str:
    """The size of a difference that is shown, with its interval."""
    e, score = compared.difference.estimate, SCORES[compared.score]
    digits = places(score.digits, (e.low, 0), (e.high, 0), (e.value, 0))
    return mean_words(e if e.value > 0 else Estimate(-e.value, -e.high, -e.low, e.n), digits) + _unit(compared.score)


def _difference(results: Results, compared: Compared, x: str, y: str) -> str:
    """What the paired values of a score show of the first setting, named `x`, against the second, `y`."""
    name, option, e = compared.score, compared.pair.option, compared.difference.estimate
    score = SCORES[name]
    title, left_out = score.title[0].upper() + score.title[1:], _left_out(compared)
    if np.isclose(e.low, e.high, rtol=1e-9, atol=0):
        left_out += "; every seed differs by the same, so the interval has no width"
    upward, corrected = e.value > 0, f"corrected p {p_words(compared.p_corrected)}"
    sentence = f"{title}: {_more(name, e.value)} with {x} than with {y}, by {_by(compared)}, {corrected}{left_out}"
    if name in SWINGS:
        return f"{sentence}; {y if upward else x} is the steadier."
    if name in VERDICTS:
        return f"{sentence}."
    nulls = [results.null[i][name][0] for i in compared.pair[:2]]
    if score.better == "nearer":  # to a perfect generator's: more is not better
        distances = [abs(mean - null) for mean, null in zip(compared.means, nulls, strict=True)]
        if option == "std":  # two targets, each with its own
            place = f"{x} is the nearer" if distances[0] < distances[1] else f"{y} is the nearer"
            if distances[0] == distances[1]:
                place = "both are as near"
            perfect = " and ".join(number(null, score.digits) for null in nulls)
            return f"{sentence}; to a perfect generator's {perfect}, {place}."
        place = (
            "nearer to"
            if distances[0] < distances[1]
            else "further from"
            if distances[0] > distances[1]
            else "as far from"
        )
        return f"{sentence}; the mean with {x} is {place} a perfect generator's {number(nulls[0], score.digits)}."
    better = x if upward == {"more": True, "less": False}[score.better] else y
    return f"{sentence}; {better} is {'captured the better' if option == 'std' else 'the better'}."


def _more(name: str, difference: float) -> str:
    upward, downward = ("more", "fewer") if SCORES[name].ends == MODES else ("higher", "lower")
    return upward if difference > 0 else downward


def _unit(name: str) -> str:
    return f" {SCORES[name].unit}" if SCORES[name].unit else ""
