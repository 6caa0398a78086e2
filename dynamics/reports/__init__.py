"""Tables, comparisons, sentences and pages made from a run folder.

Free of torch; imports base to pictures.
"""

from typing import TYPE_CHECKING

from dynamics.base.exports import lazy_exports

if TYPE_CHECKING:
    from dynamics.reports.comparisons import comparison_rows as comparison_rows
    from dynamics.reports.comparisons import difference_rows as difference_rows
    from dynamics.reports.comparisons import write_tables as write_tables
    from dynamics.reports.observations import observe as observe
    from dynamics.reports.report import ReportedRun as ReportedRun
    from dynamics.reports.report import write_report as write_report
else:
    __all__, __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "ReportedRun": "report",
            "comparison_rows": "comparisons",
            "difference_rows": "comparisons",
            "observe": "observations",
            "write_report": "report",
            "write_tables": "comparisons",
        },
    )
