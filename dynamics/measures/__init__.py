"""What is measured of samples and networks against the truth: scores, fields, slopes, eigenvalues, verdicts.

Imports base to engine; trains nothing.
"""

from typing import TYPE_CHECKING

from dynamics.base.exports import lazy_exports

if TYPE_CHECKING:
    from dynamics.measures.metrics import null_scores as null_scores
    from dynamics.measures.metrics import score as score
    from dynamics.measures.scoring import Scorer as Scorer
    from dynamics.measures.verdicts import judge as judge
else:
    __all__, __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "Scorer": "scoring",
            "judge": "verdicts",
            "null_scores": "metrics",
            "score": "metrics",
        },
    )
