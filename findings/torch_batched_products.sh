#!/usr/bin/env bash
# torch's batched products of one matrix give other bits than the same matrix in company.
#
# torch 2.13.0 (CPU, MKL 2024.2), Python 3.11.7; seen on an AMD EPYC of Zen 4 (family 25, AVX-512).
# Expected: torch.bmm(x, w)[:1] and torch.bmm(x[:1], w[:1]) are the same product of the same numbers.
# Seen: with one output column and a batch of one another kernel adds in another order. Of (64, 16) x (16, 1) and of
# (128, 64) x (64, 1) results differ in their last bits, in bmm and in baddbmm; with two columns they are equal:
#
#     bmm     (64, 16) x (16, 1): batch 1 against 8: 36 of 64 differ
#     bmm     (64, 16) x (16, 2): batch 1 against 8: 0 of 128 differ
#     bmm     (128, 64) x (64, 1): batch 1 against 8: 107 of 128 differ
#     bmm     (128, 64) x (64, 2): batch 1 against 8: 0 of 256 differ
#     and baddbmm the same
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
draw = torch.Generator().manual_seed(0)
found = {}
for rows, inner in ((64, 16), (128, 64)):
    for columns in (1, 2):
        x, w = (torch.randn(8, *shape, generator=draw) for shape in ((rows, inner), (inner, columns)))
        nothing = torch.zeros(1, 1, 1)
        for name, alone, company in (
            ("bmm", torch.bmm(x[:1], w[:1]), torch.bmm(x, w)[:1]),
            ("baddbmm", torch.baddbmm(nothing, x[:1], w[:1]), torch.baddbmm(nothing, x, w)[:1]),
        ):
            differ = int((alone != company).sum())
            found.setdefault(columns, []).append(differ)
            what = f"{name:7} ({rows}, {inner}) x ({inner}, {columns})"
            print(f"{what}: batch 1 against 8: {differ} of {alone.numel()} differ")
            assert torch.allclose(alone, company, rtol=1e-4, atol=1e-4)  # it is rounding, no more
if sys.argv[1] != "yes":
    sys.exit(print("another processor than the one that this was seen on: nothing is asserted"))
assert all(found[1]), "one column: batches of one are like the others now"
assert not any(found[2]), "two columns: batches of one are unlike the others now"
EOF
