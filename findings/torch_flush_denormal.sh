#!/usr/bin/env bash
# torch.set_flush_denormal changes all arithmetic of the thread, Python's own floats and numpy's too.
#
# torch 2.13.0 (CPU), numpy 2.4.6, Python 3.11.7; seen on an AMD EPYC of Zen 4.
# Expected: a switch of torch's is about torch's tensors.
# Seen: it is a flag of the processor. While it is set, a product of Python floats is flushed to zero as well, and even
# a number that is only read from text; torch has no function that tells whether it is set.
#
#     off: torch 1e-310, numpy 1e-310, Python 1e-310, read from text 1e-310
#     on:  torch 0.0, numpy 0.0, Python 0.0, read from text 0.0
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check torch==2.13.0 numpy==2.4.6

venv/bin/python -W ignore - <<'EOF'
import sys

import numpy as np
import torch

small, one = 1e-310, float("1")


def found():
    values = (
        (torch.tensor(small, dtype=torch.float64) * one).item(),
        float((np.array([small]) * one)[0]),
        small * one,
        float("1e-310"),
    )
    return [value > 0 for value in values], "torch {!r}, numpy {!r}, Python {!r}, read from text {!r}".format(*values)


before, words = found()
print("off:", words)
assert before == [True] * 4
if not torch.set_flush_denormal(True):
    sys.exit(print("a processor that cannot do so: nothing is asserted"))
after, words = found()
torch.set_flush_denormal(False)
print("on: ", words)
assert not any(after), "something keeps its small numbers now"
assert not hasattr(torch, "get_flush_denormal"), "whether it is set can be asked now"
EOF
