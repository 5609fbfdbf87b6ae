"""Importing a large set: peak memory and time of `regard import folder` on 20,000 images with
masks.

    python tests/benchmarks/importing.py [COUNT] [SIDE]

The set is made first and does not count: grey images of SIDE x SIDE pixels (256), a patient per
image, a box mask each. The command runs as a process of its own, as a user starts it.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image


def make(folder: Path, count: int, side: int) -> None:
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    ramp = np.add.outer(np.arange(side), np.arange(side))
    mask = np.zeros((side, side), np.uint8)
    mask[side // 8 : side // 2, side // 4 : side // 2] = 255
    lines = ["image,patient,label,mask:mass"]
    for number in range(count):
        Image.fromarray(((ramp + number) % 256).astype(np.uint8)).save(
            folder / f"images/{number}.png"
        )
        Image.fromarray(mask).save(folder / f"masks/{number}.png")
        lines.append(
            f"images/{number}.png,p{number},{('benign', 'malignant')[number % 2]},masks/{number}.png"
        )
    (folder / "cases.csv").write_text("\n".join(lines) + "\n")


def main(count: int = 20_000, side: int = 256) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        source, target = Path(scratch, "source"), Path(scratch, "target")
        make(source, count, side)
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "regard", "import", "folder", source, target], check=True
        )
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(
        f"{count} images of {side} x {side}: {seconds:.0f} s ({1000 * seconds / count:.1f} ms "
        f"each), peak {peak:.0f} MB"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
