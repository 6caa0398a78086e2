"""What a run found, in words and tables: report.html, report.md and the terminal's table, from its results.

Sentences are composed from the numbers that the tables show: a difference is named only where its interval
leaves out 0, a score is called above or below a perfect generator's only where its interval leaves that out,
and what was not measured is said to be missing.
"""

from __future__ import annotations

import base64
import dataclasses
import itertools
import re
import shlex
import struct
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import jinja2
import numpy as np

from intervals import Estimate, mean_interval
from results import Results, setting_labels, setting_names
from settings import FIELDS, Setting, Study
from store import RunFolder

COMPARED = (
    "modes_covered",
    "high_quality",
    "jsd",
)  # the table's scores, and those that paired settings differ in
NONE = "–"  # in place of a number that does not exist
WIDTH = 100  # columns of the terminal's table


class Score(NamedTuple):
    title: str
    unit: str
    digits: int
    meaning: str


SCORES = {
    "modes_covered": Score(
        "modes covered",
        "",
        2,
        "modes that hold at least a quarter of their true weight in high-quality samples",
    ),
    "modes_hit": Score("modes hit", "", 2, "modes with at least one high-quality sample"),
    "high_quality": Score(
        "high quality",
        "",
        3,
        "share of samples within 3 std of the nearest mode; for one mode, or modes far apart, a perfect"
        " generator scores 1 − e^(−9/2) = 0.98889, not 1, and more than that generator is under-dispersion",
    ),
    "reverse_kl": Score(
        "reverse KL",
        "nats",
        3,
        "Kullback–Leibler divergence of the high-quality samples' histogram over modes from the true weights;"
        " 0 at best",
    ),
    "jsd": Score(
        "JSD",
        "nats",
        3,
        "Jensen–Shannon divergence of the samples from the known density, on cells of equal true probability;"
        " lower is better, at most ln 2 = 0.693, and above 0 for a perfect generator too: samples are finite",
    ),
    "spread": Score("spread", "", 2, "trace of the samples' covariance over the target's; 1 for a perfect generator"),
    "w2": Score("Wasserstein-2", "data units", 3, "optimal-transport distance between samples and target"),
    "critic_gap": Score("critic gap", "nats", 3, "value of the optimal discriminator less that of D"),
}


def write_report(results: Results, folder: RunFolder, facts: Mapping[str, Any]) -> None:
    """Write report.html (self-contained) and report.md (relative links) into a run's folder.

    `facts` is what run.json says of how the run went: command, versions, device, threads, seconds; what is
    missing is left out. Pictures are those in the folder. Raises ``OSError`` where the file system does.
    """
    page = _page(results, folder, facts)
    templates = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
    shared: dict[str, Any] = {
        "loader": templates,
        "undefined": jinja2.StrictUndefined,
        "keep_trailing_newline": True,
    }
    html = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, **shared)
    # intervals stay whole at the end of a line
    html.filters["whole"] = lambda words: re.sub(r"\[[^]]*\]", lambda found: found[0].replace(" ", "\u00a0"), words)
    # every value put into the Markdown is escaped, unless it is `Markdown` already
    markdown = jinja2.Environment(autoescape=False, finalize=_markdown, trim_blocks=True, lstrip_blocks=True, **shared)
    markdown.filters |= {"fence": _fence, "url": lambda path: Markdown(quote(path))}
    folder.write_text("report.html", html.get_template("report.html").render(page))
    folder.write_text("report.md", markdown.get_template("report.md").render(page))


# --- the table ----------------------------------------------------------------------------------------------


class Row(NamedTuple):
    """A line of the comparison: a setting, or what a perfect generator scores at the settings' target."""

    label: str
    seeds: str
    scores: list[tuple[str, str]]  # mean and interval, in the order of the columns
    verdicts: list[str]


