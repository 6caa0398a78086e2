#!/usr/bin/env bash
# matplotlib writes another SVG each time the same figure is saved.
#
# matplotlib 3.11.2, Python 3.11.7.
# Expected: one figure, saved twice without a date, is one file twice, as a PNG or a PDF is.
# Seen: names of clipping paths are drawn at random for every file, unless svg.hashsalt is set.
#
#     png: saved twice, 1 file
#     pdf: saved twice, 1 file
#     svg: saved twice, 2 files
#     svg with svg.hashsalt: saved twice, 1 file
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check matplotlib==3.11.2

venv/bin/python -W ignore - <<'EOF'
import io

import matplotlib

matplotlib.use("Agg")
from matplotlib.figure import Figure

NO_DATE = {"png": {}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}


def files(kind):
    figure, found = Figure(), set()
    figure.add_subplot().plot([0, 1, 0])
    for _ in range(2):
        file = io.BytesIO()
        figure.savefig(file, format=kind, metadata=NO_DATE[kind])
        found.add(file.getvalue())
    return len(found)


def told(what, count, seen):
    print(f"{what}: saved twice, {count} file{'s' * (count > 1)}")
    assert count == seen, "it is otherwise now"


for kind, seen in (("png", 1), ("pdf", 1), ("svg", 2)):
    told(kind, files(kind), seen)
with matplotlib.rc_context({"svg.hashsalt": "x"}):
    told("svg with svg.hashsalt", files("svg"), 1)
EOF
