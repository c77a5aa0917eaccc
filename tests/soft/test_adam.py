"""Adam gives what torch's own optimizer gives, also after it is taken up again."""

import subprocess
import sys

import torch
from torch import Tensor

from ultralif_deploy.soft.adam import Adam

SHAPES = ((3, 4), (4,), (2,))


def parameters() -> list[Tensor]:
    draw = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=draw).requires_grad_() for shape in SHAPES]


def give_gradients(trained: list[Tensor], step: int) -> None:
    """The last parameter has none in the first steps."""
    draw = torch.Generator().manual_seed(step + 1)
    for i, parameter in enumerate(trained):
        gradient = torch.randn(parameter.shape, generator=draw)
        parameter.grad = None if i == len(trained) - 1 and step < 3 else gradient


def test_steps_are_those_of_torch() -> None:
    ours, theirs = parameters(), parameters()
    adam, reference = Adam(ours), torch.optim.Adam(theirs)
    for step in range(12):
        rate = 0.1 / (step + 1)
        give_gradients(ours, step)
        give_gradients(theirs, step)
        adam.step(rate)
        reference.param_groups[0]["lr"] = rate
        reference.step()
        if step == 6:
            again = Adam(ours)
            again.load_state_dict(adam.state_dict())
            adam = again
        for mine, other in zip(ours, theirs, strict=True):
            assert torch.equal(mine, other)
    adam.load_state_dict(reference.state_dict())  # as unfinished runs of older versions hold it
    adam.forget_gradients()
    assert all(parameter.grad is None for parameter in ours)


def test_it_spares_the_import_of_the_compiler() -> None:
    code = (
        "import sys, torch; from ultralif_deploy.soft.adam import Adam; p = torch.zeros(2)\n"
        "p.requires_grad_(); p.grad = torch.ones(2); Adam([p]).step(0.1)\n"
        "assert p[0] != 0; assert 'torch._dynamo' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
