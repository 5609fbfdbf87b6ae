"""Feature extractors: VGG, ResNet, DenseNet and SqueezeNet of any width.

Parameters are named and initialised as torchvision does. All end in a ReLU.
"""

from collections import OrderedDict
from collections.abc import Callable

from torch import Tensor, nn
from torchvision import models

# of the width, which gives a feature extractor and its number of channels
Features = Callable[[float], tuple[nn.Module, int]]


def _vgg(configuration: str, batch_norm: bool) -> Features:
    def features(width: float) -> tuple[nn.Module, int]:
        layers = [
            v if v == "M" else max(1, round(v * width)) for v in models.vgg.cfgs[configuration]
        ]
        extractor = models.vgg.make_layers(layers[:-1], batch_norm=batch_norm)
        # as torchvision does; with torch's default nothing reaches the last layer
        for module in extractor.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                assert module.bias is not None
                nn.init.zeros_(module.bias)
        return extractor, layers[-2]

    return features


def _squeezenet(version: str) -> Features:
    def features(width: float) -> tuple[nn.Module, int]:
        if width != 1.0:
            raise ValueError(f"squeezenet{version} exists at width 1.0 only, not {width}")
        return models.SqueezeNet(version=version).features, 512

    return features


class Residual(nn.Module):
    """ReLU(convolutions(x) + shortcut(x)), the block of a ResNet (He et al., CVPR 2016), on (N, C,
    H, W).

    Parameters as in torchvision's blocks, whose one ReLU serves all layers; here each layer has its
    own, so that a hook on it sees one activation. The first 3 x 3 convolution takes the stride, as
    there ("ResNet v1.5").
    """

    def __init__(
        self, channels: int, outputs: tuple[int, ...], kernels: tuple[int, ...], stride: int
    ):
        super().__init__()
        self.depth = len(kernels)
        inputs = (channels, *outputs)
        for layer, (kernel, given, wanted) in enumerate(zip(kernels, inputs, outputs), 1):
            step = stride if layer == kernels.index(3) + 1 else 1
            self.add_module(
                f"conv{layer}", nn.Conv2d(given, wanted, kernel, step, kernel // 2, bias=False)
            )
            self.add_module(f"bn{layer}", nn.BatchNorm2d(wanted))
            self.add_module(f"relu{layer}", nn.ReLU())
        self.downsample = None
        if stride != 1 or channels != outputs[-1]:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, outputs[-1], 1, stride, bias=False), nn.BatchNorm2d(outputs[-1])
            )

    def branch(self, x: Tensor) -> Tensor:
        """What the convolutions give, before the sum."""
        for layer in range(1, self.depth + 1):
            x = getattr(self, f"bn{layer}")(getattr(self, f"conv{layer}")(x))
            if layer < self.depth:
                x = getattr(self, f"relu{layer}")(x)
        return x

    def shortcut(self, x: Tensor) -> Tensor:
        """The input, brought to the shape of the branch where it differs."""
        return x if self.downsample is None else self.downsample(x)

    def forward(self, x: Tensor) -> Tensor:
        return getattr(self, f"relu{self.depth}")(self.branch(x) + self.shortcut(x))


def _resnet(
    blocks: tuple[int, int, int, int], kernels: tuple[int, ...], expansion: int
) -> Features:
    def features(width: float) -> tuple[nn.Module, int]:
        def scaled(number: int) -> int:
            return max(1, round(number * width))

        channels = scaled(64)
        parts = OrderedDict(
            conv1=nn.Conv2d(3, channels, 7, 2, 3, bias=False),
            bn1=nn.BatchNorm2d(channels),
            relu=nn.ReLU(),
            maxpool=nn.MaxPool2d(3, 2, 1),
        )
        for stage, number in enumerate(blocks):
            inner = scaled(64 * 2**stage)
            outputs = (*[inner] * (len(kernels) - 1), inner * expansion)
            layer = []
            for block in range(number):
                layer.append(
                    Residual(
                        channels, outputs, kernels, stride=2 if stage > 0 and block == 0 else 1
                    )
                )
                channels = outputs[-1]
            parts[f"layer{stage + 1}"] = nn.Sequential(*layer)
        extractor = nn.Sequential(parts)
        for module in extractor.modules():  # as torchvision does
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        return extractor, channels

    return features


def _densenet(blocks: tuple[int, int, int, int], growth: int, stem: int) -> Features:
    def features(width: float) -> tuple[nn.Module, int]:
        def scaled(number: int) -> int:
            return max(1, round(number * width))

        extractor = models.DenseNet(scaled(growth), blocks, scaled(stem)).features
        # torchvision applies it as a function, outside of the features
        extractor.add_module("relu5", nn.ReLU())
        return extractor, extractor.norm5.num_features

    return features


BACKBONES: dict[str, Features] = {
    "vgg16": _vgg("D", batch_norm=False),
    "vgg16_bn": _vgg("D", batch_norm=True),
    "vgg19": _vgg("E", batch_norm=False),
    "vgg19_bn": _vgg("E", batch_norm=True),
    "resnet18": _resnet((2, 2, 2, 2), kernels=(3, 3), expansion=1),
    "resnet50": _resnet((3, 4, 6, 3), kernels=(1, 3, 1), expansion=4),
    "resnet152": _resnet((3, 8, 36, 3), kernels=(1, 3, 1), expansion=4),
    "densenet121": _densenet((6, 12, 24, 16), growth=32, stem=64),
    "squeezenet1_0": _squeezenet("1_0"),
}
POOLS = {"avg": nn.AdaptiveAvgPool2d, "max": nn.AdaptiveMaxPool2d}
