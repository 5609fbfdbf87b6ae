"""SICAPv2, prostate H&E patches with Gleason patterns (Silva-Rodríguez et al. 2020,
10.17632/9xxm58dvs3.2).

Layout as published: `images/NAME.jpg`, `masks/NAME.png`, `wsi_labels.xlsx` (slide_id, patient_id)
and `partition/Test/Train.xlsx`, `Test.xlsx` (image_name, NC, G3, G4, G5). A name starts with its
slide, before "_Block_". The grey value of a mask is the Gleason pattern, 0 where it is none.
Training and test images are the published ones; images that neither table lists are left out. Some
regions are in the set twice; which, it does not say.
"""

from pathlib import Path

import numpy as np

from regard.data import annotations
from regard.data.cases import Cases, Lazy
from regard.data.inputs.words import quoted, short
from regard.datasets import files, pixels

CODES = {0: "benign", 3: "gleason_3", 4: "gleason_4", 5: "gleason_5"}
GRADES = ("NC", "G3", "G4", "G5")


def read(folder: Path | str) -> Cases:
    """SICAPv2 with the labels benign and tumour and the regions "tumour", "gleason_3", "gleason_4"
    and "gleason_5".

    Raises FileNotFoundError for a missing file; ValueError for a slide without a patient, a row
    that is neither benign nor graded, or both, an unknown code in a mask, and a mask of another
    size.
    """
    folder = Path(folder)
    slides = files.table(folder / "wsi_labels.xlsx", ["slide_id", "patient_id"])
    if (twice := slides["slide_id"].duplicated()).any():
        raise ValueError(
            f"{folder / 'wsi_labels.xlsx'}: slide {quoted(slides['slide_id'][twice].iloc[0])} "
            "stands twice"
        )
    patients = dict(zip(slides["slide_id"], slides["patient_id"]))
    rows = []
    for split in ("train", "test"):
        listed = folder / "partition" / "Test" / f"{split.title()}.xlsx"
        for row in files.table(listed, ["image_name", *GRADES]).to_dict("records"):
            with files.located(f"{listed} row {row['row']}"):
                stem = row["image_name"].rsplit(".", 1)[0]
                slide = stem.split("_Block_")[0]
                graded = [grade for grade in GRADES if files.flag(row[grade], grade)]
                if not graded or ("NC" in graded and len(graded) > 1):
                    raise ValueError(
                        f"{short(row['image_name'])} is graded "
                        f"{' and '.join(graded) or 'as nothing'}"
                    )
                if not patients.get(slide):
                    raise ValueError(
                        f"slide {quoted(slide)} has no patient in {folder / 'wsi_labels.xlsx'}"
                    )
                image = files.inside(folder / "images", row["image_name"], "image")
                mask = files.inside(folder / "masks", f"{stem}.png", "mask")
                label = "benign" if graded == ["NC"] else "tumour"
                rows.append(
                    (files.case_name(stem), patients[slide], label, split, slide, image, mask)
                )
    tables = f"{folder / 'partition' / 'Test'} (Train.xlsx, Test.xlsx)"
    files.unlisted(files.below(folder / "images", "*"), {row[5] for row in rows}, tables)
    files.unlisted(files.below(folder / "masks", "*"), {row[6] for row in rows}, tables)
    return _cases(rows)


def _cases(rows: list[tuple]) -> Cases:
    table = files.cases_table(
        **{
            name: [row[at] for row in rows]
            for at, name in enumerate(("case", "patient", "label", "split", "slide"))
        },
        image=[row[5].name for row in rows],
        reference="reader",
    )

    def drawn(name):
        return Lazy(lambda row: _masks(row[6], row[5])[name], rows)

    names = ("tumour", *(name for code, name in CODES.items() if code))
    return Cases(
        table, Lazy(lambda row: pixels.image(row[5]), rows), {name: drawn(name) for name in names}
    )


def _masks(mask: Path, image: Path) -> dict[str, np.ndarray]:
    with files.located(mask):
        found = annotations.codes(pixels.picture(mask), CODES)
        pixels.same_size(found["benign"], pixels.size_of(image))
    return found | {"tumour": ~found["benign"]}
