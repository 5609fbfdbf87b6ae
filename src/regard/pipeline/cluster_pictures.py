"""Stage clusters: which tiles stand in its figures, and the sentences beside them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from regard.figures import clusters as figures
from regard.pipeline.cluster_effects import Falls
from regard.pipeline.clusters import Code, Followed, Tissue, slides
from regard.pipeline.global_explanation import Cases

SHOWN_OF_A_CLASS = 4  # tiles of each class in the figure of segmentations


def strongest_tiles(peaks: np.ndarray, slides: np.ndarray, count: int) -> list[int]:
    """The tiles with the largest peaks, at most one per slide.

    Parameters
    ----------
    peaks : ndarray
        (n,): the largest weight of a cluster on each tile.
    slides : ndarray
        (n,): the slide of each tile.
    count : int
        At most as many tiles.
    """
    order = np.argsort(-peaks, kind="stable")
    order = order[np.unique(slides[order], return_index=True)[1]]
    return sorted(order.tolist(), key=lambda tile: -peaks[tile])[:count]


def gallery(cases: Cases, soft: np.ndarray, count: int) -> Figure:
    """For each cluster the test tiles where it is strongest; soft: (n, K, size, size)."""
    rows, of_slide = np.flatnonzero(cases.split("test")), slides(cases)[cases.split("test")]
    shown = []
    for number in range(soft.shape[1]):
        chosen = strongest_tiles(soft[:, number].max((1, 2)), of_slide, count)
        tiles = [
            (cases.images[rows[tile]], soft[tile, number], _caption(cases, rows[tile]))
            for tile in chosen
        ]
        shown.append((f"cluster {number + 1}", tiles))
    return figures.gallery(shown)


def _caption(cases: Cases, row: int) -> str:
    label = cases.table["label"][row] if "label" in cases.table else ""
    return f"{cases.table['case'][row]}, {label}"


def segmentations(cases: Cases, followed: Followed, labels: np.ndarray, k: int) -> Figure:
    """The first test tiles of each class, and the strongest cluster of each pixel; labels: int (n,
    size, size).
    """
    test = cases.split("test")
    rows, present = np.flatnonzero(test), followed.present
    kinds = cases.table["label"].to_numpy() if "label" in cases.table else present == 1
    shown: list[int] = []
    for kind in dict.fromkeys(kinds):
        shown += np.flatnonzero(kinds[test] == kind)[:SHOWN_OF_A_CLASS].tolist()
    names = [f"with {followed.target}", f"without {followed.target}"]
    known = np.select([present == 1, present == 0], names, f"{followed.target} not known")
    titles = [f"{cases.table['case'][rows[tile]]}\n{known[rows[tile]]}" for tile in shown]
    images = [cases.images[rows[tile]] for tile in shown]
    return figures.segmentations(images, list(labels[shown]), titles, k)


def largest_slide(cases: Cases) -> str:
    """The test slide with the most tiles; of several the first."""
    counts = pd.Series(slides(cases)[cases.split("test")]).value_counts(sort=False)
    return str(counts.index[counts.to_numpy().argmax()])


def stitched(cases: Cases, labels: np.ndarray, slide: str, k: int) -> Figure:
    """All test tiles of one slide side by side, and their strongest clusters."""
    test = cases.split("test")
    rows, tiles = np.flatnonzero(test), {}
    for tile in np.flatnonzero(slides(cases)[test].astype(str) == slide):
        row = rows[tile]
        tiles[cases.table["case"][row]] = cases.images[row], labels[tile]
    return figures.stitched(tiles, k)


def dictionaries(measures: pd.DataFrame, names: Sequence[str], tissue: Tissue) -> Figure:
    """Agreement with tissue and fidelity of the dictionaries `names`, "nmf" in colour."""
    order = ["adjusted Rand index", *[f"best IoU, {name}" for name in tissue.structures]]
    known = set(measures["measure"])
    shown = [name for name in (*order, "R squared", "AUROC") if name in known]
    return figures.dictionaries(measures[measures["dictionary"].isin(names)], shown, "nmf")


def removals(falls: Falls | None) -> Figure | None:
    """Predicted and measured falls, and the control; None without falls."""
    if falls is None:
        return None
    return figures.removals(falls.predicted, falls.measured, falls.control)


def empty_clusters(code: Code) -> str:
    """A sentence when some clusters are empty, else nothing."""
    assert code.dictionary is not None
    empty = int((~code.dictionary.rows.any(1)).sum())
    return f"{empty} clusters are empty: choose a smaller `k`." if empty else ""


def tissue_ranks(means: pd.DataFrame) -> str:
    """The mean adjusted Rand index of each dictionary, best first."""
    if not len(means):
        return "No tissue is annotated: agreement with tissue is not measured."
    values = means[means["measure"] == "adjusted Rand index"].set_index("dictionary")["value"]
    ranks = values.sort_values(ascending=False).items()
    return "Adjusted Rand index with the tissue, best first: " + ", ".join(
        f"{name} {value:.3f}" for name, value in ranks
    )


def output_table(measures: pd.DataFrame) -> pd.DataFrame:
    """R squared and AUROC of each dictionary with their intervals."""
    rows = measures[measures["measure"].str.match("R squared|AUROC")]
    columns = ["value", "ci_low", "ci_high"]
    return rows.pivot(index="dictionary", columns="measure", values=columns).round(3)


def growing_cluster(concepts: pd.DataFrame, target: str) -> str:
    """The cluster whose area differs most between tiles with and without the target."""
    more = concepts[f"area with {target}"] - concepts["area without"]
    if not more.notna().any():
        return f"Tiles with and without {target} are not both known."
    first = concepts.loc[more.idxmax()]
    return (
        f"Cluster {first['cluster']:.0f} grows most with {target}: it is the strongest on "
        f"{first[f'area with {target}']:.0%} of the area of tiles with it,\n"
        f"and on {first['area without']:.0%} of the area of the others."
    )


def agreement_sentence(agreement: pd.DataFrame | None) -> str:
    """The rank correlations in words; says so where the head does not decode the layer."""
    if agreement is None:
        return "The layer is not the last one: its clusters make no heat map of the output."
    values = agreement.set_index(["map of", "with"])["value"].sort_index()
    return (
        f"Rank correlation of the clusters' map with Grad-CAM "
        f"{values['clusters', 'grad-cam']:.2f}, with occlusion "
        f"{values['clusters', 'occlusion']:.2f};\n"
        f"of Grad-CAM with occlusion {values['grad-cam', 'occlusion']:.2f}."
    )
