#!/usr/bin/env bash
# libx264 writes other bytes for the same frames from run to run, unless it is told cpu-independent=1.
#
# PyAV 18.1.0 (libavcodec 62.28, libx264), numpy 2.4.6, Python 3.11.7; seen on an AMD EPYC of Zen 4 (AVX-512).
# Expected: one thread, equal frames and equal options give equal bytes.
# Seen: where a side is no multiple of 16, they depend on what the memory that the encoder gets held before: with glibc
# told to fill it (MALLOC_PERTURB_), each filling has a file of its own. With x264-params cpu-independent=1 all are
# equal, and so they are at 640 x 640.
#
#     646 x 482                     : 4 files of 4 fillings
#     646 x 482, cpu-independent=1  : 1 files of 4 fillings
#     640 x 640                     : 1 files of 4 fillings
#     640 x 640, cpu-independent=1  : 1 files of 4 fillings
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check av==18.1.0 numpy==2.4.6

# asserted on the processor that it was seen on alone
zen4=no
if grep -qs '^vendor_id.*AuthenticAMD' /proc/cpuinfo && grep -qsE '^cpu family\s*: 25$' /proc/cpuinfo \
    && grep -qsw avx512f /proc/cpuinfo; then
    zen4=yes
fi

cat > write.py <<'EOF'
import hashlib
import sys

import av
import numpy as np

width, height, count = int(sys.argv[1]), int(sys.argv[2]), 12
options = {"preset": "veryfast", "tune": "animation", "crf": "18"}
if len(sys.argv) > 3:
    options["x264-params"] = sys.argv[3]
container = av.open("film.mp4", "w", format="mp4", options={"fflags": "+bitexact"})
stream = container.add_stream("libx264", rate=25, options=options)
stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
stream.codec_context.thread_count = 1
y, x = np.mgrid[:height, :width]
for k in range(count):  # a dark blob that moves over lines
    away = (x - width * (0.3 + 0.4 * k / count)) ** 2 + (y - height / 2) ** 2
    luma = 235 - 200 * np.exp(-away / (2 * (width / 8) ** 2))
    luma[::16] = 50
    planes = np.concatenate([luma.astype(np.uint8).ravel(), np.full(width * height // 2, 128, np.uint8)])
    frame = av.VideoFrame.from_ndarray(planes.reshape(-1, width), format="yuv420p")
    frame.pts = k
    container.mux(stream.encode(frame))
container.mux(stream.encode(None))
container.close()
print(hashlib.sha256(open("film.mp4", "rb").read()).hexdigest())
EOF

files() { # how many different ones
    for filling in 0 85 170 254; do
        MALLOC_PERTURB_=$filling venv/bin/python write.py "$@"
    done | sort -u | wc -l
}
odd=$(files 646 482)
odd_told=$(files 646 482 cpu-independent=1)
even=$(files 640 640)
even_told=$(files 640 640 cpu-independent=1)
echo "646 x 482                     : $odd files of 4 fillings"
echo "646 x 482, cpu-independent=1  : $odd_told files of 4 fillings"
echo "640 x 640                     : $even files of 4 fillings"
echo "640 x 640, cpu-independent=1  : $even_told files of 4 fillings"
if [ "$zen4" = no ] || ! getconf GNU_LIBC_VERSION >/dev/null 2>&1; then
    echo "another processor or C library than those that this was seen with: nothing is asserted"
    exit 0
fi
[ "$odd" -gt 1 ] || { echo "its bytes no longer depend on memory" >&2; exit 1; }
[ "$odd_told" = 1 ] && [ "$even" = 1 ] && [ "$even_told" = 1 ] || { echo "more depends on memory now" >&2; exit 1; }
