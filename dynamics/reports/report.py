"""The report: report.html, which needs nothing beside it, and report.md with relative links, from runs' results."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from dynamics.base.program import command_line
from dynamics.pictures.animation.png_sequence import animate_line
from dynamics.pictures.interrupted_runs import has_begun
from dynamics.pictures.picture_plan import MANY, SEQUENCE, grid
from dynamics.pictures.study_parts import StudyPart
from dynamics.reports.comparisons import Compared
from dynamics.reports.embedding import MOST, PageImage, embed_images
from dynamics.reports.markdown import Markdown, escaped, fenced
from dynamics.reports.observations import Answer, observe
from dynamics.reports.picture_captions import COMPARISONS, CURVES, KINDS, REQUESTED
from dynamics.reports.ranking import confirmed, is_ranked, leading, rankings
from dynamics.reports.ranking_words import RANKING_COLUMNS, RankingPart, ranking_parts, ranking_rows
from dynamics.reports.tables import SCORES, budget_words, columns_of, counted, legend, rows_of, tex_table, title_of
from dynamics.runner.fresh_seeds import Confirmation
from dynamics.runner.results import Results
from dynamics.runner.setting_names import table_options, target_name
from dynamics.settings.option_fields import FIELDS
from dynamics.settings.setting import Setting
from dynamics.settings.study import MANY_SETTINGS
from dynamics.store.folder import RunFolder


class ReportedRun(NamedTuple):
    """A run as a report tells of it: its folder, its results, and what run.json says of how it went.

    The facts: command, versions, device, threads, seconds; what is missing is left out. `parts` are its study's own.
    `places` says which setting of the report each of its settings is; of the one run of a report, in their order.
    """

    name: str
    folder: RunFolder
    results: Results
    facts: Mapping[str, Any]
    parts: Sequence[StudyPart] = ()
    places: Sequence[int] = ()


class SettingFolder(NamedTuple):
    """Where the pictures of a setting of the report are: in a run, under the setting's name there."""

    run: ReportedRun
    name: str
    seeds: str  # in words
    frames: int  # of its animations
    begun: bool  # else it has no pictures

    @property
    def path(self) -> Path:
        return self.run.folder.path / self.name


def write_report(
    results: Results,
    folder: RunFolder,
    runs: Sequence[ReportedRun],
    embed: str = "auto",
    compared: Sequence[Compared] | None = None,
    again: Confirmation | None = None,
) -> None:
    """Write report.html, report.md (relative links), comparison.tex and, of many settings, ranking.csv into a folder.

    `results` are those of `runs`: of the one, or of several joined, each of which says in `places` where its settings
    are. Pictures are those in the runs' folders, and of several runs together those in `folder`. `embed` says which of
    them stand inside report.html (see `embedding`), which with `all` needs nothing beside it. `compared` are the
    results' `differences`, where they are known already; `again` is what the best settings did on new seeds. Raises
    ``OSError`` where the file system does.
    """
    pictures: list[PageImage] = []
    ranked = rankings(results) if is_ranked(results.study) else []
    on_new_seeds = [] if again is None else confirmed(results, again)
    resume = command_line("resume", folder.path.as_posix()) if len(runs) == 1 else None
    ranking = ranking_parts(results, ranked, on_new_seeds, resume)
    page = _page(results, folder, runs, pictures, observe(results, compared), ranking)
    if ranked:
        folder.write_csv("ranking.csv", ranking_rows(results, ranked, on_new_seeds), RANKING_COLUMNS)
    templates = jinja2.FileSystemLoader(TEMPLATES)
    shared: dict[str, Any] = {
        "loader": templates,
        "undefined": jinja2.StrictUndefined,
        "keep_trailing_newline": True,
    }
    html = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, **shared)
    # intervals stay whole at the end of a line
    html.filters["whole"] = lambda words: re.sub(r"\[[^]]*\]", lambda bracket: bracket[0].replace(" ", "\u00a0"), words)
    # every value put into the Markdown is escaped, unless it is `Markdown` already
    markdown = jinja2.Environment(autoescape=False, finalize=escaped, trim_blocks=True, lstrip_blocks=True, **shared)
    markdown.filters |= {"fence": fenced, "url": lambda path: Markdown(quote(path))}

    def written() -> str:
        return html.get_template("report.html").render(page | _program(pictures))

    embed_images(pictures, embed, lambda: len(written().encode()))
    folder.write_text("report.html", written())
    folder.write_text("comparison.tex", tex_table(results))
    folder.write_text("report.md", markdown.get_template("report.md").render(page))


