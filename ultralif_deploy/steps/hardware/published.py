"""Designs of others on FPGAs, as published."""

from ultralif_deploy.schema.hardware.synthesis import PublishedDesign

UNLIKE = "has its own network, data, timesteps and weights; cells of six inputs, not four"

PUBLISHED: dict[str, PublishedDesign] = {
    "Spiker+": {
        "network": "784-128-10 on MNIST",
        "device": "Xilinx FPGA",
        "resources": "7612 logic cells, 18 block RAMs",
        "latency_s": 780e-6,
        "power_w": 0.18,
        "source": "Carpegna, Savino & Di Carlo 2024, arXiv 2401.01141, abstract",
        "unlike": f"{UNLIKE}; is implemented, not estimated",
    },
    "Fan & Levy": {
        "network": "fully connected on MNIST",
        "device": "Xilinx Artix-7 at 100 MHz",
        "resources": "6358 look-up tables, 40.5 block RAMs",
        "latency_s": 520e-6,
        "power_w": None,
        "source": "Fan & Levy 2025, arXiv 2507.07284, abstract",
        "unlike": f"{UNLIKE}; is measured, with a processor beside it",
    },
}
"""Designs by the name of their tool or of their authors."""
