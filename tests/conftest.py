import os

# A busy machine makes spinning OpenMP threads wait for one another; set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from here import ROOT

from regard.data import cases


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests in a browser take longest, so they begin a run."""
    items.sort(key=lambda item: item.path.name != "test_browser.py")


@pytest.fixture(autouse=True)
def the_same_every_time():
    """One thread: tests are small, and results must not depend on the machine's load; and the same
    random weights, where a test names no seed.
    """
    torch.set_num_threads(1)
    torch.manual_seed(0)


def make_cases(
    patients: int = 6, views: int = 2, size: tuple[int, int] = (24, 32), seed: int = 0
) -> cases.Cases:
    """A small set of made cases: bright discs are malignant, dark ones benign."""
    generator = np.random.default_rng(seed)
    rows, images, masks = [], [], []
    for patient in range(patients):
        label = ("benign", "malignant")[patient % 2]
        for view in range(views):
            row, column = generator.integers(8, size[0] - 8), generator.integers(8, size[1] - 8)
            down, right = np.ogrid[: size[0], : size[1]]
            mask = np.hypot(down - row, right - column) < 5
            image = generator.integers(80, 120, size).astype(np.uint8)
            image[mask] = (40, 200)[patient % 2]
            case = f"c{patient:02d}-{view}"
            rows.append(
                {
                    "case": case,
                    "patient": f"p{patient:02d}",
                    "image": f"images/{case}.png",
                    "label": label,
                    "reference": "exact",
                }
            )
            images.append(image)
            masks.append(mask)
    return cases.Cases(pd.DataFrame(rows), images, {"mass": masks})


@pytest.fixture
def folder(tmp_path) -> Path:
    """A valid set on disk, to be broken in one place."""
    cases.write(make_cases(), tmp_path / "set")
    return tmp_path / "set"
