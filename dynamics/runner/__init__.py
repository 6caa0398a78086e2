"""A study cut into tasks, trained by worker processes, checkpointed, and gathered into results.

Imports base to store; what only reads results is free of torch.
"""

from typing import TYPE_CHECKING

from dynamics.base.exports import lazy_exports

if TYPE_CHECKING:
    from dynamics.runner.history import History as History
    from dynamics.runner.joint import join as join
    from dynamics.runner.loading import load as load
    from dynamics.runner.resolving import resolve as resolve
    from dynamics.runner.results import Results as Results
    from dynamics.runner.running import run_study as run_study
else:
    __all__, __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "History": "history",
            "Results": "results",
            "join": "joint",
            "load": "loading",
            "resolve": "resolving",
            "run_study": "running",
        },
    )
