"""The version of the program: of its command line, its run folders and its checkpoints."""

VERSION = "0.1.0"
