"""A program as C99: one header, one source file and a self-test with golden vectors.

The code implements PROGRAM.md. It has no heap, no floating point, no recursion and no C library;
for dense networks of threshold units on spikes it has no multiplication either, but where samples
stop early. Weights below 8 bits are packed.
"""

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.exporters.c.packages import described, package_of, templates_of
from ultralif_deploy.exporters.c.rows import (
    buffers,
    is_narrow,
    pack,
    row_format,
    row_formats,
    stored_bits_of,
    transposed,
)
from ultralif_deploy.exporters.golden import Vectors
from ultralif_deploy.io.artefacts import C_PREFIX, c_library, c_source
from ultralif_deploy.io.files import directory_written_whole
from ultralif_deploy.program import neurons
from ultralif_deploy.program.exits import ExitRule
from ultralif_deploy.program.fixed import DECAY_BITS, FRACTION_BITS, MEMBRANE_BITS, largest_held
from ultralif_deploy.program.graph import INPUT, Conv2d, Dense, Identity, Projection
from ultralif_deploy.program.neurons import entry_for
from ultralif_deploy.program.program import FORMAT_VERSION, Population, Program

TEMPLATES = Path(__file__).parent / "templates"
PER_LINE = 24
LONGEST_PREFIX = 40
PREFIX = re.compile(rf"[A-Za-z][A-Za-z0-9_]{{0,{LONGEST_PREFIX - 1}}}")

BRANCHES = {
    neurons.Threshold: "Threshold",
    neurons.TropicalLIF: "TropicalLIF",
    neurons.LIF: "LIF",
    neurons.CubaLIF: "CubaLIF",
    neurons.UltraDLIF: "UltraDLIF",
    neurons.LogMaxLIF: "LogMaxLIF",
    neurons.MultiThreshold: "MultiThreshold",
    neurons.GradedLogMaxLIF: "GradedLogMaxLIF",
    neurons.GradedLIF: "GradedLIF",
    neurons.GradedUltraDLIF: "GradedUltraDLIF",
    neurons.SiLIF: "SiLIF",
    neurons.CSiLIF: "CSiLIF",
    neurons.AdaLIF: "AdaLIF",
    neurons.Integrator: "Integrator",
    neurons.LeakyIntegrator: "LeakyIntegrator",
    neurons.CubaLI: "CubaLI",
    neurons.LeakySum: "LeakySum",
}
"""Branches of `templates/neuron.j2` by model."""

SHARED_RESETS = {"GradedLogMaxLIF", "GradedLIF", "GradedUltraDLIF"}
"""Models whose spikes take a share of the membrane, of 12 fraction bits."""


@dataclass(frozen=True, slots=True)
class Array:
    """A constant array of the C source, as the template needs it.

    Attributes:
        id: its name without the prefix.
        values: values in the declared type.
        note: comment in the source; None if the name is clear enough.
    """

    id: str
    values: np.ndarray
    note: str | None = None

    @property
    def type(self) -> str:
        """Its C type."""
        return f"{self.values.dtype.name}_t"

    @property
    def shape(self) -> str:
        """Length of each axis, in brackets."""
        return "".join(f"[{n}]" for n in self.values.shape)

    @property
    def initializer(self) -> str:
        """Its values as a C initializer."""
        return _initializer(self.values)


def write_c(
    program: Program,
    directory: Path,
    vectors: Vectors,
    rule: ExitRule | None = None,
    prefix: str = C_PREFIX,
    package: str | None = None,
) -> tuple[Path, ...]:
    """Write the program and a self-test on `vectors`.

    Args:
        program: any whose models are in `BRANCHES`.
        directory: directory of the files; made if it is missing.
        vectors: inputs with the spikes and logits of `program`, for the self-test.
        rule: adds functions that stop samples early; the vectors then have exits.
        prefix: begins every name that other sources see, so that a firmware can hold several
            programs. Macros begin with it in capitals.
        package: key of `PACKAGES`, for a library of that build system in a folder that is named
            after the prefix; None writes the C files alone.

    Raises:
        UltralifError: nothing can be written there, no name in C can begin with the prefix, or
            there is no such package.
    """
    layout = package_of(package)
    if not PREFIX.fullmatch(prefix):
        raise UltralifError(
            f"prefix {prefix!r}: expected a letter, and then letters, digits and underscores, at "
            f"most {LONGEST_PREFIX} in all"
        )
    ids = identifiers(program)
    populations = [_population(program, p, ids) for p in program.populations]
    source = c_source(prefix)
    header = source.removesuffix(".c") + ".h"
    names: dict[str, object] = {"source": source, "header": header}
    context = names | _context(program, rule, ids, populations)
    tested = names | {"entry": layout.entry} | _selftest(program, populations, vectors)
    texts = {
        f"{layout.sources}{header}": _render(TEMPLATES / "ultralif_program.h.j2", context, prefix),
        f"{layout.sources}{source}": _render(TEMPLATES / "ultralif_program.c.j2", context, prefix),
        layout.selftest: _render(TEMPLATES / "selftest.c.j2", tested, prefix),
    }
    for name, template in templates_of(package).items():
        texts[name] = _render(template, names | described(program), prefix)
    library = "" if package is None else c_library(prefix)
    with directory_written_whole(directory) as temporary:
        for name, text in texts.items():
            path = temporary / library / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n", encoding="utf-8")
    return tuple(directory / library / name for name in texts)


