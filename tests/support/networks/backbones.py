"""A small residual network as a backbone, and the same with a spiking head of snnTorch."""

import snntorch
import torch
from torch import Tensor, nn

FEATURES, CLASSES, STEPS = 8, 10, 5


class Block(nn.Module):
    """A residual block as those of ResNet."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 2 * channels, 3, 2, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(2 * channels)
        self.conv2 = nn.Conv2d(2 * channels, 2 * channels, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(2 * channels)
        self.shortcut = nn.Conv2d(channels, 2 * channels, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        inner = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.norm2(self.conv2(inner)) + self.shortcut(x))


def backbone(channels: int = 1) -> nn.Sequential:
    """A stem, a block, and a pool over the whole image."""
    torch.manual_seed(3)
    stem = nn.Conv2d(channels, 4, 3, padding=1)
    pooled = (nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(stem, nn.ReLU(), Block(4), *pooled).eval()


class Net(nn.Module):
    """Images of one channel, features, and a spiking fully connected head."""

    def __init__(self) -> None:
        super().__init__()
        self.features = backbone()
        torch.manual_seed(4)
        self.fc1, self.fc2 = nn.Linear(FEATURES, 24), nn.Linear(24, CLASSES)
        self.lif1, self.lif2 = snntorch.Leaky(beta=0.9), snntorch.Leaky(beta=0.8)

    def forward(self, x: Tensor) -> Tensor:
        features = self.features(x)
        inner, last = self.lif1.init_leaky(), self.lif2.init_leaky()
        spikes = []
        for _ in range(STEPS):
            sent, inner = self.lif1(30 * self.fc1(features), inner)
            sent, last = self.lif2(4 * self.fc2(sent), last)
            spikes.append(sent)
        return torch.stack(spikes)
