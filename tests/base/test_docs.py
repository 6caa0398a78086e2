"""What README and docs name is there."""

import re
from pathlib import Path

import pytest

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