def identifiers(program: Program) -> dict[str, str]:
    """C identifiers of populations and projections, by name, without the prefix."""
    names = {p.name: f"p{i}" for i, p in enumerate(program.populations)}
    return names | {p.name: f"w{i}" for i, p in enumerate(program.projections)}


def state_words(population: Population) -> int:
    """Number of 32-bit words that a population keeps from one timestep to the next."""
    return population.words * population.size if population.neuron.REMEMBERS else 0


def spikes_offset(program: Program) -> int:
    """Bytes of currents and membrane potentials; in the state, the spikes follow them."""
    held = buffers(program)
    words = held["wide"] + sum(state_words(p) for p in program.populations)
    return 4 * words + 2 * held["narrow"]


def narrowest(values: np.ndarray) -> np.dtype[Any]:
    """The narrowest signed type that holds all values."""
    return np.min_scalar_type(min(int(values.min()), -int(values.max()) - 1))


def _render(template: Path, context: dict[str, object], prefix: str) -> str:
    return _environment(template.parent, prefix).get_template(template.name).render(context)


@functools.lru_cache(maxsize=16)
def _environment(folder: Path, prefix: str) -> jinja2.Environment:
    """The templates of a folder; each is compiled once, which takes longer than to fill it in."""

    def named(name: str) -> str:
        """A template's text with the prefix; names of populations come later, and stay."""
        text = (folder / name).read_text("utf-8")
        text = text.replace("ultralif_", f"{prefix}_")
        return text.replace("ULTRALIF_", f"{prefix.upper()}_")

    return jinja2.Environment(
        loader=jinja2.FunctionLoader(named),
        undefined=jinja2.StrictUndefined,
        autoescape=False,
    )


