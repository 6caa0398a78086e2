"""What report.html holds: whole pictures, smaller copies or links, within its size; animations that can be paused."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from browser import CHROMIUM, Browser
from frames import frames_of
from PIL import Image
from test_report import BAD, FACTS, GOOD, Page, made, mixture

from dynamics import workflow
from dynamics.cli.app import main
from dynamics.pictures.animation.file_formats import open_writer
from dynamics.pictures.animation.smaller_copies import Gif, fewer_colours
from dynamics.reports import embedding
from dynamics.reports.report import ReportedRun, write_report
from dynamics.runner.loading import load
from dynamics.runner.results import Results
from dynamics.store.folder import RunFolder

PALETTE = np.random.default_rng(1).integers(0, 256, (100, 3)).astype(np.uint8)


def film(path: Path, count: int = 30, size: tuple[int, int] = (60, 40), noise: int = 100, fps: float = 20) -> Path:
    """An animation of noise in so many colours, by the program's own writer."""
    rng = np.random.default_rng(len(str(path)))
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_writer(path, PALETTE, size, fps) as writer:
        frame = rng.integers(0, noise, size[::-1]).astype(np.uint8)
        for number in range(count):
            frame[:, : size[0] // 2] = rng.integers(0, noise, (size[1], size[0] // 2))
            frame[:5, :5] = number  # no two are alike
            writer.append(frame)
    return path


# --- copies -------------------------------------------------------------------------------------------------


def test_an_animation_is_read_as_any_reader_reads_it(tmp_path: Path) -> None:
    path = film(tmp_path / "a.gif")
    shown, durations = frames_of(path)
    gif = Gif(path.read_bytes())
    assert [10 * delay for delay in gif.delays] == durations
    for frame, expected in zip(gif.frames(), shown, strict=True):
        np.testing.assert_array_equal(gif.palette[frame], expected)
    with Image.open(io.BytesIO(gif.last())) as last:
        np.testing.assert_array_equal(np.asarray(last.convert("RGB")), shown[-1])


@pytest.mark.parametrize(("count", "kept"), [(30, range(30)), (100, range(30)), (2, [0, 29]), (4, [0, 10, 19, 29])])
def test_a_copy_has_some_of_the_frames_and_lasts_as_long(tmp_path: Path, count: int, kept: Any) -> None:
    path = film(tmp_path / "a.gif")
    shown, durations = frames_of(path)
    (tmp_path / "b.gif").write_bytes(Gif(path.read_bytes()).copy(count))
    copied, lasting = frames_of(tmp_path / "b.gif")
    np.testing.assert_array_equal(copied, shown[list(kept)])
    assert sum(lasting) == sum(durations)


def test_a_smaller_copy_has_means_of_the_pixels(tmp_path: Path) -> None:
    """Blocks of 2 × 2 in one colour stay what they are; those of two greys become the one between."""
    greys = np.repeat(np.linspace(0, 252, 64).astype(np.uint8)[:, None], 3, axis=1)
    with open_writer(tmp_path / "a.gif", greys, (8, 4), 10) as writer:
        frame = np.arange(32, dtype=np.uint8).reshape(4, 8).repeat(1, axis=0) // 2 * 2
        frame[1::2] = frame[::2]
        frame[0, 0:2], frame[1, 0:2] = (10, 20), (10, 20)
        writer.append(frame)
    (tmp_path / "b.gif").write_bytes(Gif((tmp_path / "a.gif").read_bytes()).copy(1, 2))
    copied, _ = frames_of(tmp_path / "b.gif")
    assert copied.shape == (1, 2, 4, 3)
    expected = greys[frame].reshape(2, 2, 4, 2, 3).mean(axis=(1, 3))
    assert np.abs(copied[0] - expected).max() <= 2  # half a level of grey


def test_what_is_no_animation_of_ours_is_refused(tmp_path: Path) -> None:
    whole = film(tmp_path / "a.gif", 3).read_bytes()
    rng = np.random.default_rng(0)
    for end in (0, 5, 13, 400, 800, len(whole) // 2, len(whole) - 1):
        with pytest.raises(ValueError, match=r".+"):
            list(Gif(whole[:end]).frames())
    for _ in range(200):  # whatever is in it, an error that is expected or frames of its size
        broken = bytearray(whole)
        broken[rng.integers(6, len(whole))] = rng.integers(0, 256)
        try:
            for frame in Gif(bytes(broken)).frames():
                assert frame.ndim == 2
        except ValueError:
            pass
    huge = whole[:6] + b"\xff\xff\xff\xff" + whole[10:]
    with pytest.raises(ValueError, match="65535 × 65535"):
        Gif(huge)
    for bad in (b"", b"<svg/>", whole):
        with pytest.raises(ValueError, match=r".+"):
            fewer_colours(bad)


def test_a_figure_of_fewer_colours_looks_the_same() -> None:
    ramp = np.stack(np.meshgrid(np.arange(256), np.arange(200)), axis=-1)
    picture = np.dstack([ramp, np.full((200, 256), 128)]).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    with Image.open(io.BytesIO(fewer_colours(file.getvalue()))) as few:
        colours = np.asarray(few.convert("RGB"))
    assert colours.shape == picture.shape
    assert len(np.unique(colours.reshape(-1, 3), axis=0)) <= 256
    assert np.abs(colours.astype(int) - picture).mean() < 8


# --- pages --------------------------------------------------------------------------------------------------


def results() -> Results:
    return made((mixture(2), GOOD, ["converged"] * 4), (mixture(1), BAD, ["collapsed"] * 4))


def drawn(home: Path, big: int = 60) -> RunFolder:
    """A run's folder with pictures of noise, `big` pixels wide and more."""
    folder, rng = RunFolder.create(home), np.random.default_rng(0)
    for name in results().names:
        film(home / name / "density.gif", size=(big, 40))
        for kind in ("frames.png", "losses.png"):
            Image.fromarray(rng.integers(0, 256, (40, big, 3)).astype(np.uint8)).save(home / name / kind)
    film(home / "comparison.gif", size=(big + 20, 40))
    for name in ("comparison.png", "curves-mixture_4-std0.2.png"):
        Image.fromarray(rng.integers(0, 256, (40, big, 3)).astype(np.uint8)).save(home / name)
    return folder


def written(folder: RunFolder, how: str) -> Page:
    write_report(results(), folder, [ReportedRun("run", folder, results(), FACTS)], how)
    return Page((folder.path / "report.html").read_text(encoding="utf-8"))


def inside(image: dict[str, str | None]) -> bytes | None:
    _, separator, data = (image["src"] or "").partition(";base64,")
    return base64.b64decode(data, validate=True) if separator else None


def check_links(page: Page, home: Path) -> None:
    """Every picture that is not whole says so, and its link opens the whole one by a relative way."""
    links = [unquote(a["href"] or "") for a in page.every("a") if not (a["href"] or "").startswith("#")]
    whole = {path.read_bytes() for path in home.rglob("*") if path.suffix in (".gif", ".png")}
    partial = [image for image in page.every("img") if inside(image) not in whole]
    assert len(links) == len(partial)
    for link, image in zip(links, partial, strict=True):
        assert not link.startswith("/")
        assert ":" not in link
        with Image.open(home / link) as picture:
            assert (str(picture.width), str(picture.height)) == (image["width"], image["height"])
        assert f": {link} (" in page.text
        if inside(image) is None:
            assert unquote(image["src"] or "") == link
            assert f"Linked, not inside this page: {link}" in page.text


def test_what_fits_is_inside_as_it_is(tmp_path: Path) -> None:
    folder = drawn(tmp_path)
    auto, everything = written(folder, "auto"), written(folder, "all")
    assert auto.every("img") == everything.every("img")
    assert not [a for a in auto.every("a") if not (a["href"] or "").startswith("#")]
    assert "smaller copies" not in auto.text


def test_all_is_everything_inside_however_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "MOST", 50_000)
    folder = drawn(tmp_path)
    page = written(folder, "all")
    files = {path.read_bytes() for path in tmp_path.rglob("*") if path.suffix in (".gif", ".png")}
    assert {inside(image) for image in page.every("img")} == files
    assert "img-src data:;" in next(m["content"] or "" for m in page.every("meta") if m.get("http-equiv"))


def test_none_is_everything_linked(tmp_path: Path) -> None:
    folder = drawn(tmp_path)
    page = written(folder, "none")
    assert len(page.every("img")) == 2 + 2 * 3 + 1
    assert all(inside(image) is None for image in page.every("img"))
    check_links(page, tmp_path)
    assert page.text.count("Linked, not inside this page") == len(page.every("img"))
    assert f"report {tmp_path.as_posix()} --embed all" in page.text


@pytest.mark.parametrize("big", [200, 600, 2000])
@pytest.mark.parametrize("most", [60_000, 120_000, 250_000, 500_000])
def test_a_page_stays_within_its_size_with_the_comparison_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, big: int
) -> None:
    monkeypatch.setattr(embedding, "MOST", most)
    folder = drawn(tmp_path, big)
    page = written(folder, "auto")
    assert (tmp_path / "report.html").stat().st_size <= most
    check_links(page, tmp_path)
    lead = inside(page.every("img")[0])
    assert lead is not None
    (tmp_path / "lead.gif").write_bytes(lead)
    (copied, lasting), (shown, durations) = frames_of(tmp_path / "lead.gif"), frames_of(tmp_path / "comparison.gif")
    assert len(copied) >= min(12, len(shown))
    assert sum(lasting) == pytest.approx(sum(durations), abs=10)
    if copied.shape[1:] == shown.shape[1:]:
        np.testing.assert_array_equal(copied[[0, -1]], shown[[0, -1]])


