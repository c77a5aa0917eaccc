"""What happens to a membrane after a spike: the conventions of NIR and of snnTorch.

v is the membrane potential before a timestep, and u the one after leak and current. R is the
neuron's reset parameter. s says whether the neuron fires, and held whether v > θ before the
timestep. Late resets act in the timestep after the spike, so that the state still holds the
membrane potential that fired.

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
