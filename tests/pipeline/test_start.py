"""What the first notebook shows of an image of the sample."""

import torch

from regard.models import backbones
from regard.pipeline import start


def test_one_image_goes_through_the_chain():
    example = start.example(0)
    model, classes = start.network()
    given = backbones.inputs(torch.from_numpy(example.image)[None], model)
    maps = start.heat_maps(model, given, 1)
    assert list(maps) == [*start.METHODS, "centre", "edges", "random-network"]
    selected = start.regions(maps)
    assert len(selected) == len(maps) * len(start.RULES)
    table = start.agreement(maps, selected, example.expert)
    assert list(table.index) == list(maps) and table["by chance"].nunique() == 1
    assert table["pointing"].isin([0, 1]).all() and table["IoU, otsu"].between(0, 1).all()
    assert example.label in classes and not start.means().empty
    for figure in (
        start.image_figure(example),
        start.map_figure(example, maps, classes[1]),
        start.region_figure(example, selected),
        start.mean_figure(start.means()),
    ):
        assert figure.axes
