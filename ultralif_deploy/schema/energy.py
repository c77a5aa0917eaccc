"""Counted events, and the energy of each device in joules.

Energies are without idle power where nothing else is said.
"""

from typing import Annotated, Literal, TypedDict

from ultralif_deploy.schema.values import Badge, Count, Joules, Mean, Seconds


class Counts(TypedDict):
    """Events of all samples together."""

    samples: Annotated[Count, "that ran"]
    timesteps: Annotated[Count, "of each sample"]
    synaptic_operations: Annotated[
        dict[str, Count], "weights that are not 0 met by inputs that are not 0, by projection"
    ]
    spikes: Annotated[dict[str, Count], "values sent that are not 0, by population and `input`"]
    multiply_accumulates: Annotated[Count, "operations whose inputs may exceed 1"]


class Distribution(TypedDict):
    """Synaptic operations of single samples."""

    min: Annotated[Mean, "of the sample with the fewest"]
    q25: Annotated[Mean, "a quarter of the samples has fewer"]
    median: Annotated[Mean, "half of the samples has fewer"]
    q75: Annotated[Mean, "three quarters of the samples have fewer"]
    max: Annotated[Mean, "of the sample with the most"]


class ProjectionCounts(TypedDict):
    """One inference of a projection."""

    kind: Annotated[str, "of its map: Dense, Conv2d, Identity …"]
    kernel: Annotated[list[Count] | None, "height and width; null but for convolutions"]
    multiplies: Annotated[bool, "whether its inputs may exceed 1"]
    spikes: Annotated[Mean, "values sent that are not 0"]
    operations: Annotated[Mean, "synaptic operations"]
    dense_operations: Annotated[Count, "operations if no weight and no input were 0"]
    weight_bits_read: Annotated[Mean, "bits of weights that operations read"]


class PopulationCounts(TypedDict):
    """One inference of a population."""

    neurons: Annotated[Count, "in it"]
    spikes: Annotated[Mean, "sent"]
    updates: Annotated[Count, "neurons times timesteps"]
    updates_active: Annotated[Mean, "with a synaptic sum that is not 0, or a spike"]
    updates_inactive: Annotated[Mean, "all others"]
    state_bits_read: Annotated[Count, "bits of state"]
    state_bits_written: Annotated[Count, "bits of state"]
    bias_reads: Annotated[Count, "biases added"]
    threshold_reads: Annotated[Count, "comparisons with a threshold"]


class ChipCounts(TypedDict):
    """One inference on a chip; `samples`, `timesteps`, `chips` and `cores` are whole numbers."""

    samples: Annotated[Count, "that ran, the first of the set"]
    timesteps: Annotated[Count, "of the chip for one inference"]
    chips: Annotated[Count, "in use"]
    cores: Annotated[Count, "in use"]
    operations: Annotated[Mean, "synaptic operations"]
    updates_active: Annotated[Mean, "with a synaptic sum that is not 0, or a spike"]
    updates_inactive: Annotated[Mean, "all others"]
    updates_moved: Annotated[Mean, "with a membrane or bias that is not 0, or a synapse read"]
    spikes: Annotated[Mean, "of neurons"]
    messages: Annotated[Mean, "a spike to one core; those of inputs among them"]
    hops_east_west: Annotated[Mean, "between routers of tiles"]
    hops_north_south: Annotated[Mean, "the same along the other axis"]
    between_chips: Annotated[Mean, "messages that leave their chip"]
    seconds: Annotated[Seconds | None, "of all timesteps; null where no times are published"]


class ChipRefused(TypedDict):
    """A chip that does not take the program."""

    refused: Annotated[str, "why, in one sentence"]


class Constant(TypedDict):
    """A published figure; all three values are null if nothing is published."""

    value: Annotated[float | None, "in `unit`"]
    low: Annotated[float | None, "smallest figure that sources give"]
    high: Annotated[float | None, "largest figure that sources give"]
    unit: Annotated[str, "pJ per event, pJ/bit, or W"]
    covers: Annotated[str, "what is in it"]
    node: Annotated[str, "technology and voltage"]
    access_bits: Annotated[Count | None, "width of the memory access; null for other events"]
    source: Annotated[str, "where it was published"]
    mark: Annotated[str, "V read in the source, S quoted by a secondary source, none: no source"]


