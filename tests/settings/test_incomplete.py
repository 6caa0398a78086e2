"""An entry of a registry that lacks a part: one line that says which part, and where it belongs.

Each is put into a copy of the sources, and the program is asked for it: what whoever adds an entry sees half way.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TINY = ["--hidden=4", "--batch-size=8", "--steps=2", "--snapshots=1", "--workers=1", "--device=cpu", "--force"]

LOSS_FACTS = (
    "settings/catalogue/games.py",
    "LOSSES: dict[str, LossFacts] = {\n",
    '"bored": LossFacts("h", _always((2.0, 1.0)), _always((0, math.inf)), labels=False),\n',
)
TERMS = ("games/losses.py", "TERMS: dict[str, Terms] = {\n")
TARGET_FACTS = (
    "settings/catalogue/targets.py",
    "TARGETS: dict[str, TargetFacts] = {\n",
    '"bored": TargetFacts("h", 0.1),\n',
)
PENALTY_FACTS = (
    "settings/catalogue/games.py",
    "PENALTIES: dict[str, PenaltyFacts] = {\n",
    '"bored": PenaltyFacts("h", "w", 1.0, D_LOSS),\n',
)
RULE_FACTS = ("settings/catalogue/games.py", "RULES: dict[str, RuleFacts] = {\n", '"bored": RuleFacts("h"),\n')
PENALTY_TERM = ("games/penalties.py", "TERMS: dict[str, Callable[[Judge, Points], Tensor]] = {\n", '"bored": r1,\n')
RULE_CLASS = ("games/update_rules.py", "UPDATES: dict[str, type[Alternating]] = {\n", '"bored": Alternating,\n')
LAYER = (
    "settings/catalogue/layers.py",
    "LAYERS: dict[str, LayerFacts] = {\n",
    '"bored": LayerFacts("h", "b", HEAT),\n',
)
OPTIMIZER = "OPTIMIZERS: dict[str, OptimizerFacts] = {\n"
SCORES = '"the modes and densities of the samples; always measured",\n        {\n'
TRANSPORT = '"Wasserstein-2 distances of the samples from the target",\n        {\n'

CASES = {  # what is lacking -> (file, after which words, what is put in) each, what is asked for, what is answered
    "a loss's functions": (
        [LOSS_FACTS],
        [*TINY, "--loss=bored", "--no-figures"],
        "loss 'bored' is in the catalogue, but games/losses.py has nothing for it",
    ),
    "a loss's term": (
        [LOSS_FACTS, (*TERMS, '"bored": Terms(log_discriminator, optimal_logit=None),\n')],
        [*TINY, "--loss=bored", "--no-figures"],
        "loss 'bored' lacks generator, in games/losses.py",
    ),
    "what the best D is": (
        [LOSS_FACTS, (*TERMS, '"bored": Terms(log_discriminator, nonsaturating_generator),\n')],
        [*TINY, "--loss=bored", "--no-figures"],
        "loss 'bored' lacks optimal_logit, in games/losses.py",
    ),
    "a loss's term for smoothed labels": (
        [
            (*LOSS_FACTS[:2], LOSS_FACTS[2].replace(", labels=False", "")),
            (*TERMS, '"bored": Terms(log_discriminator, nonsaturating_generator, optimal_logit=None),\n'),
        ],
        [*TINY, "--loss=bored", "--no-figures"],
        "loss 'bored' lacks fake_term, D's term of a point that is not real, which smoothed labels need, in"
        " games/losses.py; or it has no labels: say labels=False in the catalogue",
    ),
    "a loss's closed form": (
        [
            LOSS_FACTS,
            (*TERMS, '"bored": Terms(log_discriminator, nonsaturating_generator, optimal_logit=None),\n'),
        ],
        ["verify"],
        "loss 'bored' lacks its slopes in closed form: it belongs in theory/closed_forms.py, slopes",
    ),
    "a target's shape": (
        [TARGET_FACTS],
        [*TINY, "--mode=bored", "--no-figures"],
        "target 'bored' is in the catalogue, but targets/registry.py has nothing for it",
    ),
    "a target's density": (
        [
            TARGET_FACTS,
            (
                "targets/registry.py",
                "FACTORIES: dict[str, Callable[[float], Target]] = {  # std -> target\n",
                '"bored": lambda s: Target("bored", s),\n',
            ),
        ],
        [*TINY, "--mode=bored", "--no-figures"],
        "target 'bored' lacks log_prob, _points, in its class Target, dynamics.targets.densities",
    ),
    "a penalty's function": (
        [PENALTY_FACTS],
        [*TINY, "--penalty=bored", "--no-figures"],
        "penalty 'bored' is in the catalogue, but games/penalties.py has nothing for it",
    ),
    "a penalty's proof": (
        [
            PENALTY_FACTS,
            PENALTY_TERM,
        ],
        ["verify"],
        "penalty 'bored' lacks its proof: it belongs in theory/penalty_predictions.py",
    ),
    "an update rule's class": (
        [RULE_FACTS],
        [*TINY, "--update=bored", "--no-figures"],
        "update rule 'bored' is in the catalogue, but games/update_rules.py has nothing for it",
    ),
    "an update rule's linearised round": (
        [
            RULE_FACTS,
            RULE_CLASS,
        ],
        [*TINY, "--update=bored", "--no-figures"],
        "linearised update rule 'bored' is in the catalogue, but measures/eigenvalues.py has nothing for it",
    ),
    "an update rule's map of the bilinear game": (
        [
            RULE_FACTS,
            RULE_CLASS,
        ],
        ["verify"],
        "update rule 'bored' is in the catalogue, but theory/bilinear_predictions.py has nothing for it",
    ),
    "an optimiser's class": (
        [("settings/catalogue/games.py", OPTIMIZER, '"bored": OptimizerFacts("h"),\n')],
        [*TINY, "--optimizer=bored", "--no-figures"],
        "optimizer 'bored' is in the catalogue, but games/optimizers.py has nothing for it",
    ),
    "what measures a score": (
        [("settings/catalogue/scores.py", SCORES, '"bored": ScoreFacts("b", "", 2, "m", SHARE, sampled=True),\n')],
        [*TINY, "--no-figures"],
        "score 'bored' lacks what measures it: it belongs in measures/metrics.py",
    ),
    "what measures a score of a group": (
        [("settings/catalogue/scores.py", TRANSPORT, '"bored": ScoreFacts("b", "", 2, "m", POSITIVE),\n')],
        [*TINY, "--no-figures", "--scores=transport"],
        "nothing measures bored, which catalogue/scores.py has",
    ),
    "what draws a layer": (
        [LAYER],
        [*TINY, "--show=bored", "--frames=1"],
        "layer 'bored' is in the catalogue, but dynamics/pictures has nothing for it",
    ),
}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A copy of the program, to put entries into."""
    copy = tmp_path_factory.mktemp("sources")
    for folder in ("dynamics", "experiments"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("main.py", "GAN.py", "sample.py", "train.py", "plotting.py"):
        shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.mark.parametrize("lacking", CASES)
def test_what_an_entry_lacks_is_said_in_one_line(lacking, sources):
    changes, asked, answer = CASES[lacking]
    before = {name: (sources / "dynamics" / name).read_text(encoding="utf-8") for name, _, _ in changes}
    try:
        for name, anchor, entry in changes:
            text = (sources / "dynamics" / name).read_text(encoding="utf-8")
            assert text.count(anchor) == 1
            (sources / "dynamics" / name).write_text(text.replace(anchor, anchor + entry), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-B", "main.py", *asked, *(["--out=run"] if asked != ["verify"] else [])],
            cwd=sources,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    finally:
        for name, text in before.items():
            (sources / "dynamics" / name).write_text(text, encoding="utf-8")
    errors = [line for line in done.stderr.splitlines() if not line.startswith(("note:", " "))]
    assert done.returncode == 1, done.stderr
    assert len(errors) == 1, done.stderr
    assert errors[0].startswith("error: ")
    assert answer in errors[0]
