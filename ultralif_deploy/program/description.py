"""The size of a program, as plain values."""

from ultralif_deploy.program.program import Program
from ultralif_deploy.program.weight_format import weight_format
from ultralif_deploy.schema.report import ProgramSize


def describe_program(program: Program) -> ProgramSize:
    """Size of a program, as plain values."""
    weights = weight_format(program.weight_format)
    return {
        "weight_bits": int(weights.name) if weights.name.isdigit() else weights.name,
        "bits_per_weight": weights.bits,
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
                "current_bound": program.current_bounds[p.name],
            }
            for p in program.populations
        ],
        "projections": [
            {"name": p.name, "map": type(p.map).__name__, "delayed": p.name in program.delayed}
            for p in program.projections
        ],
    }
