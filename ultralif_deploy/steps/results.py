"""The directory of a deployment, whose results are replaced together."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.files import (
    output_directory,
    read_json,
    refuse_strangers,
    sha256_file,
    together,
)
from ultralif_deploy.report.files import ENERGY_FILE, PAGE_FILE, REPORT_FILE
from ultralif_deploy.verify.accuracy.predictions import PREDICTIONS_FILE
from ultralif_deploy.verify.backends import EXPORTERS
from ultralif_deploy.verify.certificate import (
    BACKBONE_FILE,
    CERTIFICATE_FILE,
    PROGRAM_FILE,
    VECTORS_FILE,
)

ANNEALED_FILE = "annealed.pt"

FILES = (
    *(PROGRAM_FILE, VECTORS_FILE, PREDICTIONS_FILE),
    *(REPORT_FILE, PAGE_FILE, ENERGY_FILE, CERTIFICATE_FILE),
)
"""Of every deployment, beside a directory for every form."""


@contextmanager
def results(output: str | Path, sources: Iterable[object]) -> Iterator[Path]:
    """Yield a directory for new results, which replace all older ones when the block ends well.

    Files that no deployment wrote stay where they are.

    Args:
        output: directory for the results.
        sources: sources that the deployment reads; files among them stay too.

    Raises:
        UltralifError: nothing can be written there, or a form's directory holds other files.
    """
    directory = output_directory(output)
    for target in EXPORTERS:
        refuse_strangers(directory / target)
    kept = {Path(one).resolve() for one in sources if isinstance(one, (str, Path))}
    older = (*FILES, *EXPORTERS, *_written_before(directory))
    replaced = tuple(name for name in older if (directory / name).resolve() not in kept)
    with together(directory, replaced, seal=CERTIFICATE_FILE) as made:
        yield made


def refuse_deployment(directory: Path) -> None:
    """Refuse a directory whose report and certificate are about another program.

    Raises:
        UltralifError: it holds the results of a deployment.
    """
    for name in (CERTIFICATE_FILE, REPORT_FILE):
        if (directory / name).exists():
            raise UltralifError(
                f"{directory}: holds a deployment, whose {name} is about its own program; expected "
                "another directory (-o)"
            )


def _written_before(directory: Path) -> list[str]:
    """Files of some deployments, where the certificate of an earlier run lists the very file."""
    found: list[str] = []
    try:
        claim: Any = read_json(directory / CERTIFICATE_FILE)
    except (UltralifError, OSError):
        return found
    for name in (ANNEALED_FILE, BACKBONE_FILE):
        with suppress(UltralifError, OSError, TypeError, KeyError):
            if claim["files"][name] == sha256_file(directory / name):
                found.append(name)
    return found
