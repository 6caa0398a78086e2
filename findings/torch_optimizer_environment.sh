#!/usr/bin/env bash
# Making an optimiser of torch's sets an environment variable of the process.
#
# torch 2.13.0 (CPU), Python 3.11.7.
# Expected: torch.optim.Adam(parameters) is about these parameters.
# Seen: it imports the parts of torch that compile, which put the place of their cache into os.environ, so that every
# process started later inherits it:
#
#     after `import torch`: nothing new
#     after torch.optim.Adam: TORCHINDUCTOR_CACHE_DIR
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check torch==2.13.0

unset TORCHINDUCTOR_CACHE_DIR
venv/bin/python -W ignore - <<'EOF'
import os

before = dict(os.environ)
import torch

assert dict(os.environ) == before, "importing torch changes the environment now"
print("after `import torch`: nothing new")
torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])
new = sorted(name for name in os.environ if before.get(name) != os.environ[name])
print("after torch.optim.Adam:", ", ".join(new) or "nothing new")
assert new == ["TORCHINDUCTOR_CACHE_DIR"], "it is another now"
EOF
