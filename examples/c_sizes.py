"""Write the table of sizes and instructions of exported C into its page; half a minute.

python examples/c_sizes.py            # rewrites the page
python examples/c_sizes.py --check    # exit 1 where it is out of date; compilers differ a little
"""

import tempfile
from collections.abc import Iterable
from pathlib import Path

from generated import with_reference, write_or_check

from ultralif_deploy.data import loading
from ultralif_deploy.pipeline import quantize_checkpoint
from ultralif_deploy.schema.commands import FirmwareBuild
from ultralif_deploy.simulators.runners.firmware.cores import CORES, OPTIMIZATIONS
from ultralif_deploy.sources.settings import Settings
from ultralif_deploy.steps.hardware.firmware import firmware_of

PAGE = Path(__file__).parent.parent / "ultralif_deploy" / "docs" / "microcontrollers.md"
NETWORK = Path(loading.__file__).parent / "digits_ultraplif.pt"
BITS = (8, 4, 2)
HEADINGS = ("core", "bits", "instructions of an inference", "flash, bytes", "state", "stack")


def table(cores: tuple[str, ...] = tuple(CORES), bits: tuple[int, ...] = BITS) -> str:
    """A row for each core and format; cells with several figures have one for each level."""
    settings = Settings(data="digits")
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        for width in bits:
            quantize_checkpoint(NETWORK, directory, settings, width)
            found = firmware_of(Path(directory) / "program.nir", settings, cores)
            rows += [row(core, width, found["builds"]) for core in cores]
    rows.sort(key=lambda one: cores.index(one[0]))
    lines = [HEADINGS, ["---"] * len(HEADINGS), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def row(core: str, width: int, builds: list[FirmwareBuild]) -> list[str]:
    mine = {build["optimization"]: build for build in builds if build["core"] == core}
    ordered = [mine[level] for level in OPTIMIZATIONS]
    return [
        core,
        str(width),
        each(round(build["instructions"]["mean"]) for build in ordered),
        each(build["flash_bytes"] for build in ordered),
        str(ordered[0]["ram_bytes"]),
        each(build["stack_bytes"] for build in ordered),
    ]


def each(figures: Iterable[int]) -> str:
    return " / ".join(f"{figure:,}".replace(",", " ") for figure in figures)


def main() -> None:
    write_or_check(__doc__, {PAGE: with_reference(PAGE, table())})


if __name__ == "__main__":
    main()
