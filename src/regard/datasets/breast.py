"""BrEaST, breast ultrasound images (Pawłowska et al., Sci Data 2024, 10.1038/s41597-024-02984-z).

Layout as published: a table `BrEaST-Lesions-USG-clinical-data-*.xlsx` (CaseID, Image_filename,
Mask_tumor_filename, Mask_other_filename, BIRADS, Classification, ...) and a folder of images and
masks; several masks of a case are joined by "&". One image per patient. The unit of `Pixel_size` is
not stated in the table, so no `pixel_mm` is written.
"""

from pathlib import Path

from regard.data.cases import Cases, Lazy
from regard.data.inputs.words import quoted, short
from regard.datasets import files, pixels

LABELS = ("benign", "malignant", "normal")


def read(folder: Path | str) -> Cases:
    """BrEaST with the region "mass" (the union of a case's tumour masks; absent in normal images)
    and `birads`.

    Raises FileNotFoundError for a missing file, ValueError for a missing column, a case that is
    blank, an unknown classification, and one that is not normal and has no mask.
    """
    folder = Path(folder)
    listed = files.one_of(folder, "BrEaST*.xlsx", "BrEaST*.csv")
    columns = ["CaseID", "Image_filename", "Mask_tumor_filename", "BIRADS", "Classification"]
    found, rows, other = files.by_name(folder, "*.png"), [], set()
    for row in files.table(listed, columns).to_dict("records"):
        with files.located(f"{listed} row {row['row']}"):
            files.filled(row["CaseID"], "CaseID, the patient,")
            label = files.known(row["Classification"].lower(), LABELS, "Classification")
            masks = [name.strip() for name in row["Mask_tumor_filename"].split("&") if name.strip()]
            if not masks and label != "normal":
                raise ValueError(f"{short(row['Image_filename'])} is {label} and has no mask")
            for name in [row["Image_filename"], *masks]:
                if name not in found:
                    raise FileNotFoundError(
                        f"no image or mask {quoted(name)} in {folder} or below it"
                    )
            rows.append((found[row["Image_filename"]], [found[name] for name in masks], label, row))
            other |= {
                found[name.strip()]
                for name in row.get("Mask_other_filename", "").split("&")
                if name.strip() in found
            }
    used = other | {path for image, masks, *_ in rows for path in (image, *masks)}
    files.unlisted(found.values(), used, listed)
    table = files.cases_table(
        case=[files.case_name(row[0].stem) for row in rows],
        patient=[row[3]["CaseID"] for row in rows],
        image=[row[0].name for row in rows],
        label=[row[2] for row in rows],
        birads=[row[3]["BIRADS"] for row in rows],
        reference="reader",
    )

    def mass(row):
        return files.union([pixels.mask(path, row[0]) for path in row[1]], pixels.size_of(row[0]))

    return Cases(
        table, Lazy(lambda row: pixels.image(row[0], grey=True), rows), {"mass": Lazy(mass, rows)}
    )
