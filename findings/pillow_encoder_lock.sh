#!/usr/bin/env bash
# Pillow's encoders hold Python's lock while they encode into memory, and not while they encode into a file.
#
# Pillow 13.0.0, Python 3.11.7.
# Expected: a long piece of C, as LZW over a large picture, lets other threads run wherever its bytes go.
# Seen: beside encoder.encode (what saving to a BytesIO comes to) another thread does not take one step; beside
# encoder.encode_to_file (what saving to a file with a number comes to) it runs.
#
#     into memory: steps of another thread meanwhile: none
#     into a file: steps of another thread meanwhile: some
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check pillow==13.0.0

venv/bin/python -W ignore - <<'EOF'
import random
import sys
import tempfile
import threading
import time

from PIL import Image

sys.setswitchinterval(1000)  # seconds: a thread runs until it gives the lock away itself
picture = Image.frombytes("L", (3000, 3000), random.Random(0).randbytes(9_000_000))
steps, over = 0, False


def walk():
    global steps
    while not over:
        steps += 1
        time.sleep(0)  # gives the lock away


def beside(encode):
    encoder = Image._getencoder("L", "gif", "L")
    encoder.setimage(picture.im, (0, 0, *picture.size))
    before = steps
    encode(encoder)
    return steps - before


thread = threading.Thread(target=walk)
thread.start()
memory = beside(lambda encoder: encoder.encode(2**28))
with tempfile.TemporaryFile() as file:
    into_file = beside(lambda encoder: encoder.encode_to_file(file.fileno(), 2**16))
over = True
thread.join()
print("into memory: steps of another thread meanwhile:", "some" if memory else "none")
print("into a file: steps of another thread meanwhile:", "some" if into_file else "none")
assert memory == 0, "encoding into memory lets others run now"
assert into_file > 0, "encoding into a file lets nobody run now"
EOF
