"""The training loop, and the stacks that carry it out: by autograd, written out, recorded, or as CUDA graphs.

Imports base to games; no files, no pictures.
"""

from typing import TYPE_CHECKING

from dynamics.base.exports import lazy_exports

if TYPE_CHECKING:
    from dynamics.engine.choosing import stack_for as stack_for
    from dynamics.engine.session import Session as Session
    from dynamics.engine.stack import Stack as Stack
    from dynamics.engine.training import Snapshot as Snapshot
    from dynamics.engine.training import train_stack as train_stack
else:
    __all__, __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "Session": "session",
            "Snapshot": "training",
            "Stack": "stack",
            "stack_for": "choosing",
            "train_stack": "training",
        },
    )
