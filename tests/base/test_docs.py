"""What README and docs name is there, their links lead somewhere, and the defaults they state are the program's."""

import re
from pathlib import Path

import pytest

from dynamics.settings.catalogue.targets import TARGETS
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "findings/README.md"]
NAMED = re.compile(r"\b(?:dynamics|tests|experiments|benchmarks|docs|findings)/[\w/.*-]*\w")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_are_there(page):
    named = set(NAMED.findall(page.read_text(encoding="utf-8")))
    missing = {name for name in named if not list(ROOT.glob(name)) and not list(ROOT.glob(f"{name}.*"))}
    assert not missing


def test_files_are_named_in_docs():
    """Else the test above would look at nothing."""
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert len(set(NAMED.findall(text))) > 20


# --- links -----------------------------------------------------------------------------------------------------------

LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def _anchors(page: Path) -> set[str]:
    """The names that a page's headings get where it is shown: lower case, no punctuation, hyphens for spaces."""
    titles = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_of_a_page_lead_to_what_is_there(page):
    dead = []
    for link in LINK.findall(FENCED.sub("", page.read_text(encoding="utf-8"))):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        to = (page.parent / path).resolve() if path else page
        if not to.exists() or (anchor and anchor not in _anchors(to)):
            dead.append(link)
    assert not dead


def test_every_page_is_in_the_index():
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    missing = [
        page.name
        for page in (ROOT / "docs").glob("*.md")
        if page.name != "README.md" and f"]({page.name})" not in index
    ]
    assert not missing


# --- defaults that pages state ----------------------------------------------------------------------------------------

README = (ROOT / "README.md").read_text(encoding="utf-8")


def _stated(mode: str) -> str:
    """What the README's table of modes says of a mode's std."""
    for row in re.findall(r"^\| (`.+) \| .+ \| (.+) \|$", README, re.MULTILINE):
        modes, stds = re.findall(r"`(\w+)`", row[0]), row[1].split(", ")
        if mode in modes:
            return stds[modes.index(mode)] if len(stds) > 1 else stds[0]
    raise AssertionError(f"README's table has no {mode}")


@pytest.mark.parametrize("mode", TARGETS)
def test_the_readme_states_every_modes_own_std(mode):
    stated, std = _stated(mode), TARGETS[mode].std
    if " to " in stated:  # a range, of several modes
        least, most = map(float, stated.split(" to "))
        assert least <= std <= most
    else:
        assert float(stated) == pytest.approx(std, rel=1e-3)  # in four digits


def test_the_table_of_methods_was_made_at_the_defaults_that_it_states():
    """`study methods` changes one thing a row; everything else is a `Setting`'s default."""
    setting, methods = Setting(), (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    (stated,) = re.findall(r"all else as by default \(([^)]+)\)", methods)
    (steps,) = [field.default for field in Study.__dataclass_fields__.values() if field.name == "steps"]
    assert setting.optimizer == "adam"
    assert setting.lr == 1e-3
    assert stated == f"Adam, lr 10⁻³, β₁ {setting.beta1:g}, batch {setting.batch_size}, {steps} generator steps"
