#!/usr/bin/env bash
# Pillow turns a grey picture of 16 bits into 8 by cutting off: nearly everything becomes white.
#
# Pillow 13.0.0, Python 3.11.7.
# Expected: convert("L") scales, as 65535 is white: a grey of 32768 becomes 128.
# Seen: every value above 255 becomes 255, in "L" and in "RGB", without a warning.
#
#     of a 16-bit PNG   : 0, 255, 256, 32768, 65535
#     by convert("L")   : 0, 255, 255, 255, 255
#     by convert("RGB") : 0, 255, 255, 255, 255
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check pillow==13.0.0

venv/bin/python -W ignore - <<'EOF'
import io

from PIL import Image

values = (0, 255, 256, 32768, 65535)
picture = Image.new("I;16", (len(values), 1))
for x, value in enumerate(values):
    picture.putpixel((x, 0), value)
file = io.BytesIO()
picture.save(file, "PNG")
with Image.open(file) as there:
    assert [there.getpixel((x, 0)) for x in range(len(values))] == list(values)
    grey, colour = there.convert("L"), there.convert("RGB")
found = [grey.getpixel((x, 0)) for x in range(len(values))]
reds = [colour.getpixel((x, 0))[0] for x in range(len(values))]
for what, numbers in (("of a 16-bit PNG", values), ('by convert("L")', found), ('by convert("RGB")', reds)):
    print(f"{what:18}: {', '.join(map(str, numbers))}")
assert found == reds == [min(value, 255) for value in values], "it is scaled now"
EOF