def test_settings_are_treated_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All animations of settings have as many frames, on one clock, or none moves."""
    seen = set()
    folder = drawn(tmp_path, 400)
    for most in range(100_000, 1_800_000, 100_000):
        monkeypatch.setattr(embedding, "MOST", most)
        page = written(folder, "auto")
        counts = []
        for image in page.every("img")[1:]:
            if (image["class"] if "class" in image else "") == "film":
                data = inside(image)
                counts.append(len(Gif(data)) if data and data[:3] == b"GIF" else 0)
        assert len(set(counts)) == 1
        seen |= set(counts)
    assert {0, 30} < seen  # links or stills, all frames, and something between


def test_a_still_stands_for_an_animation_that_does_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = drawn(tmp_path, 400)
    monkeypatch.setattr(embedding, "MOST", 500_000)
    page = written(folder, "auto")
    stills = [image for image in page.every("img") if "data-film" in image]
    assert [unquote(image["data-film"] or "") for image in stills] == [
        f"{name}/density.gif" for name in results().names
    ]
    for image, name in zip(stills, results().names, strict=True):
        data = inside(image)
        assert data is not None
        assert data[:4] == b"\x89PNG"
        assert f"The last frame; linked, not inside this page: {name}/density.gif" in page.text


def test_a_broken_picture_is_no_reason_to_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "MOST", 60_000)
    folder = drawn(tmp_path, 400)
    for path in [*tmp_path.rglob("*.gif"), *tmp_path.rglob("*.png")]:
        path.write_bytes(path.read_bytes()[:3000] + bytes(100_000))
    page = written(folder, "auto")
    assert (tmp_path / "report.html").stat().st_size <= 60_000
    assert all(inside(image) is None for image in page.every("img"))


def test_reports_on_several_runs_link_into_their_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = made((mixture(2), GOOD, ["converged"] * 4))
    two = made((mixture(1), BAD, ["collapsed"] * 4))
    homes = [drawn(tmp_path / name, 400) for name in ("a", "b c")]
    joint = RunFolder.create(tmp_path / "joint")
    runs = [ReportedRun(*run, FACTS, (), (k,)) for k, run in enumerate(zip("ab", homes, (one, two), strict=True))]
    for how, most in (("none", 6_000_000), ("auto", 120_000), ("all", 6_000_000)):
        monkeypatch.setattr(embedding, "MOST", most)
        write_report(results(), joint, runs, how)
        page = Page((joint.path / "report.html").read_text(encoding="utf-8"))
        check_links(page, joint.path) if how == "none" else None
        links = [unquote(a["href"] or "") for a in page.every("a") if not (a["href"] or "").startswith("#")]
        assert bool(links) == (how != "all")
        assert all((joint.path / link).is_file() and link.startswith(("../a/", "../b c/")) for link in links)
        if how == "auto":
            assert (joint.path / "report.html").stat().st_size <= most
            assert all(inside(image) for image in page.every("img")[:2])  # either run's comparison.gif


# --- runs ---------------------------------------------------------------------------------------------------

TINY = [
    "--steps=20",
    "--frames=3",
    "--snapshots=2",
    "--hidden=4",
    "--batch-size=8",
    "--seeds=2",
    "--workers=1",
    "--quiet",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run") / "run"
    assert main(["--mode=mixture_4", *TINY, "--embed=none", "--animation=gif,png", "--out", str(path)]) == 0
    return path


def embedded(path: Path) -> bool:
    html = (path / "report.html").read_text(encoding="utf-8")
    assert ('src="data:image' in html) != ("Linked, not inside" in html)
    return 'src="data:image' in html


def test_every_command_embeds_as_it_was_asked(run: Path, tmp_path: Path) -> None:
    """The run's choice stands in its folder: report, render and resume keep it, and change it if asked."""
    home = tmp_path / "run"
    shutil.copytree(run, home)
    assert not embedded(home)
    before = json.loads((home / "run.json").read_text(encoding="utf-8"))
    others = {p: p.read_bytes() for p in home.rglob("*") if p.is_file() and p.name not in ("run.json", "report.html")}
    assert main(["report", str(home)]) == 0
    assert not embedded(home)
    assert main(["report", str(home), "--embed", "all"]) == 0
    assert embedded(home)
    # only the page has changed, and what the folder says of it: it is the same run
    after = json.loads((home / "run.json").read_text(encoding="utf-8"))
    assert after == before | {"look": before["look"] | {"embed": "all"}}
    assert {p: p.read_bytes() for p in others} == others
    assert load(RunFolder.open(home)).study == load(RunFolder.open(run)).study
    assert main(["render", str(home), "--quiet"]) == 0
    assert embedded(home)
    assert main(["render", str(home), "--quiet", "--embed", "none"]) == 0
    assert not embedded(home)
    facts = json.loads((home / "run.json").read_text(encoding="utf-8"))
    (home / "run.json").write_text(json.dumps(facts | {"status": "interrupted"}), encoding="utf-8")
    assert main(["resume", str(home), "--quiet"]) == 0
    assert not embedded(home)
    for how, whole in (("all", True), ("none", False)):
        out = tmp_path / f"joint-{how}"
        assert main(["report", str(run), str(home), "--out", str(out), "--embed", how, "--quiet"]) == 0
        assert embedded(out) == whole


