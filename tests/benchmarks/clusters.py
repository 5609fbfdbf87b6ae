"""Non-negative matrix factorisation against scikit-learn, alternating in one process: python
tests/benchmarks/clusters.py

V: what the last layer of the fractal VGG16 says of the prostate phantoms, 16,640 locations of 128
channels, and, with `--wide`, what an untrained VGG16 of full width says, of 512. Both start from
NNDSVDa, which is timed as well, in float32, on `--threads` threads; scikit-learn has its default
tolerance and 200 iterations.
"""

import argparse
import statistics
import time
import warnings

import numpy as np
import pandas as pd
import torch
from sklearn.decomposition import NMF

from regard.concepts import clusters
from regard.core import project
from regard.data import cases, letterbox
from regard.kernels import nmf, nndsvda, nonnegative
from regard.models import backbones


def error(values: torch.Tensor, rows: torch.Tensor) -> float:
    return float((values - nonnegative(values, rows) @ rows).norm() / values.norm())


def main() -> None:
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--components", type=int, nargs="+", default=[4, 8, 16])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--wide", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    found = cases.read(project.root() / "data" / "prostate")
    images = backbones.inputs(torch.from_numpy(letterbox.squares(found.images, 128)))
    width, weights = (1.0, None) if options.wide else (0.25, "fractal")
    model = backbones.build("vgg16_bn", 2, weights, width, pool="max")
    values = clusters.locations(clusters.activations(model, images)).contiguous()
    rows = []
    for k in options.components:
        times, errors = {"ours": [], "scikit-learn": []}, {}

        def ours():
            return nmf(values, nndsvda(values, k)[None]).dictionary[0]

        def theirs():
            peer = NMF(k, init="nndsvda", max_iter=200, random_state=0)
            peer.fit_transform(values.numpy())
            return torch.from_numpy(peer.components_)

        for _ in range(options.rounds):
            for name, call in {"ours": ours, "scikit-learn": theirs}.items():
                start = time.perf_counter()
                made = call()
                times[name].append(time.perf_counter() - start)
                errors[name] = error(values, made)
        ratio = statistics.median(np.array(times["scikit-learn"]) / np.array(times["ours"]))
        rows.append(
            {
                "V": f"{len(values)} x {values.shape[1]}",
                "K": k,
                "seconds": statistics.median(times["ours"]),
            }
            | {
                "scikit-learn / ours": ratio,
                "error": errors["ours"],
                "of scikit-learn": errors["scikit-learn"],
            }
        )
    print(pd.DataFrame(rows).round(5).to_string(index=False))


if __name__ == "__main__":
    main()
