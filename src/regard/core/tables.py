"""Tables as CSV: undefined is blank, numbers have six significant digits, the same bytes for the
same content.
"""

from pathlib import Path

import pandas as pd


def write(table: pd.DataFrame, path: Path) -> None:
    """Write `table` to `path`, without its index."""
    table.to_csv(path, index=False, lineterminator="\n", float_format="%.6g")


def read(path: Path) -> pd.DataFrame:
    """The table in `path`: blank is undefined and nothing else is, ids stay text (a patient may be
    called 007 or NA).

    Raises FileNotFoundError that names the missing stage output.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no {path}: run the stage that makes it (dvc repro) first")
    text = dict.fromkeys(("case", "patient", "study", "data", "label", "predicted", "target"), str)
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values=[""])
