"""The size of a program, as plain values."""

from ultralif_deploy.program.graph import WEIGHTED
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.weight_format import named, weight_format
from ultralif_deploy.schema.report import ProgramSize


def describe_program(program: Program) -> ProgramSize:
    """Size of a program, as plain values."""
    uniform = named(program.formats)
    stored = program.stored_weights
    information = sum(n * program.formats[name].bits for name, n in stored.items())
    mean = information / max(1, sum(stored.values()))
    return {
        "weight_bits": (
            {name: _bits(one) for name, one in uniform.items()}
            if isinstance(uniform, dict)
            else _bits(uniform)
        ),
        "bits_per_weight": mean if isinstance(uniform, dict) else weight_format(uniform).bits,
        "parameters": program.parameters,
        "neurons": sum(p.size for p in program.populations),
        "timesteps": program.timesteps,
        "input_size": program.input.size,
        "input_maximum": program.input.maximum,
        "populations": [
            {
                "name": p.name,
                "neuron": type(p.neuron).__name__,
                "size": p.size,
                "weight_bits": _bits(program.formats[p.name].name),
                "current_bound": program.current_bounds[p.name],
            }
            for p in program.populations
        ],
        "projections": [
            {
                "name": p.name,
                "source": p.source,
                "target": p.target,
                "weights": p.map.weight.size if isinstance(p.map, WEIGHTED) else 0,
                "map": type(p.map).__name__,
                "delayed": p.name in program.delayed,
            }
            for p in program.projections
        ],
    }


def _bits(name: str) -> int | str:
    """2 to 8, or `ternary`."""
    return int(name) if name.isdigit() else name