def text_table(results: Results) -> str:
    """The comparison for a terminal: a line per setting, and a perfect generator's scores at each target."""
    columns = _columns(results)
    lines = [["", "seeds", *(_title(name) for name in columns), "verdicts"]]
    titles = {}
    for target, indices in _targets(results).items():
        titles[len(lines)] = target
        for row in _rows(results, indices, perfect="perfect G", digits={"modes_covered": 1}):
            cells = [f"{mean} {interval}".rstrip() for mean, interval in row.scores]
            verdicts = row.verdicts or [""]
            lines.append([f" {row.label}", row.seeds, *cells, verdicts[0]])
            lines += [[""] * (len(columns) + 2) + [verdict] for verdict in verdicts[1:]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    printed = []
    for number, line in enumerate(lines):
        printed += [titles[number]] if number in titles else []
        printed.append("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    return "\n".join([*printed, "", *textwrap.wrap(_legend(results, "perfect G"), WIDTH)])


def _legend(results: Results, perfect: str) -> str:
    """What the table's brackets, null and signs mean."""
    samples = results.samples.shape[2]
    words = (
        "Mean over seeds [95 % interval of that mean];"
        f" {perfect}: what {samples} samples of the target itself score on average."
    )
    rows = [row for indices in _targets(results).values() for row in _rows(results, indices)]
    if any("/" in row.seeds for row in rows):
        words += " Seeds m/n: m of n have scores, the means are over those."
    if results.study.seeds == 1:
        words += " One seed: there is no interval."
    if any(mean == NONE for row in rows for mean, _ in row.scores):
        words += f" {NONE}: the target cannot have that score, or no seed has it."
    return words


def _columns(results: Results) -> list[str]:
    return [name for name in COMPARED if name in results.scores]


def _title(name: str) -> str:
    score = SCORES[name]
    return f"{score.title}, {score.unit}" if score.unit else score.title


def _targets(results: Results) -> dict[str, list[int]]:
    """Label of each target -> indices of its settings."""
    targets: dict[str, list[int]] = {}
    for index, (target, _) in enumerate(setting_labels(results.study.settings)):
        targets.setdefault(target, []).append(index)
    return targets


def _rows(
    results: Results,
    indices: list[int],
    *,
    perfect: str = "perfect generator",
    digits: Mapping[str, int] | None = None,
) -> list[Row]:
    """The settings of one target, then its null; `digits` replaces those of some scores."""
    columns = _columns(results)
    places = {name: SCORES[name].digits for name in columns} | dict(digits or {})
    rows = []
    for index in indices:
        scored = max((results.estimate(name, index).n for name in columns), default=0)
        seeds = len(results.of_setting(index))
        scores = []
        for name in columns:
            missing = Estimate(np.nan, np.nan, np.nan, 0)
            e = results.estimate(name, index) if _has(results, name, index) else missing
            scores.append((_number(e.value, places[name]), _interval(e, places[name])))
        verdicts = [f"{count} {verdict}" for verdict, count in _verdicts(results, index).items()]
        label = setting_labels(results.study.settings)[index][1]
        rows.append(Row(label, str(seeds) if scored == seeds else f"{scored}/{seeds}", scores, verdicts))
    null = []
    for name in columns:
        value = results.null[indices[0]][name][0]
        null.append((_number(value, 0 if name == "modes_covered" and value % 1 == 0 else places[name]), ""))
    return [*rows, Row(perfect, "", null, [])]


def _has(results: Results, name: str, index: int) -> bool:
    """Whether a setting's target can have a score at all."""
    return name in results.scores and bool(np.isfinite(results.null[index][name][0]))


def _verdicts(results: Results, index: int) -> dict[str, int]:
    """Verdict -> number of the setting's seeds, the most frequent first."""
    words = [results.verdicts[m] for m in results.of_setting(index)]
    return {word: words.count(word) for word in sorted(set(words), key=lambda w: (-words.count(w), w))}


# --- observations -------------------------------------------------------------------------------------------


def observations(results: Results) -> list[tuple[str, str]]:
    """(heading, paragraph) of what the numbers say of each target: each setting, then D steps compared."""
    return [
        (f"{target}: {heading}", words)
        for target, indices in _targets(results).items()
        for heading, words in _observe(results, indices)
    ]


def _observe(results: Results, indices: list[int]) -> list[tuple[str, str]]:
    """The observations on one target's settings."""
    labels = [label for _, label in setting_labels(results.study.settings)]
    found = [(labels[i], f"{_capture(results, i)} {_judged(results, i)}".strip()) for i in indices]
    alike: dict[Setting, list[int]] = {}
    for i in indices:
        alike.setdefault(dataclasses.replace(results.study.settings[i], d_steps=1), []).append(i)
    for group in alike.values():
        group.sort(key=lambda i: results.study.settings[i].d_steps)
        for fewer, more in itertools.combinations(group, 2):
            found.append((f"{labels[more]} against {labels[fewer]}", _compare(results, more, fewer)))
    return found


def _capture(results: Results, index: int) -> str:
    """How well a setting's generators capture the target, beside a perfect one."""
    names = [n for n in (*COMPARED, "spread") if _has(results, n, index)]
    scored = max((results.estimate(name, index).n for name in names), default=0)
    seeds, modes = len(results.of_setting(index)), results.modes[index]
    if not scored:
        return f"None of {_count(seeds, 'seed')} has a score at the last snapshot."
    said = []
    for name in names:
        e, null, score = results.estimate(name, index), results.null[index][name][0], SCORES[name]
        if name == "modes_covered" and modes:
            full = int((results.final(name, index) == modes).sum())
            if modes == 1:
                said.append(f"G covers the target's one mode in {full} of {_count(e.n, 'seed')}.")
            else:
                said.append(f"G covers {_mean(e)} of {modes} modes, all of them in {full} of {_count(e.n, 'seed')}.")
            continue
        places = _places(score.digits, (e.low, null), (e.high, null))
        value, perfect = _mean(e, places), f"a perfect generator's {_number(null, places)}"
        unit = f" {score.unit}" if score.unit else ""
        title = score.title[0].upper() + score.title[1:]
        if e.n == 1:
            said.append(f"{title} is {value}{unit}, against {perfect}.")
        elif e.low <= null <= e.high:
            said.append(f"{title} is {value}{unit}: no difference from {perfect} is shown.")
        elif e.high < null:
            said.append(f"{title} is {value}{unit}, below {perfect}.")
        elif name == "high_quality":
            said.append(
                f"{title} is {value}, above {perfect}: too many samples lie near a centre,"
                " which is under-dispersion, not excellence."
            )
        else:
            said.append(f"{title} is {value}{unit}, above {perfect}.")
    if scored < seeds:
        have = "has" if scored == 1 else "have"
        said.append(f"Only {scored} of {seeds} seeds {have} scores, and the means are over those.")
    if scored == 1:
        said.append("From one seed there is no interval: another seed may do otherwise.")
    return " ".join(said)


def _judged(results: Results, index: int) -> str:
    """The verdicts on a setting's seeds, each share with Wilson's interval."""
    counts = _verdicts(results, index)
    failed = counts.pop("failed", 0)
    said = []
    if counts:
        n = sum(counts.values())
        shares = [f"{count} {word} ({_mean(results.share(word, index))})" for word, count in counts.items()]
        said.append(f"Verdicts on {_count(n, 'seed')}, as shares [95 % interval]: {', '.join(shares)}.")
    steps = [at for m in results.of_setting(index) if (at := results.diverged_at[m]) is not None]
    if steps:
        said.append(f"The earliest loss that was not finite was seen at step {min(steps)}.")
    if failed:
        said.append(f"{_count(failed, 'seed')} failed to run and {'is' if failed == 1 else 'are'} left out.")
    return " ".join(said)


def _compare(results: Results, more: int, fewer: int) -> str:
    """Two settings that differ in D steps alone, compared within each seed that they share."""
    rows = [{results.members[m].seed: m for m in results.of_setting(i)} for i in (more, fewer)]
    seeds = sorted(rows[0].keys() & rows[1].keys())
    a, b = ([row[seed] for seed in seeds] for row in rows)
    said = [f"Differences within a seed, mean [95 % interval] over {len(seeds)} shared seeds."]
    if len(seeds) == 1:
        said = ["One shared seed, so a difference has no interval."]
    for name in COMPARED:
        if _has(results, name, more):
            pair = (results.scores[name][a, -1], results.scores[name][b, -1])
            said.append(_difference(results, name, (more, fewer), *pair))
    return " ".join(said)


def _difference(results: Results, name: str, indices: tuple[int, int], a: np.ndarray, b: np.ndarray) -> str:
    """What the paired values (n,) of a score show of the first setting against the second."""
    score, null = SCORES[name], results.null[indices[0]][name][0]
    title, unit = score.title[0].upper() + score.title[1:], f" {score.unit}" if score.unit else ""
    x, y = (setting_labels(results.study.settings)[i][1] for i in indices)
    both = np.isfinite(a) & np.isfinite(b)
    shared, a, b = len(a), a[both], b[both]
    e = mean_interval(a - b)
    left_out = f"; only {e.n} of {shared} shared seeds have it at both" if e.n < shared else ""
    places = _places(score.digits, (e.low, 0), (e.high, 0), (e.value, 0))
    if e.n == 0:
        return f"{title}: no difference can be shown, no shared seed has it at both."
    if e.n == 1:
        value = _number(e.value, places)
        return f"{title}: no difference can be shown from one seed ({x} − {y}: {value}{unit}{left_out})."
    if np.array_equal(a, b):
        return f"{title}: no difference shown (equal in all {e.n} seeds{left_out})."
    if e.low <= 0 <= e.high:
        return f"{title}: no difference shown ({x} − {y}: {_mean(e, places)}{unit}{left_out})."
    by = _mean(e if e.value > 0 else Estimate(-e.value, -e.high, -e.low, e.n), places)
    if np.isclose(e.low, e.high, rtol=1e-9, atol=0):
        left_out += "; every seed differs by the same, so the interval has no width"
    upward = e.value > 0
    words = ("more", "fewer") if name == "modes_covered" else ("higher", "lower")
    said = f"{title}: {words[0] if upward else words[1]} with {x} than with {y}, by {by}{unit}{left_out}"
    if name == "high_quality":  # more is not better: nearer to a perfect generator's is
        far = [abs(float(values.mean()) - null) for values in (a, b)]
        place = "nearer to" if far[0] < far[1] else "further from" if far[0] > far[1] else "as far from"
        return f"{said}; the mean with {x} is {place} a perfect generator's {_number(null, score.digits)}."
    return f"{said}; {x if upward == (name == 'modes_covered') else y} is the better."


# --- numbers in words ---------------------------------------------------------------------------------------


def _number(value: float, digits: int) -> str:
    """A number with a real minus sign; `NONE` for one that does not exist."""
    if np.isnan(value):
        return NONE
    if np.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:.{digits}f}" if abs(value) < 1e5 else f"{value:.1e}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def _interval(e: Estimate, digits: int) -> str:
    return "" if e.n == 0 or np.isnan(e.low) else f"[{_number(e.low, digits)}, {_number(e.high, digits)}]"


def _mean(e: Estimate, digits: int = 2) -> str:
    return f"{_number(e.value, digits)} {_interval(e, digits)}".rstrip()


def _places(least: int, *pairs: tuple[float, float]) -> int:
    """Decimal places, `least` or more, at which numbers that differ look different; 8 at most."""
    differ = [pair for pair in pairs if np.isfinite(pair).all() and pair[0] != pair[1]]
    fits = (d for d in range(least, 8) if all(_number(x, d) != _number(y, d) for x, y in differ))
    return next(fits, 8)


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


# --- the page -----------------------------------------------------------------------------------------------


class Picture(NamedTuple):
    """An image file of the run folder, and what it shows in words."""

    path: str  # relative to the folder, forward slashes
    uri: str
    width: int
    height: int
    alt: str

    @property
    def moves(self) -> bool:
        return self.path.endswith(".gif")

    @property
    def wide(self) -> bool:
        """Whether its lettering, of one size in pixels, is lost where a narrow screen shows it whole."""
        return self.width > 1400


# file -> heading, what it shows, what to look at
KINDS = {
    "density.gif": (
        "Density during training",
        "Generated samples against the real density, animated over training",
        "The seed of median final JSD. Lines: the real density; red: the generated one, full colour at the"
        " real peak. Look for contours that stay empty and for mass between them.",
    ),
    "frames.png": (
        "Moments of training",
        "Generated samples against the real density at several generator steps",
        "The same seed at some of its steps, in reading order. Look for when a mode is won or lost.",
    ),
    "losses.png": (
        "Losses",
        "Losses of D and of G, and the mean probabilities D(x) and D(G(z)), against generator steps",
        "Median of the seeds, band: their middle half. Dashed, where drawn: the loss at equilibrium. D(x) and"
        " D(G(z)) that meet at 0.5 say that D no longer tells real from generated, not that G is right:"
        " compare the scores.",
    ),
}
COMPARISONS = {
    "comparison.gif": "Generated samples against the real density, every setting on one clock, animated",
    "comparison.png": "All settings: final samples against the real density, and scores with intervals",
}
SUFFIXES = {".png": "image/png", ".gif": "image/gif"}


def _page(results: Results, folder: RunFolder, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that the templates show, in plain values."""
    study = results.study
    names, labels = setting_names(study.settings), setting_labels(study.settings)
    moves = len(results.frame_steps) > 1  # one moment is no animation
    expected = [name for name in COMPARISONS if moves or name.endswith(".png")]
    comparisons = {name: _picture(folder, name, COMPARISONS[name]) for name in expected}
    shown = [picture is not None for picture in comparisons.values()]
    targets = []
    for target, indices in _targets(results).items():
        kinds = []
        for file, (heading, alt, caption) in KINDS.items():
            if file.endswith(".gif") and not moves:
                continue
            pictures = [
                (labels[i][1], _picture(folder, f"{names[i]}/{file}", f"{alt}: {' · '.join(labels[i])}"))
                for i in indices
            ]
            shown += [picture is not None for _, picture in pictures]
            there = [(label, picture) for label, picture in pictures if picture]
            if there:
                layout = {"density.gif": "gifs", "frames.png": "plates"}.get(file, "")
                kinds.append(
                    {
                        "heading": heading,
                        "caption": caption,
                        "pictures": there,
                        "moves": file.endswith(".gif"),
                        "layout": layout,
                    }
                )
        targets.append(
            {
                "label": target,
                "rows": _rows(results, indices),
                "observations": _observe(results, indices),
                "kinds": kinds,
            }
        )
    differing = [n for n in FIELDS[Setting] if len({getattr(s, n) for s in study.settings}) > 1]
    alike = [n for n in FIELDS[Setting] if n not in differing and getattr(study.settings[0], n) is not None]
    return {
        "study": study,
        "size": _size_words(study),
        "columns": [_title(name) for name in _columns(results)],
        "legend": _legend(results, "perfect generator"),
        "lead": comparisons.get("comparison.gif") or comparisons["comparison.png"],
        "comparison": comparisons["comparison.png"] if comparisons.get("comparison.gif") else None,
        "targets": targets,
        "missing": shown.count(False),
        "expected": len(shown),
        "render": f"python main.py render {shlex.quote(folder.path.as_posix())}",
        "scores": [(_title(name), SCORES[name].meaning) for name in results.scores if name in SCORES],
        "samples": results.samples.shape[2],
        "snapshots": len(results.snapshot_steps),
        "differing": [n.replace("_", " ") for n in differing],
        "settings": [
            (name, [_plain(getattr(s, n)) for n in differing]) for name, s in zip(names, study.settings, strict=True)
        ],
        "alike": ", ".join(f"{n.replace('_', ' ')} {_plain(getattr(study.settings[0], n))}" for n in alike),
        "seeds": _seed_words(study),
        "failures": [_failure(results, failure) for failure in results.failures],
        "command": str(facts.get("command") or ""),
        "versions": ", ".join(f"{name} {value}" for name, value in dict(facts.get("versions") or {}).items()),
        "machine": _machine(study, facts),
    }


def _picture(folder: RunFolder, path: str, alt: str) -> Picture | None:
    """A picture of the folder with its size, pixels; None where it is not there, or is none."""
    file = folder.path / path
    if not file.is_file():
        return None
    data = file.read_bytes()
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
    elif data[:6] in (b"GIF87a", b"GIF89a") and len(data) >= 10:
        width, height = struct.unpack("<HH", data[6:10])
    else:
        return None
    uri = f"data:{SUFFIXES[file.suffix]};base64,{base64.b64encode(data).decode('ascii')}"
    return Picture(path, uri, width, height, alt)


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else "default" if value is None else str(value)


def _size_words(study: Study) -> str:
    settings, seeds = len(study.settings), study.seeds
    total = settings * seeds
    product = f"{_count(settings, 'setting')} × {_count(seeds, 'seed')} = {_count(total, 'GAN')}"
    return f"{product}, {_count(study.steps, 'generator step')} each"


def _seed_words(study: Study) -> str:
    return f"seed {study.seed}" if study.seeds == 1 else f"seeds {study.seed} to {study.seed + study.seeds - 1}"


def _failure(results: Results, failure: Mapping[str, Any]) -> tuple[str, str]:
    """Which members, and why."""
    names = setting_names(results.study.settings)
    members: dict[str, list[str]] = {}
    for m in failure["members"]:
        members.setdefault(names[results.members[m].setting], []).append(str(results.members[m].seed))
    words = [f"{name} seed{'s' if len(seeds) > 1 else ''} {', '.join(seeds)}" for name, seeds in members.items()]
    return "; ".join(words), str(failure["error"])


def _machine(study: Study, facts: Mapping[str, Any]) -> str:
    """Where it ran and how long that took, as far as is known."""
    words = [f"Device {facts.get('device') or study.device}"]
    if (threads := facts.get("threads")) is not None:
        words.append(f"{_count(threads, 'thread')} a worker")
    seconds = facts.get("seconds")
    if isinstance(seconds, Mapping):
        words += [f"{name} {value:.0f} s" for name, value in seconds.items()]
    elif seconds is not None:
        words.append(f"{seconds:.0f} s")
    return ", ".join(words)


# --- Markdown -----------------------------------------------------------------------------------------------


class Markdown(str):
    """Text that is Markdown already: put into a template as it is."""


def _markdown(value: Any) -> Markdown:
    """Any text as Markdown that shows it, on one line: no markup, HTML, link or table border comes of it."""
    if isinstance(value, Markdown):
        return value
    text = " ".join(str(value).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*|~$])", r"\\\1", text)
    text = re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", text)  # inside a word it is none
    text = re.sub(r"\](?=[(\[])", r"\\]", text)  # a link, and only then: [0.1, 0.2] is an interval
    # what means something at a line's start: a heading, a link's definition, a list
    text = re.sub(r"^(?=#|\[[^]]*\]:|[-+](\s|$))", r"\\", text)
    return Markdown(re.sub(r"^(\d+)(?=[.)](\s|$))", r"\1\\", text))


def _fence(text: str) -> Markdown:
    """Text in a code block that it cannot close."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markdown(f"{fence}\n{text}\n{fence}")
