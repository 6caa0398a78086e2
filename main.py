"""The command line: see `python main.py --help`."""

import sys

from dynamics.cli.app import program

if __name__ == "__main__":
    sys.exit(program())
