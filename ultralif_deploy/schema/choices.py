"""Bits of weights and spikes that were chosen on training samples, and what was tried for it."""

from typing import Annotated, NotRequired, TypedDict

from ultralif_deploy.schema.values import Bits, Count, Fraction, Joules, Kind, Mean, Points


class Candidate(TypedDict):
    """A program that was tried."""

    weight_bits: Annotated[
        int | str | dict[str, int | str], "2 to 8 or `ternary`; by population where they differ"
    ]
    spike_bits: Annotated[
        Count | dict[str, Count], "of hidden neurons' spikes; by population where they differ"
    ]
    mean_weight_bits: Annotated[Bits, "of a stored weight"]
    mean_spike_bits: Annotated[Bits, "of a hidden neuron's spike"]
    weight_bytes: Annotated[Count, "of the stored weights"]
    synaptic_operations: Annotated[Mean, "of one sample"]
    joules: Annotated[
        Joules | None, "of one inference, estimated from counted events; null without a figure"
    ]
    cores: Annotated[
        dict[str, Count | str], "of each chip with a budget, or why the program cannot be there"
    ]
    accuracy: Annotated[Fraction | None, "of the integer program; null without labels"]
    loss: Annotated[Points, "of accuracy, or share of changed predictions without labels"]
    on_front: Annotated[bool, "no other candidate is as small and loses as little"]
    chosen: Annotated[bool, "whether it was taken"]


class Choice(TypedDict):
    """What was chosen with `auto`, and on which samples."""

    samples: Annotated[Count, "training samples, the last of the split"]
    compared: Annotated[Kind, "what the loss is measured against"]
    accuracy: Annotated[Fraction | None, "of that network on these samples; null without labels"]
    device: Annotated[str, "whose joules the candidates have"]
    max_loss: Annotated[Points | None, "that a candidate may have; null for any"]
    max_weight_bytes: Annotated[Count | None, "that a candidate may store; null for any"]
    max_joules: Annotated[Joules | None, "that an inference may take; null for any"]
    max_cores: Annotated[dict[str, Count], "that the program may take, by chip"]
    reached: Annotated[bool, "whether the chosen candidate loses no more"]
    candidates: Annotated[list[Candidate], "in the order in which they were tried"]


class Choices(TypedDict):
    """Choices of a run; a key is missing where bits were given."""

    spike_choice: NotRequired[Annotated[Choice, "of the bits of spikes, with weights of 8 bits"]]
    weight_choice: NotRequired[Annotated[Choice, "of the bits of weights"]]
