#!/usr/bin/env bash
# Pillow's animations drop frames that are like the one before, and a still one loses its time.
#
# Pillow 13.0.0, Python 3.11.7.
# Expected: four frames of 0.1 s are four frames, 0.4 s; three equal ones last 0.3 s.
# Seen: equal neighbours become one longer frame in all formats. Where all are equal, a PNG and a WebP come out as
# still pictures, whose time is gone; a GIF keeps it.
#
#     GIF : red, red, red, blue: 2 frames of 300, 100 ms; red, red, red: 300 ms
#     PNG : red, red, red, blue: 2 frames of 300, 100 ms; red, red, red: no time
#     WEBP: red, red, red, blue: 2 frames of 300, 100 ms; red, red, red: no time
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check pillow==13.0.0

venv/bin/python -W ignore - <<'EOF'
import io

from PIL import Image


def delays(kind, *colours):
    frames = [Image.new("RGB", (8, 8), colour) for colour in colours]
    file = io.BytesIO()
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], duration=100)
    found = []
    with Image.open(file) as made:
        for k in range(getattr(made, "n_frames", 1)):
            made.seek(k)
            made.load()
            found.append(made.info.get("duration"))
    return found


for kind in ("GIF", "PNG", "WEBP"):
    moving, (still,) = delays(kind, "red", "red", "red", "blue"), delays(kind, "red", "red", "red")
    told = ", ".join(f"{delay:.0f}" for delay in moving)
    print(
        f"{kind:4}: red, red, red, blue: {len(moving)} frames of {told} ms; red, red, red:",
        f"{still:.0f} ms" if still else "no time",
    )
    assert moving == [300, 100], f"{kind}: equal frames are kept now"
    assert bool(still) == (kind == "GIF"), f"{kind}: a still animation's time is another now"
EOF
