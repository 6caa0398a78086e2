#!/usr/bin/env bash
# Python's csv writes a carriage return that it does not read back, where lines end with a newline alone.
#
# Python 3.11.7 (its own library); asserted for 3.11 alone.
# Expected: what csv.writer writes, csv.reader reads back to the same cells.
# Seen: with lineterminator="\n" a cell with a carriage return in it is not quoted, and the reader takes that for the
# end of a line.
#
#     written: [['a\rb', 'c']]
#     read   : [['a'], ['b', 'c']]
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"

python3 - <<'EOF'
import csv
import io
import sys

rows = [["a\rb", "c"]]
text = io.StringIO()
csv.writer(text, lineterminator="\n").writerows(rows)
found = list(csv.reader(io.StringIO(text.getvalue(), newline="")))
print("written:", rows)
print("read   :", found)
if sys.version_info[:2] != (3, 11):
    sys.exit(print("another Python than the one that this was seen on: nothing is asserted"))
assert found == [["a"], ["b", "c"]], "it is read back now"
EOF
