"""What happens to a membrane after a spike: the conventions of NIR and of snnTorch.

v is the membrane before a timestep, u the one after leak and current, R the neuron's reset
parameter, s whether the neuron fires, held whether v > θ before the timestep. Late resets act on
the timestep that follows the spike, so that the state keeps the membrane that fired.

Source: NIR (Pedersen et al. 2024) for `value`; snnTorch 1.0, `_neurons/{leaky,synaptic,rleaky}.py`,
for the others.
"""

RESETS: dict[str, str] = {
    "value": "s = [u > θ]; v ← R where s, else u",
    "subtract": "s = [u > θ]; v ← u − R·s",
    "none": "s = [u > θ]; v ← u",
    "late-value": "u ← R where held; s = [u > θ]; v ← u",
    "late-subtract": "u ← u − R·held; s = [u > θ]; v ← u",
    "immediate-subtract": "w = u − R·held; s = [w > θ]; v ← u − R·s",
}
"""Reset modes by name, each with its rule."""
