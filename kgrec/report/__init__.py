"""report.html: one self-contained page for people who never read the code."""

from kgrec.report.page import Sample, write_report

__all__ = ["Sample", "write_report"]
