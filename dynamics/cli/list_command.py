"""The command that shows everything that has a name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer


def list_names(
    as_json: Annotated[bool, typer.Option("--json", help="as one JSON object")] = False,
) -> None:
    """Show every target, loss, penalty, update rule, optimiser, preset, study and whatever else has a name."""
    from dynamics.settings.catalogue.games import ACTIVATIONS, INITS, LOSSES, OPTIMIZERS, PENALTIES, RULES
    from dynamics.settings.catalogue.scores import SCORE_GROUPS
    from dynamics.settings.catalogue.targets import TARGETS, USER_FILES
    from dynamics.settings.presets import PRESETS
    from dynamics.studies import questions

    names = {
        "targets": {name: f"{facts.help} (std {facts.std:g})" for name, facts in TARGETS.items()} | USER_FILES,
        "losses": _helps(LOSSES),
        "penalties": {
            name: f"{facts.help} (weight: {facts.weight}, {facts.usual:g})" for name, facts in PENALTIES.items()
        },
        "updates": _helps(RULES),
        "optimizers": _helps(OPTIMIZERS),
        "activations": _helps(ACTIVATIONS),
        "inits": _helps(INITS),
        "presets": _helps(PRESETS),
        "scores": SCORE_GROUPS,
        "studies": questions(),
    }
    if as_json:
        print(json.dumps(names, ensure_ascii=False, indent=2))
        return
    for title, entries in names.items():
        print(title)
        for name, words in entries.items():
            print(f"  {name:<15} {words}".rstrip())


def _helps(entries: Mapping[str, Any]) -> dict[str, str]:
    return {name: entry.help for name, entry in entries.items()}
