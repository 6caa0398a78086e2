"""Games with known answers, and the methods' own code held to them.

Imports base to pictures.
"""
