"""What was measured on the test samples: accuracies, spikes, margins, one sample's spikes."""

from typing import Annotated, NotRequired, TypedDict

from ultralif_deploy.schema.values import (
    Count,
    Event,
    Fraction,
    GreyLevels,
    Interval,
    Kind,
    Points,
    Potential,
    Rate,
)


class Accuracy(TypedDict):
    """Accuracies on the test samples; null where the data has no labels."""

    compared: Annotated[Kind, "what the integers are compared with: soft spikes or float network"]
    draws: NotRequired[Annotated[Count, "draws of the input spikes; missing without labels"]]
    soft: Annotated[Fraction | None, "of the network as trained, or of the float network as read"]
    hard_naive: Annotated[Fraction | None, "of its hard limit, nothing done"]
    hard: Annotated[Fraction | None, "of the hard network that was quantized"]
    integer: Annotated[Fraction | None, "of the integer program"]
    integer_first_draw: Annotated[Fraction | None, "of the program, first draw of input spikes"]
    gap_soft_integer: Annotated[Points | None, "soft minus integer accuracy"]
    gap_ci95: Annotated[Interval | None, "of the gap, from paired samples"]
    mcnemar_p: Annotated[Fraction | None, "p of McNemar's test of soft against integer"]
    only_soft_correct: NotRequired[
        Annotated[Count, "samples that only the soft network gets right, mean of the draws"]
    ]
    only_integer_correct: NotRequired[
        Annotated[Count, "samples that only the program gets right, mean of the draws"]
    ]
    max_gap: Annotated[Points | None, "largest gap that was allowed; null is any"]
    file: Annotated[Fraction | None, "accuracy that the network's file states; null is none"]


class EpsilonPoint(TypedDict):
    """The soft network with its temperature ε multiplied by a factor."""

    epsilon: Annotated[float, "factor times the learned ε, the mean over neurons"]
    factor: Annotated[Fraction, "1 is as trained, 0 is hard"]
    accuracy: Annotated[Fraction | None, "on the first draw; null without labels"]
    spike_rate: Annotated[Rate, "of all spiking neurons"]
    samples: Annotated[Count, "all at the ends of the curve; the first ones between them"]


class Authors(TypedDict):
    """The spike rate as the authors of UltraLIF count it."""

    spike_rate: Annotated[Rate, "mean output of a layer"]
    timesteps_times_spike_rate: Annotated[float, "the same times the number of timesteps"]


class PredictionAgreement(TypedDict):
    """Shares of samples for which two networks predict the same class."""

    integer_hard: Annotated[Fraction, "integer program and hard network, first draw"]


class SpikesKept(TypedDict):
    """Spikes of the hard float network that the program has at the same neuron and timestep."""

    recall: Annotated[Fraction | None, "kept, by those of the float network; null without any"]
    precision: Annotated[Fraction | None, "kept, by those of the program; null without any"]
    float: Annotated[Count, "spikes of the float network"]
    integer: Annotated[Count, "spikes of the program"]
    ties: Annotated[Count, "updates of the float network that met the threshold exactly"]
    saturated: Annotated[Count, "updates beyond what the register holds, where spikes can change"]


class Margins(TypedDict):
    """Quantiles of |membrane potential − threshold|."""

    q01: Annotated[Potential, "1 % lie below"]
    q05: Annotated[Potential, "5 % lie below"]
    q50: Annotated[Potential, "the median"]


class MarginHistogram(TypedDict):
    """Shares of the updates by their distance from the threshold."""

    ends: Annotated[
        list[Count],
        "upper end of each bin, in units of the integer membrane; the first begins at "
        "0, and the last one also holds what lies beyond it",
    ]
    below: Annotated[list[Fraction], "of all updates, those below the threshold, by bin"]
    above: Annotated[list[Fraction], "of all updates, those at or above the threshold, by bin"]


class Population(TypedDict):
    """A population that spikes."""

    neurons: Annotated[Count, "neurons of the program"]
    neurons_trained: Annotated[Count, "neurons before the passes"]
    spike_rate_soft: Annotated[Rate, "of the soft or float network"]
    spike_rate_integer: Annotated[Rate, "of the program"]
    spikes_kept: Annotated[SpikesKept, "how many spikes the integers keep"]
    agreement_integer_hard: Annotated[Fraction, "neurons and timesteps where both are equal"]
    agreement_integer_soft: Annotated[Fraction, "the same against soft spikes above 0.5, or float"]
    margin_units: Annotated[Margins, "distance of the hard network's membranes from thresholds"]
    margin_histogram: Annotated[MarginHistogram, "the same as shares, on both sides"]
    margin_below_one_unit: Annotated[Fraction, "updates where rounding can change a spike"]


