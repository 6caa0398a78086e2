"""What a finished run prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from dynamics.cli.exits import RunFailed, resume_line

if TYPE_CHECKING:
    from dynamics.runner.results import Results


def print_outcome(results: Results, path: Path, as_json: bool) -> None:
    """A finished run's outcome on stdout. Raises `RunFailed` where members have none."""
    from dynamics.reports.comparisons import comparison_rows
    from dynamics.reports.tables import text_table
    from dynamics.store.json_values import strict

    if as_json:
        outcome = {"run": str(path), "comparison": comparison_rows(results), "failures": results.failures}
        print(json.dumps(strict(outcome), ensure_ascii=False, allow_nan=False))
    else:
        print(text_table(results))
        _print_confirmation(results, path)
        print(f"\nreport: {path / 'report.html'}")
        print_latex_lines(path)
    if results.failures:
        from dynamics.reports.tables import counted

        count = sum(len(failure["members"]) for failure in results.failures)
        raise RunFailed(
            f"{counted(count, 'GAN')} failed: {results.failures[0]['error']}; to try again: {resume_line(path)}"
        )


def _print_confirmation(results: Results, path: Path) -> None:
    """What became of the best settings on new seeds, if they were trained there, on stdout."""
    from dynamics.reports.ranking import confirmed
    from dynamics.reports.ranking_words import ranking_parts
    from dynamics.runner.fresh_seeds import load_confirmation
    from dynamics.store.folder import MANIFEST, RunFolder

    folder = RunFolder(path)
    if again := load_confirmation(folder, results, folder.read_json(MANIFEST)):
        for part in ranking_parts(results, [], confirmed(results, again)):
            print("\n".join(["", part.heading, *part.sentences]))


def print_latex_lines(path: Path) -> None:
    """What to paste into LaTeX, on stdout, if a run was drawn for that."""
    from dynamics.workflow import latex_lines

    if lines := latex_lines(path):
        print("\n".join(["\nLaTeX, with \\usepackage{graphicx,animate}:", *lines]))
