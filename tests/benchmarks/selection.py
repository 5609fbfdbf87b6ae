"""Selection kernels against scikit-learn and scikit-image, alternating in one process: python
tests/benchmarks/selection.py

A map is a heat map's look: a smooth patch and noise, its values skewed as those of a gradient.
Seconds are of one map; ratios are medians over rounds. scikit-learn's MeanShift is given 64 x 64
pixels, since it takes minutes for more.
"""

import argparse
import statistics
import time

import numpy as np
import pandas as pd
import torch
from scipy.ndimage import gaussian_filter
from skimage.filters import threshold_otsu
from sklearn.cluster import KMeans, MeanShift

from regard.kernels import bandwidth_1d, kmeans_1d, mean_shift_1d, otsu

QUANTILE = 0.2


def heat_map(size: int, seed: int = 0) -> torch.Tensor:
    random = np.random.default_rng(seed)
    fine, coarse = random.normal(0, 1, (2, size, size))
    coarse = gaussian_filter(coarse, size / 8, mode="wrap")
    return torch.from_numpy(np.abs(fine) * np.exp(2 * coarse / coarse.std())).flatten()


def inertia(values: np.ndarray, labels: np.ndarray) -> float:
    return sum(
        ((values[labels == one] - values[labels == one].mean()) ** 2).sum()
        for one in np.unique(labels)
    )


def alternating(calls: dict, rounds: int) -> tuple[dict[str, list[float]], dict]:
    times, found = {name: [] for name in calls}, {}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            found[name] = call()
            times[name].append(time.perf_counter() - start)
    return times, found


def row(name: str, times: dict, **more) -> dict:
    ours, peer = (statistics.median(times[who]) for who in ("ours", "peer"))
    ratio = statistics.median(other / own for own, other in zip(times["ours"], times["peer"]))
    return {"kernel": name, "ms": 1e3 * ours, "peer ms": 1e3 * peer, "peer / ours": ratio} | more


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(2)
    rows = []
    small = heat_map(64)
    width = bandwidth_1d(small, QUANTILE)
    calls = {
        "ours": lambda: mean_shift_1d(small.to(options.device), width),
        "peer": lambda: MeanShift(bandwidth=width).fit(small.numpy()[:, None]),
    }
    calls["ours"]()
    times, found = alternating(calls, 1)
    same = np.allclose(
        np.sort(found["ours"][1].cpu()), np.sort(found["peer"].cluster_centers_[:, 0]), rtol=1e-9
    )
    rows.append(row("mean shift, 64 x 64, given bandwidth", times, same=same))
    for size in (64, 224):
        values = heat_map(size)
        placed, array = values.to(options.device), values.numpy()[:, None]
        start = time.perf_counter()
        for _ in range(options.rounds):
            mean_shift_1d(placed, bandwidth_1d(placed, QUANTILE))
        spent = (time.perf_counter() - start) / options.rounds
        rows.append(
            {"kernel": f"mean shift, {size} x {size}, bandwidth included", "ms": 1e3 * spent}
        )
        for k in (2, 3, 4):
            peer = KMeans(k, n_init=10, random_state=0)
            times, found = alternating(
                {"ours": lambda: kmeans_1d(placed, k), "peer": lambda: peer.fit(array)},
                options.rounds,
            )
            better = inertia(array[:, 0], found["ours"][0].cpu().numpy()) / found["peer"].inertia_
            rows.append(row(f"k-means, k = {k}, {size} x {size}", times, same=better <= 1 + 1e-9))
        batch = torch.stack([heat_map(size, seed) for seed in range(16)])
        many = batch.to(options.device)
        calls = {
            "ours": lambda: otsu(many),
            "peer": lambda: [threshold_otsu(one) for one in batch.numpy()],
        }
        times, found = alternating(calls, options.rounds)
        times = {who: [spent / len(batch) for spent in each] for who, each in times.items()}
        rows.append(
            row(
                f"Otsu, {size} x {size}",
                times,
                same=np.allclose(found["ours"].cpu(), found["peer"]),
            )
        )
    pd.set_option("display.width", 200)
    print(
        pd.DataFrame(rows).round({"ms": 2, "peer ms": 2, "peer / ours": 1}).to_string(index=False)
    )


if __name__ == "__main__":
    main()
