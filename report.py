"""The report: report.html, which needs nothing beside it, and report.md with relative links, from runs' results."""

from __future__ import annotations

import base64
import os
import re
import shlex
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import jinja2

from observations import observe
from parts import Part
from render import MANY, grid
from results import Results, options_told, target_name
from settings import FIELDS, Setting
from store import RunFolder
from tables import SCORES, budget_words, columns_of, counted, legend, rows_of, tex_table, title_of


class Told(NamedTuple):
    """A run as a report tells of it: its folder, its results, and what run.json says of how it went.

    The facts: command, versions, device, threads, seconds; what is missing is left out. `parts` are its study's own.
    """

    name: str
    folder: RunFolder
    results: Results
    facts: Mapping[str, Any]
    parts: Sequence[Part] = ()


def write_report(results: Results, folder: RunFolder, runs: Sequence[Told]) -> None:
    """Write report.html (self-contained), report.md (relative links) and comparison.tex into a folder.

    `results` are those of `runs`: of the one, or of several joined, setting after setting. Pictures are those in the
    runs' folders, and of several runs beside one another those in `folder`. Raises ``OSError`` where the file system
    does.
    """
    page = _page(results, folder, runs)
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
    folder.write_text("comparison.tex", tex_table(results))
    folder.write_text("report.md", markdown.get_template("report.md").render(page))


# --- the page -----------------------------------------------------------------------------------------------


class Picture(NamedTuple):
    """An image file of the run folder, and what it shows in words."""

    path: str  # relative to the report's folder, forward slashes
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
        "One seed, that of median final JSD unless another was asked for. Lines: the real density; red: the generated"
        " one, full colour at the real peak; below: losses and JSD. Look for contours that stay empty and for mass"
        " between them.",
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
    "scores.png": (
        "Discriminator, gradients and distances",
        "Scores measured on request, against generator steps",
        "Median of the seeds, band: their middle half. A falling loss of G means a better generator where the part"
        " against the best D falls; the part owed to D says how far D is from the best one.",
    ),
}
REQUESTED = "scores.png"  # is there where such scores are
CURVES = (
    "Scores against steps, updates and seconds",
    "Scores over training, against generator steps, updates of both players and seconds",
    "Median of the seeds, band: their middle half; dashed: a perfect generator. The same curves on three clocks: which"
    " setting is ahead can depend on what is counted. Seconds are those of training one GAN, without looking at it.",
)
COMPARISONS = {
    "comparison.gif": "Generated samples against the real density, every setting on one clock, animated",
    "comparison.png": "All settings: final samples against the real density, and scores with intervals",
    "many": "All settings: scores with intervals",  # the same file
}
SUFFIXES = {".png": "image/png", ".gif": "image/gif"}


