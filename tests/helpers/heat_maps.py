"""Heat maps of small networks by every method, and what a network is like before and after."""

import torch
from torch import nn

from regard.attribution import METHODS, attribute

# Fewer evaluations than anybody should use: what is tested does not depend on their number.
FEW = {
    "integrated-gradients": {"steps": 4},
    "occlusion": {"window": 0.25, "stride": 0.25},
    "lime": {"evaluations": 40},
    "shap": {"evaluations": 40},
}


# Methods, and those of their options that are other algorithms, as (method, parameters).
ALL = {name: (name, FEW.get(name, {})) for name in METHODS} | {
    "shap, kernel": ("shap", {"algorithm": "kernel", "evaluations": 40}),
    "shap, gradient": ("shap", {"algorithm": "gradient", "evaluations": 8}),
    "lrp-composite, gamma and z^B": ("lrp-composite", {"convolution": "gamma", "first": "zbox"}),
    "lrp-epsilon, relative": ("lrp-epsilon", {"epsilon": 0.25, "relative": True}),
    "grad-cam, guided": ("grad-cam", {"guided": True}),
    "lime, white": ("lime", {"evaluations": 40, "superpixels": "slic", "fill": "white"}),
}


def maps_of(model, images, targets, name, **more):
    method, parameters = ALL[name]
    return attribute(model, images, targets, method, **parameters, **more)


def snapshot(model):
    state = {key: value.clone() for key, value in model.state_dict().items()}
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    hooks = [len(getattr(module, kind)) for module in model.modules() for kind in kinds]
    attributes = [sorted(vars(module)) for module in model.modules()]
    with torch.no_grad():
        outputs = model(PROBE).tolist()
    grads = [parameter.requires_grad for parameter in model.parameters()]
    return state, hooks, attributes, outputs, [module.training for module in model.modules()], grads


PROBE = torch.linspace(-1, 1, 3 * 48 * 48, dtype=torch.float64).view(1, 3, 48, 48)


class Functional(nn.Module):
    """Convolutions whose ReLUs are functions of every kind; `residual`: and whose outputs are added
    up in place.
    """

    def __init__(self, residual: bool):
        super().__init__()
        self.residual = residual
        self.first, self.second, self.third = (
            nn.Conv2d(given, 6, 3, padding=1) for given in (3, 6, 6)
        )
        self.norm = nn.BatchNorm2d(6)

    def forward(self, x):
        x = torch.relu(self.first(x))
        again = nn.functional.relu(self.norm(self.second(x)), inplace=True)
        again = self.third(again)
        if self.residual:
            again += x
        return again.relu_()


def classifier(features, head=None):
    model = nn.Sequential()
    for name, part in zip(
        ("features", "pool", "flatten", "head"),
        (features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head or nn.Linear(6, 3)),
    ):
        model.add_module(name, part)
    generator = torch.Generator().manual_seed(5)
    if head is None:
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                drawn = torch.randn(value.shape, generator=generator)
                value.copy_(0.5 + drawn.abs() if name.endswith("running_var") else 0.4 * drawn)
    return model.double().eval()
