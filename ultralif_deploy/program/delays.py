"""Delays of connections: those that a file asks for, and those that a program stores."""

from dataclasses import dataclass

from ultralif_deploy.program.graph import INPUT, Identity, Projection
from ultralif_deploy.program.program import Program


@dataclass(frozen=True, slots=True)
class Delay:
    """A connection with a delay in a file.

    Attributes:
        source: name of the population that sends, or of the input.
        target: name of the population that receives.
        meant: delay in timesteps, as in the file. Several delays may round to the same whole
            number of timesteps; this is the one farthest from that number.
    """

    source: str
    target: str
    meant: float

    @property
    def name(self) -> str:
        """`source->target`."""
        return f"{self.source}->{self.target}"


def stored_delays(program: Program, delays: tuple[Delay, ...]) -> dict[Delay, int]:
    """Timesteps by which a program delays each connection, counted along its delay lines.

    Where several delay lines join two populations, the one nearest to `meant` counts. Connections
    that a pass removed are left out.
    """
    incoming: dict[str, list[Projection]] = {}
    for projection in program.projections:
        incoming.setdefault(projection.target, []).append(projection)
    pairs = {(delay.source, delay.target) for delay in delays}
    lags = {pair: _lags(*pair, incoming, program.delayed) for pair in pairs}
    return {
        delay: min(found, key=lambda lag: abs(lag - delay.meant))
        for delay in delays
        if (found := lags[delay.source, delay.target])
    }


def _lags(
    source: str, target: str, incoming: dict[str, list[Projection]], late: frozenset[str]
) -> set[int]:
    """Delays from a source to a target, along populations that only repeat their input."""
    found = set()
    for last in incoming.get(target, ()):
        here, lag = last, int(last.name in late)
        for _ in incoming:  # a line has at most as many parts as there are populations
            if here.source == source:
                found.add(lag)
                break
            before = [] if here.source == INPUT else incoming[here.source]
            if len(before) != 1 or not isinstance(before[0].map, Identity):
                break
            here = before[0]
            lag += here.name in late
    return found
