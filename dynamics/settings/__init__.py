"""What can be asked of a GAN's training: types, limits and help, declared once; presets; budgets.

Free of torch; imports base.
"""

from typing import TYPE_CHECKING

from dynamics.base.exports import lazy_exports

if TYPE_CHECKING:
    from dynamics.settings.catalogue.scores import SCORES as SCORES
    from dynamics.settings.catalogue.verdicts import VERDICTS as VERDICTS
    from dynamics.settings.look import Look as Look
    from dynamics.settings.messages import OptionError as OptionError
    from dynamics.settings.modes import is_file as is_file
    from dynamics.settings.setting import Setting as Setting
    from dynamics.settings.study import Study as Study
else:
    __all__, __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "Look": "look",
            "OptionError": "messages",
            "SCORES": "catalogue.scores",
            "Setting": "setting",
            "Study": "study",
            "VERDICTS": "catalogue.verdicts",
            "is_file": "modes",
        },
    )