# --- the page -----------------------------------------------------------------------------------------------


TEMPLATES = Path(__file__).parent / "templates"


def _program(pictures: Sequence[PageImage]) -> dict[str, Any]:
    """The page's program, if it has anything to play, and the policy that lets nothing else run or be loaded."""
    program = (TEMPLATES / "player.js").read_text(encoding="utf-8") if any(p.moves for p in pictures) else ""
    images = "data: 'self' file:" if any(p.still or not p.uri.startswith("data:") for p in pictures) else "data:"
    policy = f"default-src 'none'; img-src {images}; style-src 'unsafe-inline'"
    if program:
        digest = base64.b64encode(hashlib.sha256(program.encode()).digest()).decode()
        policy += f"; script-src 'sha256-{digest}'"
    return {"program": Markup(program), "policy": Markup(policy), "elsewhere": any(p.caveat for p in pictures)}


def _page(
    results: Results,
    folder: RunFolder,
    runs: Sequence[ReportedRun],
    pictures: list[PageImage],
    answers: Sequence[Answer],
    ranking: Sequence[RankingPart],
) -> dict[str, Any]:
    """Everything that the templates show, in plain values; every picture of the page is put into `pictures`."""
    study, labels, joint = results.study, results.labels, len(runs) > 1
    shelves: list[list[SettingFolder]] = [[] for _ in labels]
    for run in runs:
        for place, (index, name) in enumerate(zip(run.places or range(len(labels)), run.results.names, strict=True)):
            seeds = [run.results.members[m].seed for m in run.results.of_setting(place)]
            frames = run.results.extent_of(place).frames
            shelves[index].append(SettingFolder(run, name, _seed_words(seeds), frames, has_begun(run.results, place)))
    missing: list[bool] = []

    def picture(home: RunFolder, path: str, alt: str, needed: bool = True) -> PageImage | None:
        image = _picture(folder, home, path, alt)
        if needed:
            missing.append(image is None)
        if image is not None:
            pictures.append(image)
        return image

    leads = []
    for run in runs:
        # one moment is no animation, and very many settings have none side by side
        moves = run.results.frame_steps.shape[1] > 1 and not _many(run.results)
        if moves and (lead := picture(run.folder, "comparison.gif", COMPARISONS["comparison.gif"])):
            leads.append((run.name if joint else "", lead))
    many = _many(results)
    comparison = picture(folder, "comparison.png", COMPARISONS["many" if many else "comparison.png"])
    if not leads and comparison:
        leads, comparison = [("", comparison)], None
    study_parts = [
        {
            "title": f"{run.name}, {part.title}" if joint else part.title,
            "sentence": part.sentence,
            "picture": picture(run.folder, part.picture, part.shows or part.title),
            "columns": list(part.table[0]) if part.table else [],
            "rows": [[str(value) for value in row.values()] for row in part.table],
        }
        for run in runs
        for part in run.parts
    ]
    renders = [command_line("render", run.folder.path.as_posix()) for run in runs]
    crowded = len(labels) > MANY_SETTINGS
    first = set(leading(results)) if crowded else set(range(len(labels)))
    targets = []
    for target, indices in results.targets.items():
        kinds = []
        path = f"curves-{target_name(study.settings[indices[0]], [s.std for s in study.settings])}.png"
        if curves := picture(
            folder,
            path,
            f"{CURVES[1]}: {target}",
            all(shelf.run.results.snapshot_steps.shape[1] > 1 for i in indices for shelf in shelves[i]),
        ):
            kinds.append(_kind(CURVES[0], CURVES[2], [("", curves)], "plates"))
        shelved = [(i, shelf) for i in indices for shelf in shelves[i]]
        for file, (heading, alt, caption) in KINDS.items():
            shown: list[tuple[str, PageImage]] = []
            folded: list[tuple[str, PageImage]] = []
            for i, shelf in shelved:
                if not shelf.begun or (file.endswith(".gif") and shelf.frames <= 1):
                    continue
                # a setting's pictures are those of its runs, each with its own seeds
                where = f"{shelf.run.name}, {shelf.seeds}" if len(shelves[i]) > 1 else ""
                words = " · ".join(filter(None, (*labels[i], where)))
                image = picture(shelf.run.folder, f"{shelf.name}/{file}", f"{alt}: {words}", _needed(file, i in first))
                if image:
                    (shown if i in first else folded).append(
                        (" · ".join(filter(None, (labels[i][1], where, _how_far(results, i)))), image)
                    )
            begun = [shelf for _, shelf in shelved if shelf.begun]
            if shown and file == "density.gif" and all((shelf.path / "seeds.gif").is_file() for shelf in begun):
                caption += " All seeds side by side: seeds.gif in each setting's folder."
            ended = {results.words[m] for i in indices for m in results.of_setting(i)}
            if "diverged" in ended and file in ("density.gif", "frames.png"):
                caption += " Where a GAN has diverged, its last finite samples are shown."
            if "lost" in ended and file in ("density.gif", "frames.png"):
                caption += " Where a GAN is lost, its samples are far off the data and may be out of the picture."
            if file == "density.gif" and len(first) < len(labels):
                caption += f" Of many settings only the first ones have it; all: {' or '.join(renders)}."
            if len(shown) > len(indices):
                caption += " Where several runs are pooled, each picture is of its own run's seeds."
            if shown or folded:
                layout = {"density.gif": "gifs", "frames.png": "plates"}.get(file, "")
                kinds.append(_kind(heading, caption, shown, layout, folded))
        targets.append({"label": target, "rows": rows_of(results, indices), "kinds": kinds})
    options = [table_options(setting) for setting in study.settings]
    differing = [n for n in FIELDS[Setting] if len({chosen[n] for chosen in options}) > 1]
    alike = [n for n in FIELDS[Setting] if n not in differing and options[0][n] is not None]
    apart = list(results.apart[0]) if results.apart else []
    return {
        "study": study,
        "joint": joint,
        "interrupted": _interrupted(results),
        "going_on": command_line("resume", folder.path.as_posix()),
        "size": _size_words(results),
        "columns": [title_of(name) for name in columns_of(results)],
        "legend": legend(results, "perfect generator"),
        "leads": leads,
        "comparison": comparison,
        "own_parts": study_parts,
        "many": many,
        "crowded": crowded,
        "ranking": ranking,
        "parts": answers,
        "targets": targets,
        "missing": sum(missing),
        "expected": len(missing),
        "most": f"{MOST / 1e6:g} MB",
        "whole": None if joint else command_line("report", folder.path.as_posix(), "--embed", "all"),
        "sequences": [line for run in runs for line in animate_lines(run.folder, run.results.names, run.facts, folder)],
        "renders": renders,
        "scores": [(title_of(name), SCORES[name].meaning) for name in (*results.scores, *results.swings)],
        "samples": results.samples.shape[2],
        "snapshots": ("" if results.reached is None else "up to ")
        + " or ".join(dict.fromkeys(str(run.results.snapshot_steps.shape[1]) for run in runs)),
        "budget": budget_words(results),
        "spent": study.budget,
        "differing": [n.replace("_", " ") for n in (*differing, *apart)],
        "settings": [
            (name, [*(_plain(chosen[n]) for n in differing), *(_plain(value) for value in more.values())])
            for name, chosen, more in zip(results.names, options, results.apart or [{}] * len(labels), strict=True)
        ],
        "alike": ", ".join(f"{n.replace('_', ' ')} {_plain(options[0][n])}" for n in alike),
        "seeds": _seed_words([m.seed for m in results.members]),
        "failures": [_failure(results, failure) for failure in results.failures],
        "runs": [
            {
                "name": run.name,
                "command": str(run.facts.get("command") or ""),
                "versions": ", ".join(f"{n} {value}" for n, value in dict(run.facts.get("versions") or {}).items()),
                "machine": _machine(run),
            }
            for run in runs
        ],
    }


