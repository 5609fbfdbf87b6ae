"""How long a change of the selection explorer's slider takes until the new picture is there: python
tests/benchmarks/explorers.py

On the results of a study (`--study`), after `make reproduce`; each rule, `--changes` positions of
its slider. Without a browser and its network: what the kernel does, which is what hangs on this
project. A position that was seen before is not computed again; the largest is of one that was not.
"""

import argparse
import time

import numpy as np
import pandas as pd
import torch

from regard import explorers
from regard.core import project
from regard.explorers.selection import RULES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", default="ultrasound")
    parser.add_argument("--changes", type=int, default=40)
    options = parser.parse_args()
    torch.set_num_threads(2)
    parts = explorers.selection(project.root() / "results" / "study", options.study).parts
    rows = []
    for rule, told in RULES.items():
        parts["rule"].value = rule
        taken = []
        for at in range(options.changes):
            start = time.perf_counter()
            if told is None:
                parts["of"].value = ("positive", "absolute", "signed")[(at + 1) % 3]
            else:
                low, high = told[1], told[2]
                value = low + (high - low) * ((at * 7 + 3) % options.changes) / options.changes
                parts["value"].value = round(value) if isinstance(told[4], int) else value
            taken.append(1e3 * (time.perf_counter() - start))
        rows.append(
            {
                "rule": rule,
                "median ms": np.median(taken),
                "95th percentile ms": np.quantile(taken, 0.95),
                "largest ms": max(taken),
            }
        )
        parts["of"].value = "positive"
    print(pd.DataFrame(rows).round(1).to_string(index=False))


if __name__ == "__main__":
    main()
