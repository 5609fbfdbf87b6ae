"""Small networks of every kind, for maps that can be computed exactly."""

import torch
from torch import nn

from regard.models import backbones

BACKBONES = {
    "vgg16": 0.125,
    "vgg16_bn": 0.125,
    "vgg19": 0.125,
    "vgg19_bn": 0.125,
    "resnet18": 0.125,
    "resnet50": 0.125,
    "resnet152": 0.0625,
    "densenet121": 0.125,
    "squeezenet1_0": 1.0,
}


def network(name: str) -> nn.Sequential:
    """A double-precision network with non-zero biases and batch-norm statistics, so that nothing
    vanishes by chance.
    """
    model = backbones.build(name, 3, width=BACKBONES[name], seed=1).double()
    generator = torch.Generator().manual_seed(2)
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)) and module.bias is not None:
            module.bias.data = 0.1 * torch.randn(module.bias.shape, generator=generator).double()
        if isinstance(module, nn.BatchNorm2d):
            for value in (module.running_mean, module.bias.data):
                value.copy_(0.2 * torch.randn(value.shape, generator=generator))
            for value in (module.running_var, module.weight.data):
                value.copy_(0.5 + torch.rand(value.shape, generator=generator))
    return model


TARGETS = torch.tensor([0, 2, 1, 2])