class RasterPopulation(TypedDict):
    """The spikes of a population for one sample, for a drawing."""

    neurons: Annotated[Count, "in all"]
    drawn: Annotated[list[Count], "numbers of the neurons that are kept, evenly spaced"]
    integer: Annotated[list[Event], "the program's spikes"]
    soft: NotRequired[
        Annotated[list[list[Fraction]], "soft spikes by timestep and drawn neuron, if compared"]
    ]
    float: NotRequired[Annotated[list[Event], "the float network's spikes, if compared"]]


class Raster(TypedDict):
    """The spikes of both networks for one sample."""

    sample: Annotated[Count, "its number"]
    compared: Annotated[Kind, "what stands beside the integers"]
    timesteps: Annotated[Count, "that are kept, the first ones"]
    of: Annotated[Count, "timesteps in all"]
    populations: Annotated[dict[str, RasterPopulation], "by name"]


class MembraneTrace(TypedDict):
    """One neuron: membrane potential minus threshold at each timestep, before the reset."""

    neuron: Annotated[Count, "its number in the program"]
    unit: Annotated[float, "real value of one unit of the integer membrane"]
    soft: NotRequired[Annotated[list[float], "of the soft network as trained, if there is one"]]
    hard: Annotated[list[float], "of the hard network that was quantized"]
    integer: Annotated[list[float], "of the integer program, times `unit`"]


class MembranePopulation(TypedDict):
    """A few neurons of a population."""

    remembers: Annotated[bool, "false where the current alone is compared with the threshold"]
    traces: Annotated[list[MembraneTrace], "one for each neuron drawn"]


class Membranes(TypedDict):
    """Membrane potentials of a few neurons for one sample, in the units of the network."""

    sample: Annotated[Count, "its number"]
    timesteps: Annotated[Count, "that are kept, the first ones"]
    of: Annotated[Count, "timesteps in all"]
    populations: Annotated[
        dict[str, MembranePopulation], "the first ones, without those of several thresholds"
    ]


class ClassAccuracy(TypedDict):
    """What the two forms make of the samples of one class."""

    label: Annotated[Count, "number of the class"]
    samples: Annotated[Count, "of this class"]
    right_before: Annotated[Count, "that the soft or float network gets right"]
    right_integer: Annotated[Count, "that the integer program gets right"]


class ChangedSample(TypedDict):
    """A sample that only one of the two forms gets right."""

    sample: Annotated[Count, "its number in the test samples, counted from 0"]
    label: Annotated[Count, "the right class"]
    before: Annotated[Count, "class that the soft or float network predicts"]
    integer: Annotated[Count, "class that the integer program predicts"]
    picture: NotRequired[Annotated[list[GreyLevels], "its rows, for the first few"]]


class Classes(TypedDict):
    """Predictions by class, on the first draw of the input spikes."""

    accuracies: Annotated[list[ClassAccuracy], "of every class that has samples"]
    confusion_before: Annotated[
        list[list[Count]] | None,
        "samples by label (rows) and class predicted by the soft or float network (columns); "
        "null where there are more than 40 classes",
    ]
    confusion_integer: Annotated[list[list[Count]] | None, "the same of the integer program"]
    lost: Annotated[Count, "samples that only the soft or float network gets right"]
    gained: Annotated[Count, "samples that only the integer program gets right"]
    samples_lost: Annotated[list[ChangedSample], "the first 100 of those lost"]
    samples_gained: Annotated[list[ChangedSample], "the first 100 of those gained"]


class Measured(TypedDict):
    """Measurements on the test samples."""

    accuracy: Annotated[Accuracy, "accuracies and their gap"]
    authors: Annotated[Authors | None, "the authors' spike rate; null where there is no soft one"]
    epsilon_sweep: Annotated[list[EpsilonPoint], "the soft network as ε falls to 0; may be empty"]
    prediction_agreement: Annotated[PredictionAgreement, "of predicted classes"]
    classes: Annotated[Classes | None, "what becomes of each class; null without labels"]
    populations: Annotated[dict[str, Population], "those that spike, by name"]
    input_spike_rate: Annotated[Rate, "share of input values that are not 0"]
    raster: Annotated[Raster, "spikes of one sample"]
    membranes: Annotated[
        Membranes | None, "membranes of the same sample; null for programs of one timestep"
    ]
