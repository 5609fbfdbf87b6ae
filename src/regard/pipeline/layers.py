"""Layers that params.yaml names, held against the network of the study."""

from collections.abc import Mapping

from regard.core.layers import CLUSTERS, of_methods


def check(attribute: Mapping, train: Mapping, clusters: Mapping | None = None) -> None:
    """Raise ValueError when a layer that a study names is no layer of its network's features.
    attribute, train, clusters: the settings of these stages; clusters: None where the study
    makes none.
    """
    asked = {f"attribute: {name!r}": layer for name, layer in of_methods(attribute) if layer}
    asked |= {
        f"clusters: `{knob}`": clusters[knob] for knob in CLUSTERS if clusters and clusters[knob]
    }
    if not set(asked.values()) - {"features"}:
        return
    import torch  # takes seconds

    from regard.models import backbones

    with torch.device("meta"):  # names without numbers
        network = backbones.build(train["backbone"], 2, width=train["width"], pool=train["pool"])
    known = [name for name, _ in network.named_modules() if name.split(".")[0] == "features"]
    for where, layer in asked.items():
        if layer not in known:
            blocks = [name for name in known if name.count(".") == 1]
            some = ", ".join([*blocks[:2], "...", *blocks[-2:]])
            without = (
                where.split("'")[1] + ": null"
                if where.startswith("attribute")
                else where.split("`")[1] + ': ""'
            )
            raise ValueError(
                f"params.yaml: study {train['study']!r}, {where} names the layer {layer!r}, "
                f"which {train['backbone']} has not; "
                f"write `{without}` to leave it out, "
                f"or name one of its layers: {some}, or one within these"
            )
