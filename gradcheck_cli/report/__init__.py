"""What a run found, and the formats that it can be written in."""

from __future__ import annotations

from gradcheck_cli.report.formats import FORMATS, Options, render
from gradcheck_cli.report.report import Report

__all__ = ["FORMATS", "Options", "Report", "render"]
