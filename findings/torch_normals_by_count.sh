#!/usr/bin/env bash
# torch's normal numbers depend on how many are drawn at once: a stream of them cannot be cut freely.
#
# torch 2.13.0 (CPU), Python 3.11.7; seen on an AMD EPYC of Zen 4 (AVX-512).
# Expected: from one seed, 100 numbers and then 28 are the 128 numbers drawn at once, as with numpy's generators.
# Seen: numbers are made in blocks of 16, the last block anew where it is not whole, and fewer than 16 in another way.
# Only cuts at multiples of 16 change nothing:
#
#     128 at once against  64 +  64:   0 differ
#     128 at once against 100 +  28:  44 differ
#      32 at once against   8 +  24:  32 differ
#     the first 10 of 20 are the 10 drawn alone: False
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check torch==2.13.0

venv/bin/python -W ignore - <<'EOF'
import torch


def drawn(*counts):
    generator = torch.Generator().manual_seed(0)
    return torch.cat([torch.randn(n, generator=generator) for n in counts])


def differing(*counts):
    differ = int((drawn(*counts) != drawn(sum(counts))).sum())
    print(f"{sum(counts):3} at once against {counts[0]:3} + {counts[1]:3}: {differ:3} differ")
    return differ


assert torch.equal(drawn(128), drawn(128))
assert differing(64, 64) == 0
assert differing(100, 28) > 0
assert differing(8, 24) > 0
first = torch.equal(drawn(10), drawn(20)[:10])
print("the first 10 of 20 are the 10 drawn alone:", first)
assert not first, "the first numbers no longer depend on how many follow"
EOF
