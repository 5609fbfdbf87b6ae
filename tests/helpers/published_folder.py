"""A small set of anybody's, with annotations in every form that the reader `folder` knows."""

from pathlib import Path

import numpy as np
from small_sets import area, disc, example, picture, put, ring, run_lengths


@example(
    "folder",
    rows="""case,patient,label,site,reference
            a,p1,benign,N,reader
            b,p2,malignant,N,reader
            c,p3,benign,S,reader
            sixteen,p4,malignant,S,reader""",
    regions={
        "mass": {"a": [(5, 10, 25, 16)], "c": [(40, 30, 52, 47)], "*": None},
        "lung_nodule": {"a": [(5, 10, 25, 16), (40, 30, 50, 35)], "b": [], "*": None},
        "dot": {"a": disc(11, 19), "b": [], "c": disc(40, 37) + disc(30, 4), "*": None},
        "tumour": {
            "b": [(10, 10, 30, 12), (10, 15, 30, 17), (10, 12, 12, 15), (16, 12, 30, 15)],
            "*": None,
        },
        "stroma": {"b": [(2, 3, 9, 8), (30, 20, 44, 23)], "*": None},
        "vessel": {
            "a": [(3, 2, 5, 6)],
            "b": None,
            "c": [],
            "sixteen": [(20, 5, 40, 9), (1, 44, 4, 46)],
        },
    },
    options={"window": [0, 4080]},
    columns={"cases.csv": "image,patient"},
    needless=("coco.json",),
)
def folder_of_anybody(folder: Path) -> dict:
    put(
        folder / "cases.csv",
        """image,patient,label,site,mask:Mass,box:Lung Nodule,circle:Dot,geojson
           images/a.png,p1,benign,N,masks/a.png,5 10 20 6;40 30 10 5,11 19 2,
           images/b.png,p2,malignant,N,,none,none,b.geojson
           images/c.png,p3,benign,S,masks/c.png,,40 37 2; 30 4 2,
           sixteen.png,p4,malignant,S,,,,""",
    )
    put(folder / "masks" / "a.png", area((5, 10, 25, 16)))
    put(folder / "masks" / "c.png", area((40, 30, 52, 47)).astype(np.uint8))

    def feature(name, kind, coordinates):
        return {
            "type": "Feature",
            "geometry": {"type": kind, "coordinates": coordinates},
            "properties": {
                "objectType": "annotation",
                "classification": {"name": name, "color": [200, 0, 0]},
            },
        }

    features = [
        feature("Tumour", "Polygon", [ring(10, 10, 30, 17), ring(12, 12, 16, 15)]),
        feature("Stroma", "MultiPolygon", [[ring(2, 3, 9, 8)], [ring(30, 20, 44, 23)]]),
    ]
    put(folder / "b.geojson", {"type": "FeatureCollection", "features": features})
    put(
        folder / "coco.json",
        {
            "images": [
                {"id": 1, "file_name": "images/a.png"},
                {"id": 2, "file_name": "images/c.png"},
                {"id": 3, "file_name": "sixteen.png"},
            ],
            "categories": [{"id": 1, "name": "Vessel"}],
            "annotations": [
                {
                    "image_id": 1,
                    "category_id": 1,
                    "segmentation": {"size": [50, 60], "counts": [152, 4, 46, 4, 2794]},
                },
                {"image_id": 3, "category_id": 1, "segmentation": [[20, 5, 40, 5, 40, 9, 20, 9]]},
                {"image_id": 3, "category_id": 1, "segmentation": run_lengths((1, 44, 4, 46))},
            ],
        },
    )
    found = {"a": picture(1), "b": picture(2, True), "c": picture(3), "sixteen": picture(4)}
    for name in "abc":
        put(folder / "images" / f"{name}.png", found[name])
    put(folder / "sixteen.png", found["sixteen"].astype(np.uint16) * 16)
    return found
