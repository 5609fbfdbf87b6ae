"""Layers that params.yaml names: they belong to one network, and mean nothing in another."""

from collections.abc import Iterator, Mapping

CLUSTERS = {
    "layer": "features",
    "earlier": "",
}  # knobs of the block clusters that name a layer, and what fits every network


def without_foreign(settings: dict, change: Mapping) -> dict:
    """Settings of a study without the names of layers that a change of the backbone makes invalid.

    Parameters
    ----------
    settings : dict
        Of the study before the change; it is not modified.
    change : mapping
        The settings to be changed. What it names itself stays, and is checked later.

    Returns
    -------
    dict
        Where `change` has another `train.backbone`, methods with a `layer` (`attribute.methods`)
        are removed wherever they are named, and `clusters.layer` and `clusters.earlier` are those
        that fit every network. `attribute.left_out` holds {method: reason}.
    """
    before = settings.get("train", {}).get("backbone")
    after = _block(change, "train").get("backbone", before)
    if before in (None, after):
        return settings
    own = _block(_block(change, "attribute"), "methods")
    left_out = {
        name: f"its layer {layer} is one of {before}, and this study has {after}; "
        f"give it a layer of {after} to have it back"
        for name, layer in of_methods(settings.get("attribute", {}))
        if name not in own
    }
    settings = {
        stage: dict(block) if isinstance(block, Mapping) else block
        for stage, block in settings.items()
    }
    for stage, knob in (("attribute", "methods"), ("attribute", "tuned"), ("select", "swept")):
        names = settings.get(stage, {}).get(knob)
        if isinstance(names, Mapping):
            settings[stage][knob] = {
                name: known for name, known in names.items() if name not in left_out
            }
        elif names:
            settings[stage][knob] = [name for name in names if name not in left_out]
    if left_out:
        settings["attribute"]["left_out"] = left_out | settings["attribute"].get("left_out", {})
    if "clusters" in settings:
        settings["clusters"] |= CLUSTERS
    return settings


def of_methods(attribute: Mapping) -> Iterator[tuple[str, object]]:
    """The names of the methods that have a layer, and which."""
    methods = attribute.get("methods")
    for name, parameters in methods.items() if isinstance(methods, Mapping) else ():
        if isinstance(parameters, Mapping) and parameters.get("layer"):
            yield name, parameters["layer"]


def _block(settings: Mapping, name: str) -> Mapping:
    """A block that somebody may have written as something else, which is refused elsewhere."""
    block = settings.get(name) if isinstance(settings, Mapping) else None
    return block if isinstance(block, Mapping) else {}
