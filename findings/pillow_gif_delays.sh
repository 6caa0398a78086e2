#!/usr/bin/env bash
# Pillow's GIFs are faster than they were asked to be: each frame's delay is cut to whole hundredths of a second.
#
# Pillow 13.0.0, imageio 2.38.1, numpy 2.4.6, Python 3.11.7.
# Expected: delays of a GIF are hundredths of a second, so 30 frames a second need delays of 3, 3 and 4 in turn.
# Seen: every delay is rounded down, whatever was lost before; 60 frames at 30 a second last 1.8 s, at 60 a second
# 0.6 s. imageio, which writes GIFs by Pillow, does the same, also for fps=30.
#
#     12 a second: 4.8 s for 5.0 s
#     25 a second: 2.4 s for 2.4 s
#     30 a second: 1.8 s for 2.0 s
#     60 a second: 0.6 s for 1.0 s
#     imageio, 30 a second: 1.8 s for 2.0 s
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check pillow==13.0.0 imageio==2.38.1 numpy==2.4.6

venv/bin/python -W ignore - <<'EOF'
import io

import imageio.v3
import numpy as np
from PIL import Image

frames = [np.full((8, 8, 3), 4 * k, np.uint8) for k in range(60)]


def milliseconds(data):
    with Image.open(io.BytesIO(data)) as made:
        assert made.n_frames == 60
        total = 0
        for k in range(60):
            made.seek(k)
            total += made.info["duration"]
    return total


for fps, seen in ((12, 4800), (25, 2400), (30, 1800), (60, 600)):
    file = io.BytesIO()
    first, *others = map(Image.fromarray, frames)
    first.save(file, "GIF", save_all=True, append_images=others, duration=1000 / fps)
    total = milliseconds(file.getvalue())
    print(f"{fps} a second: {total / 1000:.1f} s for {60 / fps:.1f} s")
    assert total == seen, "delays are rounded otherwise now"
total = milliseconds(imageio.v3.imwrite("<bytes>", frames, extension=".gif", fps=30))
print(f"imageio, 30 a second: {total / 1000:.1f} s for 2.0 s")
assert total == 1800, "imageio rounds delays otherwise now"
EOF
