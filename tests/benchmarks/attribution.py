"""Attribution against its peers: ratios of times, in one process, alternating.

    python tests/benchmarks/attribution.py [--device cuda] [--evaluations 1000] [--rounds 3] [--only lrp lime ...]

VGG19 (torchvision's layers, random weights) at 224 px. Backward methods take a batch of 8 images; perturbation methods one
image and `evaluations` masks, in float32 and in bfloat16, beside the bare forward passes of the same layout and precision, the
library as a user calls it (float32, contiguous, its own batches), and the library given our network (same layout and
precision). Every row is the median over rounds of the ratio of two times taken one after the other.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from captum.attr import Occlusion
from lime.lime_image import LimeImageExplainer
from scipy.ndimage import uniform_filter
from scipy.stats import spearmanr
from torch import nn
from zennit.attribution import Gradient
from zennit.composites import LayerMapComposite
from zennit.rules import Epsilon, Norm, Pass
from zennit.types import Activation, AvgPool, Convolution

from regard import backbones
from regard.attribution import attribute
from regard.attribution.gradient import input_gradient
from regard.attribution.superpixels import pictures
from regard.kernels.perturb import PRECISIONS, evaluator

SIZE, WINDOW, STRIDE = 224, 32, 16


def seconds(call: Callable[[], object]) -> tuple[float, object]:
    wait = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    wait()
    start = time.perf_counter()
    found = call()
    wait()
    return time.perf_counter() - start, found


def compare(
    name: str, ours: Callable, peers: dict[str, Callable], rounds: int, images: int, same: bool = False
) -> None:
    """Print a row: our seconds per image, the median ratio peer / ours of each peer, and the rank correlation of maps."""
    taken, ratios, maps = [], {peer: [] for peer in peers}, {}
    for _ in range(rounds):
        for peer, call in peers.items():
            own, maps["ours"] = seconds(ours)
            other, maps[peer] = seconds(call)
            taken.append(own)
            ratios[peer].append(other / own)
    said = ", ".join(f"{peer} {statistics.median(found):.2f}" for peer, found in ratios.items())
    line = f"{name:32s} {statistics.median(taken) / images:8.3f} s/image   peer / ours: {said}"
    if same:
        rank = lambda peer: spearmanr(np.ravel(maps["ours"]), np.ravel(maps[peer])).statistic
        line += "   rank correlation: " + ", ".join(
            f"{peer} {rank(peer):.4f}" for peer in peers if maps[peer] is not None
        )
    print(line, flush=True)


def network(device: str) -> nn.Sequential:
    return backbones.build("vgg19", 3, seed=0).to(device)


def lrp(device: str, rounds: int, evaluations: int) -> None:
    rules = [(Activation, Pass()), (AvgPool, Norm(1e-12)), (Convolution, Epsilon(1e-3)), (nn.Linear, Epsilon(1e-3))]
    for layout in (torch.contiguous_format, torch.channels_last):
        model = network(device).to(memory_format=layout)
        images = torch.randn(8, 3, SIZE, SIZE, device=device).to(memory_format=layout)
        targets = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1], device=device)

        def zennit():
            chosen = torch.eye(3, device=device)[targets]
            with Gradient(model, LayerMapComposite(rules)) as attributor:
                return attributor(images.clone(), lambda output: output * chosen)[1].sum(dim=1).detach().cpu()

        peers = {"gradient": lambda: input_gradient(model, images, targets).sum(dim=1).cpu(), "zennit": zennit}
        kind = "contiguous" if layout is torch.contiguous_format else "channels_last"
        for method, settings in (("lrp-z", {}), ("lrp-epsilon", {"epsilon": 1e-3})):
            ours = lambda: attribute(model, images, targets, method, **settings).cpu()
            compare(f"{method}, {kind}", ours, peers, rounds, 8, same=True)


def bare(model: nn.Module, image: torch.Tensor, count: int, chunk: int = 32) -> None:
    """`count` forward passes in chunks, and nothing else."""
    kind = next(model.parameters()).dtype
    shown = image.to(kind).expand(chunk, -1, -1, -1).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        for start in range(0, count, chunk):
            model(shown[: min(chunk, count - start)])


def smooth(device: str) -> torch.Tensor:
    noise = torch.randn(1, 3, 14, 14, generator=torch.Generator().manual_seed(0))
    return nn.functional.interpolate(noise, (SIZE, SIZE), mode="bicubic").to(device)


def perturbation(device: str, rounds: int, method: str, settings: dict, user: Callable, given: Callable) -> None:
    """Rows of one method: user(model) is the library as it is called, given(function) the library with our network."""
    model, image = network(device), smooth(device)
    shown = count_of(model, image, method, settings)
    for precision in PRECISIONS:
        quick = evaluator(model, precision)
        ours = lambda: attribute(model, image, [1], method, precision=precision, **settings).cpu().numpy()[0]
        peers = {
            "bare forwards": lambda: bare(quick, image[0], shown),
            "library as called": lambda: user(model, image),
            "library, our network": lambda: given(quick, image),
        }
        compare(f"{method}, {precision}, {shown} passes", ours, peers, rounds, 1, same=True)


def count_of(model: nn.Module, image: torch.Tensor, method: str, settings: dict) -> int:
    """How many images the method shows the network: a hook counts them, and goes along when the network is copied."""
    seen = []
    hook = model.register_forward_pre_hook(Counter(seen))
    attribute(model, image, [1], method, **settings)
    hook.remove()
    return sum(seen) - 1  # `attribute` itself asks once how many classes there are


class Counter:
    """Counts the images a network is shown; a copy of the network counts into the same list."""

    def __init__(self, seen: list[int]):
        self.seen = seen

    def __call__(self, module: nn.Module, given: tuple) -> None:
        self.seen.append(len(given[0]))

    def __deepcopy__(self, memo: dict) -> "Counter":
        return self


def as_numpy(model: nn.Module, device: str, normalise: bool) -> Callable:
    """The network as a function of (n, H, W, 3) arrays, as the libraries call it, without any care for speed."""
    mean, std = np.array(backbones.MEAN), np.array(backbones.STD)
    kind = next(model.parameters()).dtype

    def call(given: np.ndarray) -> np.ndarray:
        given = (given - mean) / std if normalise else given
        with torch.no_grad():
            return model(torch.from_numpy(given).to(device, kind).permute(0, 3, 1, 2)).float().cpu().numpy()

    return call


def occlusion(device: str, rounds: int, evaluations: int) -> None:
    def library(model, image, each=1):
        kind = next(model.parameters()).dtype
        shape, steps = (3, WINDOW, WINDOW), (3, STRIDE, STRIDE)
        with torch.no_grad():
            found = Occlusion(model).attribute(
                image.to(kind),
                shape,
                strides=steps,
                target=torch.tensor([1], device=device),
                perturbations_per_eval=each,
            )
        return found[0, 0].float().cpu().numpy()

    settings = {"window": WINDOW / SIZE, "stride": STRIDE / SIZE}
    perturbation(device, rounds, "occlusion", settings, library, lambda model, image: library(model, image, 32))


def lime(device: str, rounds: int, evaluations: int) -> None:
    def library(model, image, size=10):
        picture = pictures(image)[0]
        said = LimeImageExplainer(random_state=0).explain_instance(
            picture,
            as_numpy(model, device, normalise=True),
            labels=(1,),
            top_labels=None,
            num_samples=evaluations,
            batch_size=size,
        )
        weights = dict(said.local_exp[1])
        return np.vectorize(weights.get)(said.segments)

    settings = {"evaluations": evaluations}
    perturbation(device, rounds, "lime", settings, library, lambda model, image: library(model, image, 32))


def shap(device: str, rounds: int, evaluations: int) -> None:
    import shap as library_of

    def library(model, image, size=50):
        shown = image[0].permute(1, 2, 0).float().cpu().numpy()
        hidden = uniform_filter(shown, size=(8, 8, 1), mode="mirror")
        network_call = as_numpy(model, device, normalise=False)
        explainer = library_of.PartitionExplainer(
            lambda x: network_call(x)[:, 1], library_of.maskers.Image(hidden, shown.shape)
        )
        found = explainer(shown[None], max_evals=evaluations, batch_size=size, silent=True)
        return found.values[0].reshape(*shown.shape).sum(axis=2)

    settings = {"evaluations": evaluations}
    perturbation(device, rounds, "shap", settings, library, lambda model, image: library(model, image, 32))


TABLES = {"lrp": lrp, "occlusion": occlusion, "lime": lime, "shap": shap}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--evaluations", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=list(TABLES), choices=list(TABLES))
    options = parser.parse_args()
    for name in options.only:
        TABLES[name](options.device, options.rounds, options.evaluations)


if __name__ == "__main__":
    main()
