#!/usr/bin/env bash
# `import torch` runs a file cuda.py that lies beside the program.
#
# torch 2.13.0 (CPU), Python 3.11.7.
# Expected: a program's own module of a plain name is imported by the program alone.
# Seen: torch tries `from cuda.bindings import ...`, for the package cuda-bindings, which is not installed. Python finds
# the user's cuda.py instead and runs it; torch goes on without a word.
#
#     cuda.py is run
#     torch 2.13.0 is imported, and cuda too: True
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check torch==2.13.0

mkdir mine
echo 'print("cuda.py is run")' > mine/cuda.py
venv/bin/python -W ignore - <<'EOF'
import sys

sys.path.insert(0, "mine")
import torch

print(f"torch {torch.__version__.partition('+')[0]} is imported, and cuda too: {'cuda' in sys.modules}")
assert "cuda" in sys.modules, "torch leaves it alone now"
assert sys.modules["cuda"].__file__.endswith("mine/cuda.py")
EOF
