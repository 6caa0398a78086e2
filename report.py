"""The report: report.html, which needs nothing beside it, and report.md with relative links, from a run's results."""

from __future__ import annotations

import base64
import re
import shlex
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import jinja2

from observations import observe
from results import Results, setting_labels, setting_names
from settings import FIELDS, Setting, Study
from store import RunFolder
from tables import SCORES, columns_of, counted, legend, rows_of, targets_of, tex_table, title_of


def write_report(results: Results, folder: RunFolder, facts: Mapping[str, Any]) -> None:
    """Write report.html (self-contained), report.md (relative links) and comparison.tex into a run's folder.

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
    folder.write_text("comparison.tex", tex_table(results))
    folder.write_text("report.md", markdown.get_template("report.md").render(page))


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
    for target, indices in targets_of(results).items():
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
                "rows": rows_of(results, indices),
                "observations": observe(results, indices),
                "kinds": kinds,
            }
        )
    differing = [n for n in FIELDS[Setting] if len({getattr(s, n) for s in study.settings}) > 1]
    alike = [n for n in FIELDS[Setting] if n not in differing and getattr(study.settings[0], n) is not None]
    return {
        "study": study,
        "size": _size_words(study),
        "columns": [title_of(name) for name in columns_of(results)],
        "legend": legend(results, "perfect generator"),
        "lead": comparisons.get("comparison.gif") or comparisons["comparison.png"],
        "comparison": comparisons["comparison.png"] if comparisons.get("comparison.gif") else None,
        "targets": targets,
        "missing": shown.count(False),
        "expected": len(shown),
        "render": f"python main.py render {shlex.quote(folder.path.as_posix())}",
        "scores": [(title_of(name), SCORES[name].meaning) for name in results.scores if name in SCORES],
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
    product = f"{counted(settings, 'setting')} × {counted(seeds, 'seed')} = {counted(total, 'GAN')}"
    return f"{product}, {counted(study.steps, 'generator step')} each"


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
