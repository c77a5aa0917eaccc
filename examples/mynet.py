"""A network of one's own in snnTorch: layers before neurons, BatchNorm, a skip connection.

python examples/mynet.py    # trains it on the embedded digits, and writes weights.pt
"""

import argparse

import snntorch as snn
import torch
from snntorch import utils
from torch import Tensor, nn

import ultralif_deploy as ul

TIMESTEPS, BATCH = 10, 100


class Net(nn.Module):
    """One timestep of 64 inputs and 10 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(64, 32), nn.Linear(32, 32), nn.Linear(32, 10)
        self.norm1, self.norm2 = nn.BatchNorm1d(32), nn.BatchNorm1d(32)
        self.lif1, self.lif2, self.lif3 = (snn.Leaky(0.9, init_hidden=True) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """Spikes of the classes in one timestep."""
        early = self.lif1(self.norm1(self.first(x)))
        late = self.lif2(self.norm2(self.second(early)) + early)
        spikes: Tensor = self.lif3(self.last(late))
        return spikes


def train(epochs: int) -> Net:
    """A network that counts spikes of its last neurons, trained on spikes of the digits.

    Args:
        epochs: passes over the training samples.
    """
    torch.set_num_threads(1)  # faster for networks as small as this
    torch.manual_seed(0)
    net, digits = Net(), ul.load_dataset("digits").train
    assert digits is not None
    assert digits.y is not None
    frames = torch.from_numpy(ul.Encoder("rate", TIMESTEPS).encode(digits.x)).float()
    labels = torch.from_numpy(digits.y).long()
    optimizer = torch.optim.Adam(net.parameters(), 2e-3)
    for _ in range(epochs):
        for chosen in torch.randperm(len(labels)).split(BATCH):
            utils.reset(net)
            counts = sum(net(frame) for frame in frames[:, chosen])
            loss = nn.functional.cross_entropy(counts, labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return net


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    arguments = parser.parse_args()
    torch.save(train(arguments.epochs).state_dict(), "weights.pt")
    print("Written to weights.pt")


if __name__ == "__main__":
    main()
