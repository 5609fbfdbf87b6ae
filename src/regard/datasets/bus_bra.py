"""BUS-BRA, breast ultrasound images (Gómez-Flores et al., Med Phys 2024, 10.1002/mp.16812).

Layout as published: `bus_data.csv` (ID, Case, Pathology, BIRADS, Device, Side, ...),
`Images/bus_0001-l.png` and `Masks/mask_0001-l.png`. `Case` is the patient. A pixel size is not
given. The cross-validation files are not used.
"""

from pathlib import Path

from regard.data.cases import Cases, Lazy
from regard.datasets import files, pixels

LABELS = ("benign", "malignant")


def read(folder: Path | str) -> Cases:
    """BUS-BRA with the region "mass" and the columns birads, device (as `site`) and side.

    Raises FileNotFoundError, ValueError for a missing file or column, a pathology that is neither
    benign nor malignant, and a patient that is blank.
    """
    listed = files.one_of(Path(folder), "bus_data.csv")
    folder = listed.parent
    table = files.table(listed, ["ID", "Case", "Pathology", "BIRADS", "Device", "Side"])
    pairs = []
    for row in table.itertuples():
        with files.located(f"{listed} row {row.row}"):
            image = files.inside(folder / "Images", f"{row.ID}.png", "image")
            mask = files.inside(
                folder / "Masks", f"{row.ID.replace('bus_', 'mask_', 1)}.png", "mask"
            )
            files.known(row.Pathology.lower(), LABELS, "Pathology")
            files.filled(row.Case, "Case, the patient,")
            pairs.append((image, mask))
    files.unlisted(files.below(folder / "Images", "*.png"), {image for image, _ in pairs}, listed)
    files.unlisted(files.below(folder / "Masks", "*.png"), {mask for _, mask in pairs}, listed)
    table = files.cases_table(
        case=table["ID"],
        patient=table["Case"],
        image=table["ID"] + ".png",
        label=table["Pathology"].str.lower(),
        reference="reader",
        birads=table["BIRADS"],
        site=table["Device"],
        side=table["Side"],
    )
    return Cases(
        table,
        Lazy(lambda pair: pixels.image(pair[0], grey=True), pairs),
        {"mass": Lazy(lambda pair: pixels.mask(pair[1], pair[0]), pairs)},
    )