def _page(results: Results, folder: RunFolder, runs: Sequence[Told]) -> dict[str, Any]:
    """Everything that the templates show, in plain values."""
    study, labels, joint = results.study, results.labels, len(runs) > 1
    shelves = [(told.folder, name, told.results) for told in runs for name in told.results.names]
    missing: list[bool] = []

    def picture(home: RunFolder, path: str, alt: str, needed: bool = True) -> Picture | None:
        found = _picture(folder, home, path, alt)
        if needed:
            missing.append(found is None)
        return found

    leads = []
    for told in runs:
        # one moment is no animation, and very many settings have none side by side
        moves = told.results.frame_steps.shape[1] > 1 and not _many(told.results)
        if moves and (lead := picture(told.folder, "comparison.gif", COMPARISONS["comparison.gif"])):
            leads.append((told.name if joint else "", lead))
    many = _many(results)
    comparison = picture(folder, "comparison.png", COMPARISONS["many" if many else "comparison.png"])
    if not leads and comparison:
        leads, comparison = [("", comparison)], None
    own_parts = [
        {
            "title": f"{told.name}, {part.title}" if joint else part.title,
            "sentence": part.sentence,
            "picture": picture(told.folder, part.picture, part.shows or part.title),
            "columns": list(part.table[0]) if part.table else [],
            "rows": [[str(value) for value in row.values()] for row in part.table],
        }
        for told in runs
        for part in told.parts
    ]
    targets = []
    for target, indices in results.targets.items():
        kinds = []
        path = f"curves-{target_name(study.settings[indices[0]])}.png"
        if curves := picture(
            folder, path, f"{CURVES[1]}: {target}", all(len(shelves[i][2].snapshot_steps[0]) > 1 for i in indices)
        ):
            kinds.append(_kind(CURVES[0], CURVES[2], [("", curves)], "plates"))
        for file, (heading, alt, caption) in KINDS.items():
            pictures = []
            for i in indices:
                home, name, own = shelves[i]
                if file.endswith(".gif") and own.frame_steps.shape[1] == 1:
                    continue
                found = picture(home, f"{name}/{file}", f"{alt}: {' · '.join(labels[i])}", file != REQUESTED)
                if found:
                    pictures.append((labels[i][1], found))
            if (
                pictures
                and file == "density.gif"
                and all((shelves[i][0].path / shelves[i][1] / "seeds.gif").is_file() for i in indices)
            ):
                caption += " All seeds side by side: seeds.gif in each setting's folder."
            ended = {results.verdicts[m] for i in indices for m in results.of_setting(i)}
            if "diverged" in ended and file in ("density.gif", "frames.png"):
                caption += " Where a GAN has diverged, its last finite samples are shown."
            if "lost" in ended and file in ("density.gif", "frames.png"):
                caption += " Where a GAN is lost, its samples are far off the data and may be out of the picture."
            if pictures:
                kinds.append(
                    _kind(heading, caption, pictures, {"density.gif": "gifs", "frames.png": "plates"}.get(file, ""))
                )
        targets.append({"label": target, "rows": rows_of(results, indices), "kinds": kinds})
    options = [options_told(setting) for setting in study.settings]
    differing = [n for n in FIELDS[Setting] if len({said[n] for said in options}) > 1]
    alike = [n for n in FIELDS[Setting] if n not in differing and options[0][n] is not None]
    apart = list(results.apart[0]) if results.apart else []
    return {
        "study": study,
        "joint": joint,
        "size": _size_words(results),
        "columns": [title_of(name) for name in columns_of(results)],
        "legend": legend(results, "perfect generator"),
        "leads": leads,
        "comparison": comparison,
        "own_parts": own_parts,
        "many": many,
        "parts": observe(results),
        "targets": targets,
        "missing": sum(missing),
        "expected": len(missing),
        "renders": [f"python main.py render {shlex.quote(told.folder.path.as_posix())}" for told in runs],
        "scores": [
            (title_of(name), SCORES[name].meaning) for name in (*results.scores, *results.swings) if name in SCORES
        ],
        "samples": results.samples.shape[2],
        "snapshots": " or ".join(dict.fromkeys(str(told.results.snapshot_steps.shape[1]) for told in runs)),
        "budget": budget_words(results),
        "spent": study.budget,
        "differing": [n.replace("_", " ") for n in (*differing, *apart)],
        "settings": [
            (name, [*(_plain(said[n]) for n in differing), *(_plain(value) for value in more.values())])
            for name, said, more in zip(results.names, options, results.apart or [{}] * len(labels), strict=True)
        ],
        "alike": ", ".join(f"{n.replace('_', ' ')} {_plain(options[0][n])}" for n in alike),
        "seeds": _seed_words(results),
        "failures": [_failure(results, failure) for failure in results.failures],
        "runs": [
            {
                "name": told.name,
                "command": str(told.facts.get("command") or ""),
                "versions": ", ".join(f"{n} {value}" for n, value in dict(told.facts.get("versions") or {}).items()),
                "machine": _machine(told),
            }
            for told in runs
        ],
    }


def _many(results: Results) -> bool:
    """Whether there are so many settings that they are compared by their scores alone."""
    return len(grid(results.labels)[1]) > MANY


def _kind(heading: str, caption: str, pictures: list[tuple[str, Picture]], layout: str) -> dict[str, Any]:
    """Pictures of one sort, each with what it is called."""
    moves = any(picture.moves for _, picture in pictures)
    return {"heading": heading, "caption": caption, "pictures": pictures, "moves": moves, "layout": layout}


def _picture(folder: RunFolder, home: RunFolder, path: str, alt: str) -> Picture | None:
    """A picture of the folder `home` with its size, pixels; None where it is not there, or is none."""
    file = home.path / path
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
    if home is not folder:
        path = Path(os.path.relpath(file.resolve(), folder.path.resolve())).as_posix()
    return Picture(path, uri, width, height, alt)


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else "default" if value is None else str(value)


def _size_words(results: Results) -> str:
    settings = len(results.study.settings)
    seeds = {len(results.of_setting(i)) for i in range(settings)}
    total = counted(len(results.members), "GAN")
    if len(seeds) == 1:
        total = f"{counted(settings, 'setting')} × {counted(seeds.pop(), 'seed')} = {total}"
    return f"{total}, {budget_words(results)}"


def _seed_words(results: Results) -> str:
    """'seed 3', 'seeds 0 to 7', 'seeds 0 to 3, 8 to 11'."""
    seeds = sorted({m.seed for m in results.members})
    starts = [n for n in seeds if n - 1 not in set(seeds)]
    ends = [n for n in seeds if n + 1 not in set(seeds)]
    spans = [str(a) if a == b else f"{a} to {b}" for a, b in zip(starts, ends, strict=True)]
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(spans)}"


def _failure(results: Results, failure: Mapping[str, Any]) -> tuple[str, str]:
    """Which members, and why."""
    names = results.names
    members: dict[str, list[str]] = {}
    for m in failure["members"]:
        members.setdefault(names[results.members[m].setting], []).append(str(results.members[m].seed))
    words = [f"{name} seed{'s' if len(seeds) > 1 else ''} {', '.join(seeds)}" for name, seeds in members.items()]
    return "; ".join(words), str(failure["error"])


def _machine(told: Told) -> str:
    """Where it ran and how long that took, as far as is known."""
    facts = told.facts
    words = [f"Device {facts.get('device') or told.results.study.device}"]
    if (threads := facts.get("threads")) is not None:
        words.append(f"{counted(threads, 'thread')} a worker")
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
