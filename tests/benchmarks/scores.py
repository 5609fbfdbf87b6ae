"""Scores and deletion curves against Quantus, alternating in one process: python
tests/benchmarks/scores.py

Scores: 64 maps of 224 x 224. Deletion: VGG19 (`--width` of its channels) on eight phantoms of 160 x
160, pixels replaced in `--steps` equal steps; Quantus' PixelFlipping is given the same network,
batch and steps.
"""

import argparse
import statistics
import time
import warnings

import numpy as np
import pandas as pd
import quantus
import torch

from regard.evaluation.faithfulness import curves
from regard.evaluation.scores import score
from regard.models import backbones

METRICS = {
    "pointing": quantus.PointingGame,
    "mass": quantus.RelevanceMassAccuracy,
    "rank": quantus.RelevanceRankAccuracy,
}


def alternating(calls: dict, rounds: int) -> dict[str, list[float]]:
    times = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
    return times


def row(name: str, times: dict, images: int) -> list[dict]:
    peer = times["Quantus"]
    return [
        {
            "what": f"{name}, {who}" if who != "ours" else name,
            "ms per image": 1e3 * statistics.median(own) / images,
            "Quantus / this": statistics.median(other / one for one, other in zip(own, peer)),
        }
        for who, own in times.items()
    ]


def main() -> None:
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--steps", type=int, default=32)
    options = parser.parse_args()
    torch.set_num_threads(2)
    random, rows = np.random.default_rng(0), []
    maps, masks = random.gamma(0.5, 1, (64, 224, 224)), np.zeros((64, 224, 224), bool)
    masks[:, 50:120, 60:160] = True
    placed = torch.from_numpy(maps), torch.from_numpy(masks)
    nothing = {"model": None, "x_batch": np.zeros((64, 1, 224, 224)), "y_batch": np.zeros(64, int)}
    for name, metric in METRICS.items():
        calls = {
            "ours": lambda: score(*placed, name),
            "Quantus": lambda: metric(disable_warnings=True, normalise=False)(
                a_batch=maps[:, None], s_batch=masks[:, None], **nothing
            ),
        }
        rows += row(name, alternating(calls, options.rounds), 64)
    model = backbones.build("vgg19_bn", 2, width=options.width)
    images, heat = (
        torch.from_numpy(random.normal(0, 1, (8, 3, 160, 160))).float(),
        torch.from_numpy(random.normal(0, 1, (8, 160, 160))),
    )
    targets = torch.zeros(8, dtype=torch.int64)

    def flipping():
        metric = quantus.PixelFlipping(
            features_in_step=160 * 160 // options.steps,
            disable_warnings=True,
            perturb_baseline="mean",
        )
        return metric(
            model,
            images.numpy(),
            targets.numpy(),
            a_batch=heat.numpy()[:, None],
            device="cpu",
            batch_size=8,
            softmax=True,
        )

    calls = {
        "ours": lambda: curves(model, images, targets, heat, steps=options.steps),
        "bfloat16": lambda: curves(
            model, images, targets, heat, steps=options.steps, precision="bfloat16"
        ),
        "Quantus": flipping,
    }
    rows += row(f"deletion, {options.steps} steps", alternating(calls, options.rounds), 8)
    print(pd.DataFrame(rows).round({"ms per image": 3, "Quantus / this": 1}).to_string(index=False))


if __name__ == "__main__":
    main()
