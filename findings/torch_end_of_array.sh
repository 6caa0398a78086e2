#!/usr/bin/env bash
# torch rounds the last few numbers of an array otherwise: sigmoid(x)[:k] is not sigmoid(x[:k]).
#
# torch 2.13.0 (CPU), Python 3.11.7; seen on an AMD EPYC of Zen 4 (family 25, AVX-512).
# Expected: a function taken number by number gives the same for a number wherever in an array it stands.
# Seen: whole vector registers and what is left over are computed by other instructions. Of the first k numbers, k from
# 1 to 64, of one array (tanh, exp and erf differ for none of them):
#
#     sigmoid : lengths at which the two differ: 28 of 64
#     softplus: lengths at which the two differ: 41 of 64
#     silu    : lengths at which the two differ: 44 of 64
#     tanh    : lengths at which the two differ: 0 of 64
#     exp     : lengths at which the two differ: 0 of 64
#     erf     : lengths at which the two differ: 0 of 64
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check torch==2.13.0

# asserted on the processor that it was seen on alone
zen4=no
if grep -qs '^vendor_id.*AuthenticAMD' /proc/cpuinfo && grep -qsE '^cpu family\s*: 25$' /proc/cpuinfo \
    && grep -qsw avx512f /proc/cpuinfo; then
    zen4=yes
fi

venv/bin/python -W ignore - "$zen4" <<'EOF'
import sys

import torch

torch.set_num_threads(1)
x = torch.linspace(-2, 5, 700)
functions = {"sigmoid": torch.sigmoid, "softplus": torch.nn.functional.softplus, "silu": torch.nn.functional.silu}
functions |= {"tanh": torch.tanh, "exp": torch.exp, "erf": torch.erf}
found = {}
for name, function in functions.items():
    whole = function(x)
    found[name] = sum(not torch.equal(function(x[:k]), whole[:k]) for k in range(1, 65))
    print(f"{name:8}: lengths at which the two differ: {found[name]} of 64")
if sys.argv[1] != "yes":
    sys.exit(print("another processor than the one that this was seen on: nothing is asserted"))
assert all(found[name] for name in ("sigmoid", "softplus", "silu")), "they are rounded alike throughout now"
assert not any(found[name] for name in ("tanh", "exp", "erf")), "these are rounded by their place now"
EOF
