"""Two networks and what they play: stacks of MLPs, losses, penalties, optimisers, update rules, the game they make.

Imports base, settings and targets; no loop over steps.
"""
