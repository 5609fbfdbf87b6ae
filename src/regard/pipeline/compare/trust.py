"""Stage compare: whether the maps show what the network uses, as tables and figures of what stage
examine found.
"""

import numpy as np
import pandas as pd

from regard.core import arrays, tables
from regard.data import letterbox, reference_regions
from regard.figures import maps as map_figures
from regard.figures import trust as trust_figures
from regard.pipeline.compare.inputs import Inputs
from regard.pipeline.compare.questions import Maxima
from regard.pipeline.compare.showing import Picture, Shown

ROAD = ["ROAD, most relevant first", "ROAD, least relevant first"]


def examined(inputs: Inputs) -> pd.DataFrame:
    """The table trust.csv of stage examine."""
    return tables.read(inputs.stage.earlier("examine") / "trust.csv")


def faithfulness(inputs: Inputs, trust: pd.DataFrame) -> list[Shown]:
    """How the probability of the class changes when pixels are replaced in the order of a map."""
    rows = trust[trust["check"] == "faithfulness"]
    file = inputs.stage.earlier("examine") / "curves.csv"
    points = pd.read_csv(file, keep_default_na=False)
    measured = set(points["method"])
    methods = [name for name in inputs.settings["shown"] if name in measured]
    return [
        f"{rows['n_maps'].max()} maps of {rows['n_patients'].max()} patients",
        Picture(
            trust_figures.against_controls(trust, ["deletion", "insertion", *ROAD]),
            "faithfulness.svg",
            "Area under deletion, insertion and ROAD curves of each method, beside maps as smooth "
            "and pixels in random order.",
        ),
        Picture(
            trust_figures.curves(points, methods),
            "curves.svg",
            "Mean probability of the explained class against the share of pixels that are deleted "
            "or inserted, for some methods and their controls.",
        ),
    ]


def without_regions(inputs: Inputs, scores: pd.DataFrame, trust: pd.DataFrame) -> list[Shown]:
    """How much the logit falls without each of the expert's regions, and whether maps point into
    the region with the largest fall.
    """
    falls = trust[trust["check"] == "removal"].set_index("level").rename_axis("region")
    columns = ["mean", "ci_low", "ci_high", "n_maps", "n_patients", "n_undefined"]
    shown: list[Shown] = ["fall of the logit without a region:", falls[columns].round(2)]
    values = tables.read(inputs.stage.earlier("examine") / "values.csv")
    values = values.query("check == 'removal'")
    values = values.pivot(index=["case", "target"], columns="level", values="value")
    disjoint = [name for name in reference_regions.AROUND_MASS if name in values]
    hits = scores[(scores["score"] == "pointing") & (scores["value"] == 1)]
    hits = hits[(hits["setting"] == inputs.first_tolerance) & hits["region"].isin(disjoint)]
    hits = hits[(hits["target_role"] == inputs.role) & (hits["method"] == inputs.main_method)]
    region = hits.set_index(["case", "target"])["region"]
    both = values[disjoint].dropna(how="all").join(region, how="inner")
    if not len(both):
        return shown
    largest = both[disjoint].idxmax(axis=1)
    return [
        *shown,
        f"{inputs.main_method} points into one of {', '.join(disjoint)} in {len(both)} maps; in "
        f"{(largest == both['region']).sum()} of them, this region has the largest fall",
    ]


def without_artefacts(inputs: Inputs, trust: pd.DataFrame) -> list[Shown]:
    """What changes when artefacts on the images are replaced by what their surroundings suggest."""
    rows = trust[trust["check"] == "artefact"]
    rows = rows.assign(control=rows["control"].fillna("as it is"))
    if not len(rows):
        return ["the set marks no artefact on the explained images"]
    fall = rows[rows["measure"] == "fall of the logit"].iloc[0]
    headings = {
        ("pointing", inputs.expert): f"hits {inputs.expert}",
        ("mass", inputs.expert): f"relevance in {inputs.expert}",
        ("mass", reference_regions.ARTEFACT): "relevance on it",
        ("rank correlation", ""): "rank correlation",
    }
    maps = rows[rows["method"].notna()]
    measured = zip(maps["measure"], maps["level"].fillna(""))
    maps = maps.assign(what=[headings[measure] for measure in measured])
    table = maps.pivot(index="method", columns=["what", "control"], values="mean")
    methods = [name for name in inputs.methods if name not in inputs.slow]
    return [
        f"{fall.n_maps} explained maps of {fall.n_patients} patients have an artefact; without it "
        f"the logit falls by {fall['mean']:.2f} [{fall.ci_low:.2f}, {fall.ci_high:.2f}]",
        table.reindex(index=methods).round(3),
    ]


def randomised(inputs: Inputs, maxima: Maxima) -> Picture:
    """Maps of one case while more and more layers of the network are re-initialised."""
    maps = arrays.read(inputs.stage.earlier("examine") / "cascade.nc")
    case, target = maps.attrs["case"], maps.attrs["target"]
    images = arrays.opened(inputs.stage.earlier("prepare") / "images.nc")["images"]
    headline = inputs.headline
    rows = np.flatnonzero((headline["case"] == case) & (headline["target"] == target))
    region = maxima.regions[inputs.expert][rows[0]]
    outline = None if region is None else letterbox.mask_to_square(region, inputs.box(case))
    heat_maps = {str(name): maps[name].to_numpy() for name in maps.data_vars}
    image = images.sel(case=case).to_numpy()
    return Picture(
        map_figures.cascade(image, heat_maps, maps["level"].to_numpy().tolist(), outline),
        "cascade.png",
        f"Maps of case {case} as more and more layers of the network are re-initialised, a row "
        "for each method.",
        dpi=90,
    )


def similarity(trust: pd.DataFrame) -> Picture:
    """How similar the maps stay under changes of the network, the image and the seed."""
    return Picture(
        trust_figures.similarity(trust, ["rank correlation", "SSIM"]),
        "sanity.svg",
        "Similarity of each method's maps with those of randomised networks, noisy images, other "
        "seeds and other images.",
    )


def agreement(trust: pd.DataFrame) -> Picture:
    """How similar the maps of each two methods are."""
    return Picture(
        trust_figures.agreement(trust),
        "agreement.svg",
        "Rank correlation between the maps of each two methods.",
    )
