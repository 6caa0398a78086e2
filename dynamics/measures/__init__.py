"""What is measured of samples and networks against the truth: scores, fields, slopes, eigenvalues, verdicts.

Imports base to engine; trains nothing.
"""
