"""Tables as CSV: undefined is blank, numbers have six significant digits, the same bytes for the
same content.
"""

from pathlib import Path

import pandas as pd

# columns that hold text even where all of it looks like a number or a truth ("true" is a role)
TEXT = ("case", "patient", "study", "data", "label", "predicted", "target", "target_role")


def write(table: pd.DataFrame, path: Path) -> None:
    """Write `table` to `path`, without its index."""
    table.to_csv(path, index=False, lineterminator="\n", float_format="%.6g")


def read(path: Path) -> pd.DataFrame:
    """A table, in which only a blank cell is undefined, and ids stay text (007, NA).

    Raises
    ------
    FileNotFoundError
        Names the missing output of a stage.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no {path}: run the stage that makes it (dvc repro) first")
    text = dict.fromkeys(TEXT, str)
    # as a whole: in parts, a part of a column may look like another type than the rest
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values=[""], low_memory=False)
