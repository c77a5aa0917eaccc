"""Export a stored program to the file formats of other tools."""

from collections.abc import Iterable
from pathlib import Path

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.exporters.nir.programs import read_nir, write_nir
from ultralif_deploy.io.files import output_directory, sha256_file
from ultralif_deploy.schema.commands import Export, Exported
from ultralif_deploy.verify.backends import EXPORTERS


def export_program(
    program: str | Path, targets: Iterable[str], output: str | Path, flavour: str = "lif"
) -> Exported:
    """Write a program in other forms.

    Args:
        program: a program, as `quantize_checkpoint` writes it.
        targets: `nir` or keys of `EXPORTERS`; each is written once.
        output: directory for the exported files.
        flavour: key of `exporters.nir.nodes.FLAVOURS`; used only for the target `nir`.

    Raises:
        UltralifError: unknown target or flavour.
        Refused: a program that the target cannot express exactly.
    """
    targets = list(dict.fromkeys(targets))
    available = ("nir", *EXPORTERS)
    unknown = [target for target in targets if target not in available]
    if unknown:
        raise UltralifError(f"export target {unknown[0]!r}; available: {', '.join(available)}")
    loaded = read_nir(program)
    directory = output_directory(output)
    exports: list[Export] = []
    for target in targets:
        if target == "nir":
            path = directory / f"{Path(program).stem}-{flavour}.nir"
            write_nir(loaded, path, flavour)
            written: tuple[Path, ...] = (path,)
        else:
            written = EXPORTERS[target](loaded, directory / target)
        exports += [{"target": target, "file": str(p), "sha256": sha256_file(p)} for p in written]
    return {"exports": exports}
