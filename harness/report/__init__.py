"""The report: one HTML file that shows what clients saw while the system was hurt."""

from harness.report.assembly import ReportError as ReportError
from harness.report.run import write_run_report as write_run_report
from harness.report.stored import write_history_report as write_history_report

__all__ = ["ReportError", "write_history_report", "write_run_report"]
