"""The run folder and its checkpoints: names, arrays, tables; hostile input ends here.

Free of torch; imports base and settings; does not know what a GAN is.
"""

from typing import TYPE_CHECKING

from dynamics.base.exports import lazy_exports

if TYPE_CHECKING:
    from dynamics.store.checkpoints import CheckpointPlace as CheckpointPlace
    from dynamics.store.folder import RunFolder as RunFolder
else:
    __all__, __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "CheckpointPlace": "checkpoints",
            "RunFolder": "folder",
        },
    )
