"""The command that shows everything that has a name."""

from __future__ import annotations

import inspect
import json
from typing import Annotated, Any

import typer


def list_names(
    as_json: Annotated[bool, typer.Option("--json", help="as one JSON object")] = False,
) -> None:
    """Show every target, loss, penalty, update rule, optimiser, preset, study and whatever else has a name."""
    from dynamics.games.initial_weights import INITS
    from dynamics.games.losses import LOSSES
    from dynamics.games.networks import ACTIVATIONS
    from dynamics.games.optimizers import OPTIMIZERS
    from dynamics.games.penalties import PENALTIES
    from dynamics.games.update_rules import UPDATES
    from dynamics.settings.catalogue.names import USUAL_WEIGHTS
    from dynamics.settings.catalogue.scores import SCORE_GROUPS
    from dynamics.settings.presets import PRESETS
    from dynamics.studies import questions
    from dynamics.targets.registry import TARGETS

    def first_line(function: Any) -> str:
        return (inspect.getdoc(function) or "").partition("\n")[0].rstrip(".")

    names = {
        "targets": {name: f"{entry.help} (std {entry.std:g})" for name, entry in TARGETS.items()}
        | {"NAME.csv": "your own points, blurred (docs/targets.md)", "NAME.png": "your own picture: dark is dense"}
        | {"NAME.toml": "your own mixture, with its modes"},
        "losses": {name: loss.help for name, loss in LOSSES.items()},
        "penalties": {
            name: f"{entry.help} (weight: {entry.weight}, {USUAL_WEIGHTS[name]:g})" for name, entry in PENALTIES.items()
        },
        "updates": {name: first_line(kind) for name, kind in UPDATES.items()},
        "optimizers": {name: first_line(kind) for name, kind in OPTIMIZERS.items()},
        "activations": dict.fromkeys(ACTIVATIONS, ""),
        "inits": {name: first_line(init) for name, init in INITS.items()},
        "presets": {name: preset.help for name, preset in PRESETS.items()},
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
