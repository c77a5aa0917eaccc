"""Numbers and texts of a report, each with its unit and its range."""

from dataclasses import dataclass
from typing import Annotated, Literal


@dataclass(frozen=True, slots=True)
class Value:
    """The meaning of a kind of value; the JSON Schema holds it under the name of the kind.

    Attributes:
        name: in the JSON Schema.
        description: the unit; for a share or a mean, also of what.
        minimum: smallest number, or None.
        maximum: largest number, or None.
        length: entries of a list, or None.
        pattern: regular expression of a text, or None.
    """

    name: str
    description: str
    minimum: int | None = None
    maximum: int | None = None
    length: int | None = None
    pattern: str | None = None


Fraction = Annotated[float, Value("fraction", "A share, from 0 to 1.", 0, 1)]
Points = Annotated[float, Value("points", "Percentage points.", -100, 100)]
Joules = Annotated[float, Value("joules", "Energy in joules.", 0)]
Seconds = Annotated[float, Value("seconds", "Time in seconds.", 0)]
Nanoseconds = Annotated[float, Value("nanoseconds", "Time in nanoseconds.", 0)]
Count = Annotated[int, Value("count", "A whole number of things, at least 0.", 0)]
Mean = Annotated[float, Value("mean", "A count of one inference, the mean over the samples.", 0)]
Rate = Annotated[float, Value("rate", "Spikes of a neuron in a timestep, a mean.", 0)]
Error = Annotated[float, Value("error", "An absolute or relative error, at least 0.", 0)]
Bits = Annotated[float, Value("bits", "A number of bits; ternary weights have log2(3).", 0)]
Bytes = Annotated[int, Value("bytes", "A number of bytes.", 0)]
Potential = Annotated[float, Value("potential", "In units of the integer membrane.", 0)]
GreyLevels = Annotated[
    str, Value("grey_levels", "A grey level for each column; f is darkest.", pattern="^[0-9a-f]+$")
]
Sha256 = Annotated[str, Value("sha256", "SHA-256 in hexadecimal.", pattern="^[0-9a-f]{64}$")]
Interval = Annotated[
    list[float],
    Value("interval", "Lower and upper end of a 95 % interval, in percentage points.", length=2),
]
Shares = Annotated[
    list[Fraction], Value("shares", "Lower and upper end of a 95 % interval, as shares.", length=2)
]
Event = Annotated[list[int], Value("event", "Timestep and number of the neuron.", length=2)]

Kind = Literal["soft", "float"]
Verdict = Literal["yes", "unsure", "with losses", "no"]
Severity = Literal["note", "warning", "failure"]
Badge = Literal["published", "fitted", "estimated"]