class Sensitivity(TypedDict):
    """How much one constant changes the estimate of a device."""

    constant: Annotated[str, "its name"]
    range: Annotated[Literal["published", "halved and doubled"], "from which figures to which"]
    low_per_inference_j: Annotated[Joules, "the estimate at its low end"]
    high_per_inference_j: Annotated[Joules, "the estimate at its high end"]


class Device(TypedDict):
    """An estimate; energies are null where a constant is not published or nothing was placed."""

    description: Annotated[str, "what it is"]
    model: Annotated[str, "name of its equation"]
    equation: Annotated[str, "of the energy"]
    source: Annotated[str, "of the equation"]
    badge: Annotated[Badge, "whether its figures are its makers', fitted, or put together"]
    note: Annotated[str, "why the program is not on its chip; empty where it is"]
    not_covered: Annotated[str, "what the figures leave out"]
    total_j: Annotated[Joules | None, "of all samples"]
    per_inference_j: Annotated[Joules | None, "mean of one inference"]
    low_per_inference_j: Annotated[Joules | None, "with all constants at their low ends"]
    high_per_inference_j: Annotated[Joules | None, "with all constants at their high ends"]
    idle_per_inference_j: Annotated[Joules | None, "idle power, on top; null where not published"]
    by_cause_j: Annotated[dict[str, Joules], "of one inference, idle among them"]
    by_place: Annotated[dict[str, dict[str, Joules]], "of one inference, by place and cause"]
    sensitivity: Annotated[list[Sensitivity], "by constant, the largest range first"]
    not_published: Annotated[list[str], "constants that are missing"]
    constants: Annotated[dict[str, Constant], "by the names that the equation uses"]


class Baseline(TypedDict):
    """The same layers without spikes."""

    description: Annotated[str, "in words"]
    operations: Annotated[Mean, "multiply-accumulates, or accumulates at 1-bit activations"]
    activation_bits: Annotated[Count, "bits of one activation"]
    per_inference_j: Annotated[Joules | None, "null where a constant is not published"]


class BreakEvenReference(TypedDict):
    """A published limit below which spiking costs less."""

    source: Annotated[str, "where it was published"]
    measure: Annotated[Literal["spikes_per_synapse", "spike_rate"], "what it is a limit of"]
    low: Annotated[float, "low end"]
    high: Annotated[float, "high end"]
    meaning: Annotated[str, "in words"]


class BreakEven(TypedDict):
    """Figures of the network, compared with published limits."""

    spikes_per_synapse: Annotated[float, "operations of one inference by weights met at once"]
    spike_rate: Annotated[float, "of all sources, inputs among them, per timestep"]
    references: Annotated[list[BreakEvenReference], "published limits"]


class Measures(TypedDict):
    """Bits instead of joules, arXiv 2311.10802."""

    bit_budget: Annotated[float, "BB: timesteps times bits of a weight"]
    s_ace: Annotated[float, "S-ACE: dense operations times bits of a weight"]
    ns_ace: Annotated[float, "NS-ACE: effective operations times bits of a weight"]


class CountsByPlace(TypedDict):
    """Events by population and projection, as means over inferences."""

    distribution: Annotated[Distribution, "synaptic operations of single samples"]
    projections: Annotated[dict[str, ProjectionCounts], "by `source->target`"]
    populations: Annotated[dict[str, PopulationCounts], "by name"]
    chips: Annotated[dict[str, ChipCounts | ChipRefused], "placed runs by chip"]


class Energy(CountsByPlace):
    """Counted events, and the energy of each device in joules."""

    samples: Annotated[Count, "that ran"]
    timesteps: Annotated[Count, "of each sample"]
    synaptic_operations: Annotated[Count, "of all samples"]
    synaptic_operations_per_inference: Annotated[Mean, "of one sample"]
    dense_operations_per_inference: Annotated[Count, "if no weight and no input were 0"]
    counts: Annotated[Counts, "totals of all samples, as every back end counts them"]
    devices: Annotated[dict[str, Device], "by name"]
    baselines: Annotated[dict[str, Baseline], "by name"]
    break_even: Annotated[BreakEven, "published limits"]
    measures: Annotated[Measures, "bits instead of joules"]
    paper_proxy_j_per_inference: Annotated[Joules | None, "the UltraLIF paper's own proxy"]
