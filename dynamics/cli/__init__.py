"""The command line: options in, exit statuses out.

Imports everything else, when a command needs it.
"""