def _interrupted(results: Results) -> str:
    """'Interrupted at step 1200 of 3000' for a run that was, else ''."""
    words = "" if results.reached is None else results.reached.words()
    return words[:1].upper() + words[1:]


def _how_far(results: Results, index: int) -> str:
    """The same of a setting."""
    return "" if results.reached is None else results.reached.words(results.of_setting(index))


def _many(results: Results) -> bool:
    """Whether there are so many settings that they are compared by their scores alone."""
    return len(grid(results.labels)[1]) > MANY


def _needed(file: str, is_first: bool) -> bool:
    """Whether a setting's picture is missed where it is not: of many settings the first alone have animations."""
    return file != REQUESTED and (is_first or not file.endswith(".gif"))


def _kind(
    heading: str,
    caption: str,
    pictures: list[tuple[str, PageImage]],
    layout: str,
    folded: Sequence[tuple[str, PageImage]] = (),
) -> dict[str, Any]:
    """Pictures of one sort, each with what it is called; of many settings those of all but the first are folded."""
    moves = any(picture.moves for _, picture in (*pictures, *folded))
    shown = {"heading": heading, "caption": caption, "pictures": pictures, "folded": folded}
    return {**shown, "moves": moves, "layout": layout}


def _picture(folder: RunFolder, home: RunFolder, path: str, alt: str) -> PageImage | None:
    """A picture of the folder `home` with its size, pixels; None where it is not there, or is none."""
    file = home.path / path
    if not file.is_file():
        return None
    with open(file, "rb") as content:
        data = content.read(24)
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
    elif data[:6] in (b"GIF87a", b"GIF89a") and len(data) >= 10:
        width, height = struct.unpack("<HH", data[6:10])
    else:
        return None
    if home is not folder:
        path = Path(os.path.relpath(file.resolve(), folder.path.resolve())).as_posix()
    return PageImage(path, file, width, height, alt)


