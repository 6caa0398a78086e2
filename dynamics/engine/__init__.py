"""The training loop, and the stacks that carry it out: by autograd, written out, recorded, or as CUDA graphs.

Imports base to games; no files, no pictures.
"""
