"""The distributions to be learnt: sampling, exact densities and modes; users' points, pictures and mixtures.

Imports base and settings. What deals with files alone is free of torch.
"""