def animate_lines(
    home: RunFolder, names: Sequence[str], facts: Mapping[str, Any], beside: RunFolder | None = None
) -> list[str]:
    """Lines that show the animations of a run with settings of these names in LaTeX, if it was drawn for that.

    `facts` is its run.json. Paths lead from the folder `beside` it; left out, they begin as `home` does.
    """
    look = facts.get("look")
    if not isinstance(look, Mapping) or "png" not in str(look.get("animation")).split(","):
        return []
    start = home.path if beside is None else Path(os.path.relpath(home.path.resolve(), beside.path.resolve()))
    places = [
        f"{name}{SEQUENCE}" for name in ("comparison", *(f"{n}/{k}" for n in names for k in ("density", "seeds")))
    ]
    lines = [animate_line(home.path / place, (start / place).as_posix()) for place in places]
    return [line for line in lines if line is not None]


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else "default" if value is None else str(value)


def _size_words(results: Results) -> str:
    settings = len(results.study.settings)
    seeds = {len(results.of_setting(i)) for i in range(settings)}
    total = counted(len(results.members), "GAN")
    if len(seeds) == 1:
        total = f"{counted(settings, 'setting')} × {counted(seeds.pop(), 'seed')} = {total}"
    return f"{total}, {budget_words(results)}"


def _seed_words(seeds: Sequence[int]) -> str:
    """'seed 3', 'seeds 0 to 7', 'seeds 0 to 3, 8 to 11'."""
    seeds = sorted(set(seeds))
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


def _machine(run: ReportedRun) -> str:
    """Where it ran and how long that took, as far as is known."""
    facts = run.facts
    words = [f"Device {facts.get('device') or run.results.study.device}"]
    if (threads := facts.get("threads")) is not None:
        words.append(f"{counted(threads, 'thread')} a worker")
    seconds = facts.get("seconds")
    if isinstance(seconds, Mapping):
        words += [f"{name} {value:.0f} s" for name, value in seconds.items()]
    elif seconds is not None:
        words.append(f"{seconds:.0f} s")
    return ", ".join(words)
