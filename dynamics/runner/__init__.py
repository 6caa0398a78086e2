"""A study cut into tasks, trained by worker processes, checkpointed, and gathered into results.

Imports base to store; what only reads results is free of torch.
"""
