"""Facts about all that has a name, each in one place: help, titles, units, what goes with what; free of torch.

The functions that carry a name out stand elsewhere; tests/settings/test_catalogue.py holds the two together.
"""
