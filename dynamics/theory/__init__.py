"""Games with known answers, and the methods' own code held to them.

Imports base to pictures.
"""

from typing import TYPE_CHECKING

from dynamics.base.exports import lazy_exports

if TYPE_CHECKING:
    from dynamics.theory.two_number_games import Prediction as Prediction
    from dynamics.theory.verify import Verification as Verification
    from dynamics.theory.verify import check as check
else:
    __all__, __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "Prediction": "two_number_games",
            "Verification": "verify",
            "check": "verify",
        },
    )
