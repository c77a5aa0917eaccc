"""The reports that a deployment leaves on disk; all hold the same figures."""

from pathlib import Path
from typing import Any

from ultralif_deploy.energy.report import energy_csv
from ultralif_deploy.files import write_json, write_text
from ultralif_deploy.report.html import html_report

REPORT_FILE, HTML_FILE, ENERGY_FILE = "report.json", "report.html", "energy.csv"


def write_report(directory: Path, report: dict[str, Any]) -> None:
    """Write report.json, report.html and energy.csv, each whole or not at all."""
    write_json(directory / REPORT_FILE, report)
    write_text(directory / HTML_FILE, html_report(report))
    write_text(directory / ENERGY_FILE, energy_csv(report["energy"]))
