"""Networks whose weights are all different, and files of weights."""

import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import models

from regard.models import backbones


def shaken(name: str) -> nn.Module:
    """Torchvision's network with random weights and statistics, in eval mode; a VGG without its
    dense ones.
    """
    with torch.device("meta"):
        original = models.get_model(name).eval()
    if name.startswith("vgg"):
        original.classifier = nn.Identity()
    original.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(3)
    for module in original.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight, generator=generator)
            if module.bias is not None:
                nn.init.normal_(module.bias, 0, 0.1, generator=generator)
        if isinstance(module, nn.BatchNorm2d):
            module.num_batches_tracked.zero_()
            for value in (module.weight, module.running_var):
                nn.init.uniform_(value, 0.5, 1.5, generator=generator)
            for value in (module.bias, module.running_mean):
                nn.init.normal_(value, 0, 0.2, generator=generator)
    return original


def save(state, path):
    torch.save(state, path) if path.suffix == ".pth" else save_file(state, path)


def other_width(path):
    save(backbones.build("vgg19_bn", 2, width=0.25).state_dict(), path)


def other_network(path):
    save(backbones.build("squeezenet1_0", 2).state_dict(), path)
