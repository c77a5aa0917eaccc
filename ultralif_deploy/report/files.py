"""Writes the files of a report, all from the same figures."""

from pathlib import Path

from ultralif_deploy.energy.report import energy_csv
from ultralif_deploy.io.files import together, write_json, write_text
from ultralif_deploy.io.printable import printable_values
from ultralif_deploy.report.html import render_html
from ultralif_deploy.report.html.stress import stress_page
from ultralif_deploy.report.html.sweep import sweep_page
from ultralif_deploy.report.sweep_words import sweep_csv
from ultralif_deploy.schema.report import Report
from ultralif_deploy.schema.studies.stress import Stress
from ultralif_deploy.schema.studies.sweep import Sweep

STRESS_FILE, STRESS_PAGE_FILE = "stress.json", "stress.html"
SWEEP_FILE, SWEEP_PAGE_FILE, SWEEP_TABLE_FILE = "sweep.json", "sweep.html", "sweep.csv"
REPORT_FILE, PAGE_FILE, ENERGY_FILE = "report.json", "report.html", "energy.csv"


def write_report(directory: Path, report: Report) -> None:
    """Write report.json, report.html and energy.csv, each whole or not at all.

    Names of files may hold any bytes, and texts of data sets anything.
    """
    report = printable_values(report)
    write_json(directory / REPORT_FILE, report)
    write_text(directory / PAGE_FILE, render_html(report))
    write_text(directory / ENERGY_FILE, energy_csv(report["energy"]))


def write_stress(directory: Path, content: Stress) -> None:
    """Write stress.json and stress.html, which replace older ones together."""
    content = printable_values(content)
    with together(directory, (), seal=STRESS_FILE) as made:
        write_json(made / STRESS_FILE, content)
        write_text(made / STRESS_PAGE_FILE, stress_page(content))


def write_sweep(directory: Path, content: Sweep) -> None:
    """Write sweep.json, sweep.csv and sweep.html, which replace older ones together."""
    with together(directory, (), seal=SWEEP_FILE) as made:
        write_json(made / SWEEP_FILE, content)
        write_text(made / SWEEP_TABLE_FILE, sweep_csv(content))
        write_text(made / SWEEP_PAGE_FILE, sweep_page(content))
