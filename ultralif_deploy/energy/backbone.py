"""What the arithmetic of a float network in front of a program takes."""

from ultralif_deploy.schema.backbone import Backbone, BackboneCosts

FLOAT_MULTIPLY_ACCUMULATE_J = 4.6e-12
SOURCE = (
    "M. Horowitz, Computing's energy problem, ISSCC 2014, figure 1.1.9: float32 mult 3.7 pJ, "
    "float32 add 0.9 pJ, 45 nm"
)


def backbone_costs(figures: Backbone) -> BackboneCosts:
    """The figures of a backbone with E = 4.6 pJ · multiply-accumulates; memory is not in it."""
    joules = FLOAT_MULTIPLY_ACCUMULATE_J * figures["multiply_accumulates"]
    return {**figures, "arithmetic_j": joules, "source": SOURCE}
