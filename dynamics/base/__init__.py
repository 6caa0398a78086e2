"""What any program of this kind needs: random numbers, statistics, whole files, interrupts, progress, processes.

Free of torch; knows nothing of GANs; imports nothing of the project.
"""

from typing import TYPE_CHECKING

from dynamics.base.exports import lazy_exports

if TYPE_CHECKING:
    from dynamics.base.curves import Curves as Curves
    from dynamics.base.executors import Executor as Executor
    from dynamics.base.files import FolderInUse as FolderInUse
    from dynamics.base.files import NotARun as NotARun
    from dynamics.base.files import atomic as atomic
    from dynamics.base.intervals import Estimate as Estimate
    from dynamics.base.intervals import mean_interval as mean_interval
    from dynamics.base.intervals import paired_difference as paired_difference
    from dynamics.base.progress import progress_on as progress_on
    from dynamics.base.streams import Streams as Streams
    from dynamics.base.tasks import TaskError as TaskError
else:
    __all__, __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "Curves": "curves",
            "Estimate": "intervals",
            "Executor": "executors",
            "FolderInUse": "files",
            "NotARun": "files",
            "Streams": "streams",
            "TaskError": "tasks",
            "atomic": "files",
            "mean_interval": "intervals",
            "paired_difference": "intervals",
            "progress_on": "progress",
        },
    )
