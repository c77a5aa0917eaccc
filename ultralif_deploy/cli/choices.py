"""Names that options take.

They are written here again, so that --help does not wait for NumPy; a test compares them.
"""

MEMBRANES = ("hard", "soft")
ENCODINGS = ("rate", "constant", "events")
NORMALIZATIONS = ("none", "mnist", "fashion", "cifar10", "cifar100", "imagenet", "svhn")
POLARITIES = ("both", "merged", "on", "off")
NEURONS = (
    "ultratlif",
    "ultratplif",
    "ultratlif_ds",
    "ultratplif_ds",
    "ultradlif",
    "ultradplif",
    "lif",
    "plif",
    "fullplif",
    "adalif",
    "dspike",
    "dspike+",
    "sigmalif",
    "silif",
    "csilif",
    "adlif",
    "cadlif",
)
ARCHITECTURES = ("snn", "convsnn", "deepconvsnn", "spikingresnet18")
PASSES = ("remove-constant", "elide-membrane", "collapse-constant", "fold-bias")
EMULATED = ("c-cortex-m0", "c-cortex-m4", "c-cortex-m33", "c-rv32")
BACK_ENDS = (
    *("reference", "fast", "torch", "torch-cuda", "loihi1", "loihi2", "onnx", "c", *EMULATED),
    *("lava", "lava-loihi1", "lava-custom", "netx"),
    *("verilog", "verilog-netlist", "qonnx"),
)
ON_REQUEST = ("torch", "torch-cuda", *EMULATED, "verilog", "verilog-netlist", "qonnx")
EXPORTERS = ("onnx", "c", "lava", "lava-loihi1", "lava-custom", "netx", "verilog", "qonnx")
EXITS = ("exact", "confidence")
PACKAGES = ("cmake", "arduino", "platformio", "zephyr", "esp-idf")
FLAVOURS = ("lif", "cubalif", "threshold")
RESETS = (
    "value",
    "subtract",
    "none",
    "late-value",
    "late-subtract",
    "immediate-subtract",
)
DISCRETIZATIONS = ("euler", "exponential")
FIRING = ("above", "at")
SYNAPSES = ("current", "pulse", "decaying-pulse")
FRAMEWORKS = ("norse", "snntorch", "spikingjelly", "sinabs", "rockpool", "lava")
READ_OUTS = ("spikes", "membrane")
DECAY_BITS = (12, 24)
