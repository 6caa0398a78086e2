#!/usr/bin/env bash
# Pillow's writers of GIF, APNG and WebP hold every frame in memory until the last one is there.
#
# Pillow 13.0.0, Python 3.11.7.
# Expected: frames given one by one (append_images takes any iterable) are encoded and written one by one.
# Seen: nothing but a head is in the file, and all frames are alive, when the last one is asked for. APNG goes through
# the frames twice; where they come from a generator, which is empty by then, it writes the first alone, without a word.
#
#     GIF  at frame 40 of 40:      0 bytes written, 40 frames alive or more; passes: 1
#     PNG  at frame 40 of 40:     33 bytes written, 40 frames alive or more; passes: 2
#     WEBP at frame 40 of 40:      0 bytes written, 40 frames alive or more; passes: 1
#     PNG  from a generator of 40 frames: 1 in the file
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check pillow==13.0.0

venv/bin/python -W ignore - <<'EOF'
import gc
import io
import random

from PIL import Image

COUNT = 40


class File(io.BytesIO):
    written = 0

    def write(self, data):
        self.written += len(data)
        return super().write(data)


class Frames:
    """All frames but the first, made when they are asked for; looks about before the last."""

    def __init__(self, file):
        self.file, self.passes = file, 0

    def __iter__(self):
        self.passes += 1
        for k in range(1, COUNT):
            if k == COUNT - 1:
                self.written = self.file.written
                self.alive = 1 + sum(isinstance(thing, Image.Image) for thing in gc.get_objects())
            yield picture(k)


def picture(k):
    return Image.frombytes("RGB", (64, 64), random.Random(k).randbytes(64 * 64 * 3))


for kind in ("GIF", "PNG", "WEBP"):
    file = File()
    frames = Frames(file)
    picture(0).save(file, kind, save_all=True, append_images=frames, duration=100)
    print(
        f"{kind:4} at frame {COUNT} of {COUNT}: {frames.written:6} bytes written,"
        f" {min(frames.alive, COUNT)} frames alive or more; passes: {frames.passes}"
    )
    with Image.open(file) as made:
        assert made.n_frames == COUNT
    assert frames.written < 100, f"{kind}: is written as frames come now"  # a PNG's head has 33 bytes
    assert frames.alive >= COUNT, f"{kind}: frames are let go of now"
    assert frames.passes == (2 if kind == "PNG" else 1), f"{kind}: goes through its frames otherwise now"
file = io.BytesIO()
picture(0).save(file, "PNG", save_all=True, append_images=(picture(k) for k in range(1, COUNT)), duration=100)
with Image.open(file) as made:
    print(f"PNG  from a generator of {COUNT} frames: {made.n_frames} in the file")
    assert made.n_frames == 1, "APNG takes generators now"
EOF