def _context(
    program: Program,
    rule: ExitRule | None,
    ids: dict[str, str],
    populations: list[dict[str, object]],
) -> dict[str, object]:
    """Values for the templates; `populations` holds those of every population."""
    arrays = [array for p in program.populations for array in _parameters(p, ids)]
    weight_bytes = 0
    for p in program.projections:
        if not isinstance(p.map, (Dense, Conv2d)):
            continue
        rows = pack(transposed(p.map), program.formats[p.target].stored_bits)
        weight_bytes += rows.nbytes
        arrays.append(Array(ids[p.name], rows, p.name))
        if isinstance(p.map, Conv2d):
            arrays += _taps(ids[p.name], p.map)
    arrays += [] if rule is None else exit_tables(rule)
    spikes = sum(p.size for p in program.populations if p.spikes)
    models = {type(p.neuron).__name__ for p in program.populations}
    structures = [p.neuron.structure() for p in program.populations]
    leaks = {one["decay_bits"] for one in structures if "decay_bits" in one}
    rounded = any("coefficient_bits" in p.parameters() for p in program.populations)
    graded = bool(program.multiplies)
    return {
        "input_size": program.input.size,
        "maximum": program.input.maximum,
        "classes": program.readout.size,
        "timesteps": program.timesteps,
        "exit_timesteps": None if rule is None else rule.timesteps,
        "exit_margin": rule is not None and rule.limited,
        "format_version": FORMAT_VERSION,
        "bits": stored_bits_of(program),
        "formats": (formats := row_formats(program)),
        "simd": any(f["simd"] for f in formats),
        "graded": graded,
        "value_parameter": ", int32_t value" if graded else "",
        **buffers(program),
        "ram_bytes": spikes_offset(program) + -(-spikes // 4) * 4,
        "const_bytes": sum(a.values.nbytes for a in arrays),
        "weight_bytes": weight_bytes,
        "arrays": arrays,
        "populations": populations,
        "uses": {
            "leak": DECAY_BITS in leaks or bool(models & SHARED_RESETS),
            "wide_leak": leaks - {DECAY_BITS},
            "rounded": rounded,
            "clip": leaks or rounded or models & {"LogMaxLIF", "GradedLogMaxLIF"},
        },
    }


def exit_tables(rule: ExitRule) -> list[Array]:
    """Tables of an exit rule; margins that no class can gain are left out."""
    return [
        Array(f"exit_{name}", values.astype(narrowest(values)), f"early exit: {name}")
        for name, values in rule.tables().items()
    ]


def _parameters(population: Population, ids: dict[str, str]) -> list[Array]:
    return [
        Array(
            f"{ids[population.name]}_{name}",
            values.astype(narrowest(values)),
            f"{population.name}: {name}",
        )
        for name, values in {"bias": population.bias, **population.parameters()}.items()
    ]


def _population(program: Program, population: Population, ids: dict[str, str]) -> dict[str, object]:
    parameters = population.parameters()
    plain = population.neuron.structure()
    narrow = is_narrow(program, population)
    # Dense rows come first: when they are done, the accumulators are brought in order.
    drives = program.incoming(population.name)
    incoming = [_incoming(program, p, ids) for p in sorted(drives, key=lambda p: not _is_dense(p))]
    dense = [one for one in incoming if one["kind"] == "dense"]
    for one in dense:
        one["last"] = one is dense[-1]
    return {
        "type": "int16_t" if narrow else "int32_t",
        "buffer": "narrow" if narrow else "wide",
        "excess": any(one["excess"] for one in dense),
        "id": ids[population.name],
        "name": population.name,
        "model": entry_for(BRANCHES, population.neuron, population.name, "c"),
        "size": population.size,
        "words": state_words(population),
        "spikes": population.spikes,
        "mode": plain.get("reset_mode"),
        "form": plain.get("form"),
        "stride": plain.get("stride"),
        "shift": plain.get("shift"),
        "levels": plain.get("levels"),
        "decay_bits": plain.get("decay_bits"),
        "top": largest_held(plain.get("membrane_bits", MEMBRANE_BITS)),
        "unit": 1 << plain.get("fraction_bits", FRACTION_BITS),
        "most_spikes": population.largest_sent,
        "floor": "floor" in parameters,
        "entries": len(parameters.get("table", ())),
        "incoming": incoming,
    }


def _is_dense(projection: Projection) -> bool:
    return isinstance(projection.map, Dense)


def _incoming(program: Program, projection: Projection, ids: dict[str, str]) -> dict[str, object]:
    from_input = projection.source == INPUT
    entry: dict[str, object] = {
        "id": ids[projection.name],
        "name": projection.name,
        "sparse": from_input and program.input.maximum == 1,
        "sent": "inputs" if from_input else f"state->{ids[projection.source]}_spikes",
    }
    linear = projection.map
    if isinstance(linear, Identity):
        return entry | {"kind": "identity"}
    form = row_format(program, projection)
    entry |= {"add_row": form["name"], "excess": form["excess"], "simd": form["simd"]}
    entry["excess_bits"] = program.formats[projection.target].stored_bits - 1
    if isinstance(linear, Dense):
        return entry | {"kind": "dense", "sources": linear.source_size}
    assert isinstance(linear, Conv2d)
    channels, height, width = linear.input_shape
    out, rows, columns = linear.output_shape
    return entry | {
        "kind": "conv",
        "channels": channels,
        "height": height,
        "width": width,
        "tall": linear.kernel[0],
        "wide": linear.kernel[1],
        "outer": out // linear.groups,
        "plane": rows * columns,
    }


def _taps(name: str, conv: Conv2d) -> list[Array]:
    """Output row or column that an input row or column reaches by each kernel tap; −1 for none."""
    _, height, width = conv.input_shape
    out, rows, columns = conv.output_shape

    def reached(axis: int, length: int, targets: int, apart: int) -> np.ndarray:
        taps = np.arange(conv.kernel[axis]) * conv.dilation[axis]
        position = np.arange(length)[:, None] + conv.padding[axis] - taps
        target, rest = np.divmod(position, conv.stride[axis])
        inside = (rest == 0) & (target >= 0) & (target < targets)
        return np.where(inside, target * apart, -1).astype(np.int32)

    inner, outer = conv.weight.shape[1], out // conv.groups
    first = np.arange(conv.input_shape[0]) // inner * outer * rows * columns
    return [
        Array(f"{name}_rows", reached(0, height, rows, columns)),
        Array(f"{name}_columns", reached(1, width, columns, 1)),
        Array(f"{name}_first", first.astype(np.int32)),
    ]


def _initializer(values: np.ndarray) -> str:
    """The values of a C array in braces."""
    if values.ndim > 1:
        return ",\n".join(f"{{\n{_initializer(v)}\n}}" for v in values)
    # C reads -2147483648 as minus 2147483648, which does not fit int32_t.
    numbers = ["(-2147483647 - 1)" if v == -(1 << 31) else str(v) for v in values.tolist()]
    lines = (", ".join(numbers[i : i + PER_LINE]) for i in range(0, len(numbers), PER_LINE))
    return ",\n".join(lines)


def _selftest(
    program: Program, described: list[dict[str, object]], vectors: Vectors
) -> dict[str, object]:
    """Values for the template of the self-test; `described` holds those of every population."""

    def by_sample(values: np.ndarray) -> str:
        return _initializer(values.transpose(1, 0, 2))

    spiking = [
        {**one, "vectors": by_sample(vectors.spikes[p.name])}
        for p, one in zip(program.populations, described, strict=True)
        if p.spikes
    ]
    return {
        "exits": None if vectors.exits is None else _initializer(vectors.exits),
        "samples": vectors.inputs.shape[1],
        "timesteps": vectors.inputs.shape[0],
        "inputs": by_sample(vectors.inputs),
        "logits": _initializer(vectors.logits),
        "spiking": spiking,
    }
