"""Run one timestep where all timesteps are equal.

Proof: with the same input at every timestep, no population with memory but the read-out and no
delayed projection, every population fires alike at every timestep. The read-out then holds T times
its first current, and the mean over T timesteps is the first current.
"""

from dataclasses import replace

from ultralif_deploy.network.network import Network


def collapse_constant(network: Network) -> Network:
    """Set timesteps and divisor to 1 where the input is constant and nothing has memory.

    The logits must be the mean over the timesteps; else the network stays as it is.
    """
    memoryless = all(p.neuron.TIMELESS for p in network.populations)
    averages = network.timesteps == network.divisor
    if not network.input.constant or not memoryless or not averages or network.delayed():
        return network
    return replace(network, timesteps=1, divisor=1)