def test_a_run_from_before_there_was_a_choice_is_read(run: Path, tmp_path: Path) -> None:
    home = tmp_path / "run"
    shutil.copytree(run, home)
    facts = json.loads((home / "run.json").read_text(encoding="utf-8"))
    del facts["look"]["embed"]
    (home / "run.json").write_text(json.dumps(facts), encoding="utf-8")
    workflow.rewrite_report(home)
    assert embedded(home)


def test_a_wrong_choice_is_a_line(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run), "--embed", "al"]) == 2
    assert capsys.readouterr().err == "error: --embed al: must be one of auto, all, none (did you mean all?)\n"


def test_the_lines_for_latex_are_printed_and_in_the_report(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "run"
    shutil.copytree(run, home)
    folders = ["comparison-frames", "mixture_4-std0.2-d2/density-frames", "mixture_4-std0.2-d2/seeds-frames"]
    for folder in folders:
        names = sorted(path.name for path in (home / folder).iterdir())
        assert names == ["0000.png", "0001.png", "0002.png", "0003.png", "timeline.txt"]
    listed = json.loads((home / "run.json").read_text(encoding="utf-8"))["files"]
    assert {f"{folder}/{name}" for folder in folders for name in names} <= set(listed)
    capsys.readouterr()
    # fewer frames, of which nothing is left over
    assert main(["render", str(home), "--frames", "2", "--quiet"]) == 0
    out = capsys.readouterr().out
    page = Page((home / "report.html").read_text(encoding="utf-8"))
    markdown = (home / "report.md").read_text(encoding="utf-8")
    for folder in folders:
        assert sorted(p.name for p in (home / folder).iterdir()) == ["0000.png", "0001.png", "0002.png", "timeline.txt"]
        ending = rf"timeline={folder}/timeline.txt]{{4}}{{{folder}/}}{{0000}}{{0002}}"
        assert ending in page.text
        assert ending in markdown
        assert ending.replace(folder, f"{home.as_posix()}/{folder}") in out
    for text in (out, page.text):
        assert r"\usepackage{graphicx,animate}" in text
    assert main(["render", str(home), "--animation", "gif", "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert "animategraphics" not in (home / "report.html").read_text(encoding="utf-8")


def test_frames_that_are_left_out_are_told(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "run"
    shutil.copytree(run, home)
    for fps, left_out in (("50", []), ("60", ["GIF"]), ("100", ["GIF", "WEBP"])):
        assert main(["render", str(home), "--fps", fps, "--animation", "webp,gif", "--quiet"]) == 0
        notes = re.findall(
            r"note: --fps \d+: browsers slow down a (\w+) of more than (\d+) frames a second", capsys.readouterr().err
        )
        assert [kind for kind, _ in notes] == left_out
        assert dict(notes).get("GIF", "50") == "50"


# --- in a browser -------------------------------------------------------------------------------------------

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: no page is looked at")
# the pixels of the first animation, as the page shows them, and of which frame it says they are
SEEN = """(() => {
  const canvas = document.querySelector('canvas.film'), slider = document.querySelector('.controls input');
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', {willReadFrequently: true});
  copy.drawImage(canvas, 0, 0);
  const pixels = copy.getImageData(0, 0, canvas.width, canvas.height).data;
  return [canvas.width, canvas.height, +slider.value, Array.from(pixels)];
})()"""
PLAYING = "[...document.querySelectorAll('.controls button')].map(button => button.textContent)"


@pytest.fixture
def browser(tmp_path_factory: pytest.TempPathFactory) -> Any:
    opened = Browser(tmp_path_factory.mktemp("browser"))
    yield opened
    opened.close()


def until(true: Any, *arguments: Any) -> None:
    """Wait for what a page comes to."""
    end = time.monotonic() + 20
    while not true(*arguments):
        assert time.monotonic() < end
        time.sleep(0.05)


@needs_chromium
@pytest.mark.parametrize("width", [1280, 390])
def test_a_paused_animation_keeps_its_frame_and_goes_on(tmp_path: Path, browser: Browser, width: int) -> None:
    """By keys alone, without a request; every frame that the page unpacks is the one that other readers see."""
    folder = drawn(tmp_path)
    written(folder, "all")
    shown, _ = frames_of(tmp_path / "comparison.gif")
    session = browser.open((tmp_path / "report.html").as_uri(), width, prefers_reduced_motion="no-preference")

    def look() -> tuple[int, Any]:
        wide, high, number, pixels = browser.tell(session, SEEN)
        return number, np.reshape(pixels, (high, wide, 4))[:, :, :3]

    until(lambda: browser.tell(session, "document.querySelector('canvas.film') !== null"))
    until(lambda: look()[0] > 2)  # it plays
    assert browser.tell(session, "document.documentElement.scrollWidth") <= width
    browser.tell(session, "document.querySelector('.controls button').focus()")
    browser.press(session, " ", 32)
    number, paused = look()
    assert browser.tell(session, PLAYING)[0] == "Play"
    np.testing.assert_array_equal(paused, shown[number])
    time.sleep(0.5)
    again, still = look()
    assert again == number
    np.testing.assert_array_equal(still, paused)
    # with the slider to the beginning, through all, and back by some: past frames that it keeps and others
    browser.press(session, "Tab", 9)
    assert browser.tell(session, "document.activeElement.type") == "range"
    for key, code, expected in [
        ("Home", 36, 0),
        *[("ArrowRight", 39, k) for k in range(1, 30)],
        *[("ArrowLeft", 37, k) for k in range(28, 15, -1)],
        ("End", 35, 29),
    ]:
        browser.press(session, key, code)
        number, seen = look()
        assert number == expected
        np.testing.assert_array_equal(seen, shown[number])
    browser.tell(session, "document.querySelector('.controls button').focus()")
    browser.press(session, "Enter", 13)
    assert browser.tell(session, PLAYING)[0] == "Pause"
    until(lambda: 0 < look()[0] < 29)  # from the end to the beginning and on
    browser.tell(session, "document.querySelector('header > button').click()")
    assert set(browser.tell(session, PLAYING)) == {"Play"}
    assert browser.requests() == [(tmp_path / "report.html").as_uri()]
    assert not browser.complaints()


@needs_chromium
@pytest.mark.parametrize("how", ["all", "none"])
def test_nothing_moves_where_less_motion_is_asked_for(tmp_path: Path, browser: Browser, how: str) -> None:
    """Until it is played: then it does."""
    folder = drawn(tmp_path)
    written(folder, how)
    session = browser.open((tmp_path / "report.html").as_uri(), 1280, prefers_reduced_motion="reduce")
    until(lambda: browser.tell(session, "document.querySelector('canvas.film') !== null"))
    assert set(browser.tell(session, PLAYING)) == {"Play"}
    assert not browser.tell(session, "[...document.querySelectorAll('.quieted')].some(p => p.offsetHeight)")
    if how == "all":
        wide, high, number, pixels = browser.tell(session, SEEN)
        shown, _ = frames_of(tmp_path / "comparison.gif")
        assert number == 29
        np.testing.assert_array_equal(np.reshape(pixels, (high, wide, 4))[:, :, :3], shown[-1])
        browser.tell(session, "document.querySelector('.controls button').click()")
        until(lambda: browser.tell(session, SEEN)[2] not in (0, 29))
    else:
        browser.tell(session, "document.querySelector('.controls button').click()")
        until(lambda: browser.tell(session, "document.querySelector('img.film')?.src.endsWith('comparison.gif')"))
    assert not browser.complaints()


@needs_chromium
@pytest.mark.parametrize("width", [1280, 390])
def test_linked_pictures_are_shown_and_linked_animations_stop(tmp_path: Path, browser: Browser, width: int) -> None:
    folder = drawn(tmp_path)
    written(folder, "none")
    session = browser.open((tmp_path / "report.html").as_uri(), width, prefers_reduced_motion="no-preference")
    assert browser.tell(session, "[...document.images].every(image => image.naturalWidth > 0)")
    assert browser.tell(session, "document.documentElement.scrollWidth") <= width
    assert all(url.startswith(tmp_path.as_uri()) for url in browser.requests())
    assert browser.tell(session, PLAYING)[0] == "Stop"
    browser.tell(session, "document.querySelector('.controls button').click()")
    assert browser.tell(session, PLAYING)[0] == "Play"
    assert browser.tell(session, "document.querySelectorAll('canvas.film').length") == 1
    browser.tell(session, "document.querySelector('.controls button').click()")
    assert browser.tell(session, "document.querySelectorAll('canvas.film').length") == 0
    assert not browser.complaints()


@needs_chromium
def test_a_still_plays_what_is_beside_the_page_and_says_if_nothing_is(
    tmp_path: Path, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = drawn(tmp_path / "run", 400)
    monkeypatch.setattr(embedding, "MOST", 500_000)
    written(folder, "auto")
    shutil.copy(folder.path / "report.html", tmp_path / "alone.html")  # as it goes by mail
    button = "[...document.querySelectorAll('.controls button')].at(-1)"
    source = "[...document.querySelectorAll('[data-film]')].at(-1).src"

    def evaluate(session: str, expression: str) -> Any:
        return browser.tell(session, expression)

    for path, beside in ((folder.path / "report.html", True), (tmp_path / "alone.html", False)):
        session = browser.open(path.as_uri(), 1280, prefers_reduced_motion="no-preference")
        assert evaluate(session, f"{button}.textContent") == "Play"
        assert not any("density.gif" in url for url in browser.requests())  # none before it is asked for
        evaluate(session, f"{button}.click()")
        expected = "Stop" if beside else "The animation is not beside this page"
        until(evaluate, session, f"{button}.textContent === '{expected}'")
        if beside:
            assert evaluate(session, source).endswith("density.gif")
            assert sum(url.endswith("density.gif") for url in browser.requests()) == 1
            evaluate(session, f"{button}.click()")
        assert evaluate(session, source).startswith("data:image/png")
