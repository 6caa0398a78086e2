#!/usr/bin/env bash
# Starting its first process, Python's multiprocessing lets signals through that the program had blocked.
#
# Python 3.11.7 (its own library), on systems with signal masks; asserted for 3.11 alone.
# Expected: signals that a thread has blocked stay blocked until it lets them through.
# Seen: to start its resource tracker, multiprocessing blocks SIGINT and SIGTERM and lets both through afterwards,
# also where they were blocked before. A program that blocks them around the start of a process, so that a Ctrl-C does
# not hit half of it, has them open in the middle of it. SIGHUP, which the tracker leaves alone, stays blocked.
#
#     blocked before: SIGHUP, SIGINT, SIGTERM
#     blocked after : SIGHUP
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"

python3 - <<'EOF'
import signal
import sys
from multiprocessing import resource_tracker


def blocked():
    return sorted(signal.Signals(number).name for number in signal.pthread_sigmask(signal.SIG_BLOCK, ()))


if not hasattr(signal, "pthread_sigmask"):
    sys.exit(print("a system without signal masks: nothing is asserted"))
signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGHUP, signal.SIGINT, signal.SIGTERM})
before = blocked()
print("blocked before:", ", ".join(before))
resource_tracker.ensure_running()  # as the first Process.start() does
after = blocked()
print("blocked after :", ", ".join(after))
if sys.version_info[:2] != (3, 11):
    sys.exit(print("another Python than the one that this was seen on: nothing is asserted"))
assert before == ["SIGHUP", "SIGINT", "SIGTERM"]
assert after == ["SIGHUP"], "they stay blocked now"
EOF
