"""Makes report.html, one file without external parts, from the content of report.json alone."""

import base64
import hashlib
from functools import cache
from importlib.resources import files

import jinja2

from ultralif_deploy.report.html.choices import choices_section
from ultralif_deploy.report.html.classes import classes_section
from ultralif_deploy.report.html.diagram import diagram_section
from ultralif_deploy.report.html.energy import (
    devices_section,
    layers_energy,
    reference_section,
    sensitivity_section,
)
from ultralif_deploy.report.html.findings import findings_section, parameters_section
from ultralif_deploy.report.html.glance import key_figures, picture
from ultralif_deploy.report.html.hardware.fpga import fpga_section
from ultralif_deploy.report.html.hardware.placement import placement_section
from ultralif_deploy.report.html.membranes import margins_section, traces_section
from ultralif_deploy.report.html.network import accuracy_section, layers_section, raster_section
from ultralif_deploy.report.html.page import Page
from ultralif_deploy.report.html.record import (
    again_section,
    assumed_section,
    back_ends_section,
    exports_section,
    passes_section,
)
from ultralif_deploy.report.html.training import training_section
from ultralif_deploy.report.summary import ANSWERS, subject, summary, warnings
from ultralif_deploy.report.words import expected_words
from ultralif_deploy.schema.report import Report
from ultralif_deploy.schema.values import Verdict

SECTIONS = (
    findings_section,
    training_section,
    choices_section,
    accuracy_section,
    classes_section,
    diagram_section,
    layers_section,
    margins_section,
    parameters_section,
    raster_section,
    traces_section,
    layers_energy,
    devices_section,
    sensitivity_section,
    reference_section,
    placement_section,
    fpga_section,
    back_ends_section,
    exports_section,
    passes_section,
    assumed_section,
    again_section,
)
"""Functions that each make a section of the page, in its order, or None to leave it out."""


VERDICT_STYLES: dict[Verdict, str] = {
    "yes": "good",
    "unsure": "doubtful",
    "with losses": "doubtful",
    "no": "bad",
}
"""CSS class of each verdict."""


def render_html(report: Report) -> str:
    """The content of report.html."""
    page = Page(
        kind="Deployment report",
        subject=subject(report),
        headline=ANSWERS[report["verdict"]][0],
        style=VERDICT_STYLES[report["verdict"]],
        warnings=tuple(warnings(report)),
        summary=summary(report),
        sections=tuple(made for section in SECTIONS if (made := section(report)) is not None),
        version=report["ultralif_deploy"],
        figures_file="report.json",
        opening=expected_words(report["expected"]) if "expected" in report else "",
        key_figures=key_figures(report),
        picture=picture(report),
    )
    return rendered(page)


def rendered(page: Page) -> str:
    """A page as one HTML file; all its text is untrusted and is escaped.

    Its content security policy forbids all requests, and allows only its own style and script, by
    their digests.
    """
    style, script = _own("report.css"), _own("report.js")
    return _template().render(
        page=page,
        style=style,
        script=script,
        style_digest=_digest(style),
        script_digest=_digest(script),
    )


def _own(name: str) -> str:
    """The text of a file in this folder."""
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """The SHA-256 of a text, base64 as the content security policy has it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.from_string(_own("report.html.j2"))
