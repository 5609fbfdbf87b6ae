"""Attribution against its peers: ratios of times, in one process, alternating.

    python tests/benchmarks/attribution.py [--device cuda] [--evaluations 1000] [--rounds 3] [--only
    lrp lime ...]

VGG19 (torchvision's layers, random weights) at 224 px. LRP explains a batch of 8 images, in both
memory layouts. Perturbation methods explain one image, in float32 and in bfloat16, beside the bare
forward passes they need in the same layout and precision (images ready, chunk after chunk), the
library as a user calls it (float32, contiguous, its own batches, lime and shap as in their PyTorch
tutorials with gradients left on), and the library given our network (same layout and precision, no
gradients). In every round each runs once, one after the other; printed are the median over rounds
of peer / ours, our seconds, passes and peak memory for each image, and the rank correlation of our
map with the library's in float32.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from captum.attr import Occlusion
from lime.lime_image import LimeImageExplainer
from PIL import Image
from scipy.ndimage import uniform_filter
from scipy.stats import spearmanr
from torch import nn
from zennit.attribution import Gradient
from zennit.composites import LayerMapComposite
from zennit.rules import Epsilon, Norm, Pass
from zennit.types import Activation, AvgPool, Convolution

from regard.attribution import attribute
from regard.attribution.cost import counted
from regard.attribution.gradient import input_gradient
from regard.attribution.superpixels import pictures
from regard.core import project
from regard.core.seeds import drawn
from regard.kernels.evaluator import PRECISIONS, evaluator
from regard.models import backbones, preprocessing

SIZE, WINDOW, STRIDE = 224, 32, 16
CHUNK = 8  # 256 on a GPU
ASKED = list(PRECISIONS)
Calls = dict[str, Callable[[], object]]


def seconds(call: Callable[[], object]) -> tuple[float, object]:
    wait = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    wait()
    start = time.perf_counter()
    found = call()
    wait()
    return time.perf_counter() - start, found


def rounds_of(calls: Calls, rounds: int) -> tuple[dict[str, list[float]], dict[str, object]]:
    """Seconds of every call in every round, one after the other, and what each gave last."""
    times, found = {name: [] for name in calls}, {}
    for _ in range(rounds):
        for name, call in calls.items():
            taken, found[name] = seconds(call)
            times[name].append(taken)
    return times, found


def ratio(times: dict[str, list[float]], peer: str, ours: str) -> float:
    return statistics.median(other / own for other, own in zip(times[peer], times[ours]))


def rank(one, other) -> float:
    return spearmanr(np.ravel(one), np.ravel(other)).statistic


def network(device: str) -> nn.Sequential:
    return backbones.build("vgg19", 3, seed=0).to(device)


def lrp(device: str, rounds: int, evaluations: int) -> list[dict]:
    rules = [
        (Activation, Pass()),
        (AvgPool, Norm(1e-12)),
        (Convolution, Epsilon(1e-3)),
        (nn.Linear, Epsilon(1e-3)),
    ]
    rows = []
    for kind, layout in (
        ("contiguous", torch.contiguous_format),
        ("channels_last", torch.channels_last),
    ):
        model = network(device).to(memory_format=layout)
        noise = torch.randn(8, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
        images = noise.to(device).to(memory_format=layout)
        targets = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1], device=device)

        def zennit():
            chosen = torch.eye(3, device=device)[targets]
            with Gradient(model, LayerMapComposite(rules)) as attributor:
                return (
                    attributor(images.clone(), lambda output: output * chosen)[1]
                    .sum(dim=1)
                    .detach()
                    .cpu()
                )

        made = {
            "lrp-z": lambda: attribute(model, images, targets, "lrp-z", batch=8).cpu(),
            "lrp-epsilon": lambda: attribute(
                model, images, targets, "lrp-epsilon", batch=8, epsilon=1e-3
            ).cpu(),
        }
        peers = {
            "gradient": lambda: input_gradient(model, images, targets).sum(dim=1).cpu(),
            "zennit": zennit,
        }
        times, maps = rounds_of(made | peers, rounds)
        for method, call in made.items():
            with counted(model) as cost:
                call()
            rows.append(
                {
                    "method": f"{method}, {kind}",
                    "s/image": statistics.median(times[method]) / 8,
                    "forwards": cost.forwards / 8,
                    "backwards": cost.backwards / 8,
                    "GB": cost.memory,
                    "ours / gradient": 1 / ratio(times, "gradient", method),
                    "zennit / ours": ratio(times, "zennit", method),
                    "rank corr.": rank(maps[method], maps["zennit"]),
                }
            )
    return rows


def bare(model: nn.Module, image: torch.Tensor, count: int) -> None:
    """`count` forward passes in chunks, and nothing else."""
    kind = next(model.parameters()).dtype
    shown = image.to(kind).expand(CHUNK, -1, -1, -1).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        for start in range(0, count, CHUNK):
            model(shown[: min(CHUNK, count - start)])


def picture(device: str) -> torch.Tensor:
    """The first ultrasound phantom: a picture has edges and grain, which decide how much there is
    to hide.
    """
    path = sorted((project.root() / "data" / "ultrasound" / "images").iterdir())[0]
    grey = np.asarray(Image.open(path).convert("L").resize((SIZE, SIZE), Image.Resampling.BILINEAR))
    return backbones.inputs(torch.from_numpy(grey.copy())[None]).to(device)


def perturbation(
    device: str, rounds: int, method: str, settings: dict, user: Callable, given: Callable
) -> list[dict]:
    """Rows of one method: user(model) is the library as it is called, given(function) the library
    with our network.
    """
    model, image = network(device), picture(device)
    costs, calls = {}, {"library": lambda: user(model, image)}
    for precision in ASKED:

        def ours(precision=precision):
            with counted(model) as costs[precision]:
                return (
                    attribute(
                        model, image, [1], method, batch=CHUNK, precision=precision, **settings
                    )[0]
                    .cpu()
                    .numpy()
                )

        quick = evaluator(model, precision)
        calls |= {
            precision: ours,
            f"bare {precision}": lambda quick=quick, precision=precision: bare(
                quick, image[0], costs[precision].forwards
            ),
            f"library {precision}": lambda quick=quick: given(quick, image),
        }
    times, maps = rounds_of(calls, rounds)
    return [
        {
            "method": f"{method}, {precision}",
            "s/image": statistics.median(times[precision]),
            "forwards": costs[precision].forwards,
            "backwards": costs[precision].backwards,
            "GB": costs[precision].memory,
            "ours / bare": 1 / ratio(times, f"bare {precision}", precision),
            "library / ours": ratio(times, "library", precision),
            "library, our network / ours": ratio(times, f"library {precision}", precision),
            "rank corr.": rank(maps[precision], maps["library"]),
        }
        for precision in ASKED
    ]


def as_numpy(model: nn.Module, device: str, normalise: bool, tuned: bool) -> Callable:
    """The network as a function of (n, H, W, 3) arrays, as the lime and shap libraries call it; not
    `tuned`: as in the PyTorch tutorials of both, which leave gradients on."""
    mean, std = np.array(preprocessing.MEAN), np.array(preprocessing.STD)
    kind = next(model.parameters()).dtype

    def call(given: np.ndarray) -> np.ndarray:
        given = (given - mean) / std if normalise else given
        with torch.set_grad_enabled(not tuned):
            logits = model(torch.from_numpy(given).to(device, kind).permute(0, 3, 1, 2))
        return logits.detach().float().cpu().numpy()

    return call


def occlusion(device: str, rounds: int, evaluations: int) -> list[dict]:
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
    return perturbation(
        device,
        rounds,
        "occlusion",
        settings,
        library,
        lambda model, image: library(model, image, CHUNK),
    )


def lime(device: str, rounds: int, evaluations: int) -> list[dict]:
    def library(model, image, size=10, tuned=False):
        picture = pictures(image)[0]
        said = LimeImageExplainer(random_state=drawn(0, image[0], "lime")).explain_instance(
            picture,
            as_numpy(model, device, True, tuned),
            labels=(1,),
            top_labels=None,
            num_samples=evaluations,
            batch_size=size,
        )
        weights = dict(said.local_exp[1])
        return np.vectorize(weights.get)(said.segments)

    settings = {"evaluations": evaluations}
    return perturbation(
        device,
        rounds,
        "lime",
        settings,
        library,
        lambda model, image: library(model, image, CHUNK, True),
    )


def shap(device: str, rounds: int, evaluations: int) -> list[dict]:
    import shap as library_of

    def library(model, image, size=50, tuned=False):
        shown = image[0].permute(1, 2, 0).float().cpu().numpy()
        hidden = uniform_filter(shown, size=(8, 8, 1), mode="mirror")
        network_call = as_numpy(model, device, False, tuned)
        explainer = library_of.PartitionExplainer(
            lambda x: network_call(x)[:, 1], library_of.maskers.Image(hidden, shown.shape)
        )
        found = explainer(shown[None], max_evals=evaluations, batch_size=size, silent=True)
        return found.values[0].reshape(*shown.shape).sum(axis=2)

    settings = {"evaluations": evaluations}
    return perturbation(
        device,
        rounds,
        "shap",
        settings,
        library,
        lambda model, image: library(model, image, CHUNK, True),
    )


def others(device: str, rounds: int, evaluations: int) -> list[dict]:
    """What the methods without a bound of their own cost, beside the plain gradient."""
    model = network(device)
    images = torch.randn(8, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0)).to(device)
    targets = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1], device=device)
    settings = {
        "integrated-gradients": {"steps": 4},
        "lrp-alpha2beta1": {},
        "lrp-composite": {},
        "cam": {},
        "grad-cam": {},
    }
    made = {
        name: lambda name=name, own=own: attribute(
            model, images, targets, name, batch=8, **own
        ).cpu()
        for name, own in settings.items()
    }
    times, _ = rounds_of(
        made | {"gradient": lambda: input_gradient(model, images, targets).cpu()}, rounds
    )
    rows = []
    for name, call in made.items():
        with counted(model) as cost:
            call()
        counts = {"forwards": cost.forwards / 8, "backwards": cost.backwards / 8, "GB": cost.memory}
        rows.append(
            {"method": name, "s/image": statistics.median(times[name]) / 8}
            | counts
            | {"ours / gradient": 1 / ratio(times, "gradient", name)}
        )
    return rows


TABLES = {"lrp": lrp, "others": others, "occlusion": occlusion, "lime": lime, "shap": shap}


def main() -> None:
    pd.set_option("display.width", 200, "display.max_columns", None)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--evaluations", type=int, default=1000)
    parser.add_argument(
        "--precisions", nargs="+", default=list(PRECISIONS), choices=list(PRECISIONS)
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=list(TABLES), choices=list(TABLES))
    options = parser.parse_args()
    global CHUNK, ASKED
    ASKED = options.precisions
    CHUNK = 256 if options.device.startswith("cuda") else CHUNK
    for name in options.only:
        table = pd.DataFrame(
            TABLES[name](options.device, options.rounds, options.evaluations)
        ).set_index("method")
        print(
            table.round(
                {column: 3 for column in table if column not in ("forwards", "backwards")}
            ).T,
            "\n",
            flush=True,
        )


if __name__ == "__main__":
    main()
