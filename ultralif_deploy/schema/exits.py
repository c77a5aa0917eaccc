"""What `simulate --exit` says of samples that stop before the last timestep."""

from typing import Annotated, Literal, NotRequired, TypedDict

from ultralif_deploy.schema.values import Count, Fraction, Interval, Joules, Mean, Points, Seconds

Rule = Literal["exact", "confidence"]


class ExitEnergy(TypedDict):
    """Joules of one inference, without idle power; null where a device has no figure."""

    whole_j: Annotated[Joules | None, "of all timesteps"]
    stopped_j: Annotated[Joules | None, "of the timesteps up to the exit"]


class ByConfidence(TypedDict):
    """A threshold of the confidence, chosen on training samples, and what it costs on others."""

    confidence: Annotated[Fraction, "1 − what accuracy on training samples may fall by"]
    threshold: Annotated[
        Mean | None, "lead per timestep, in units of the read-out; null: no sample may stop early"
    ]
    margin: Annotated[list[Count], "lead at which samples stop after 1, 2, … timesteps"]
    training_samples: Annotated[Count, "that it was chosen on"]
    training_loss: Annotated[Points, "accuracy of their whole runs minus that at the exits"]
    loss: Annotated[Points | None, "the same on the test samples; null without labels"]
    loss_ci95: Annotated[Interval | None, "of that, from paired samples"]


class Executed(TypedDict):
    """Wall time of a back end on all samples, without the time to compile; one run each."""

    whole_s: Annotated[Seconds, "of runs to the last timestep"]
    stopped_s: Annotated[Seconds, "of runs in which samples really stop at their exits"]


class Exits(TypedDict):
    """Samples that stop before the last timestep, counted in a run that goes on to the end."""

    rule: Annotated[Rule, "exact: no remaining timestep can change the prediction"]
    executed: NotRequired[
        Annotated[Executed, "by back ends that stop samples; timesteps and events are the same"]
    ]
    by_confidence: NotRequired[Annotated[ByConfidence, "of the rule `confidence`"]]
    timesteps: Annotated[list[Count], "after which each sample stops"]
    mean_timesteps: Annotated[Mean, "their mean"]
    most_timesteps: Annotated[Count, "of the whole run"]
    histogram: Annotated[list[Count], "samples that stop after 1, 2, … timesteps"]
    predictions: Annotated[list[int], "class of the largest logit at the exit, by sample"]
    changed: Annotated[Count, "predictions that the whole run makes otherwise; 0 if exact"]
    accuracy: Annotated[Fraction | None, "at the exit; null without labels"]
    spikes: Annotated[dict[str, Count], "sent up to the exits, by population and `input`"]
    synaptic_operations: Annotated[dict[str, Count], "up to the exits, by projection"]
    operations_saved: Annotated[Fraction, "share of the operations of the whole run"]
    devices: Annotated[dict[str, ExitEnergy], "by name"]
