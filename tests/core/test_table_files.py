"""Tables are read as they were written."""

import pandas as pd

from regard.core import tables


def test_text_stays_text_where_it_looks_like_numbers_or_truths(tmp_path):
    table = pd.DataFrame(
        {"case": ["007", "NA"], "target_role": ["true", "true"], "value": [0.5, None]}
    )
    tables.write(table, tmp_path / "a.csv")
    read = tables.read(tmp_path / "a.csv")
    assert read["case"].tolist() == ["007", "NA"] and read["target_role"].tolist() == ["true"] * 2
    assert read["value"].isna().tolist() == [False, True]


def test_a_long_table_has_one_type_a_column(tmp_path):
    """The first part of a long column may look like another type than the rest."""
    roles = ["yes"] + ["True"] * 600_000
    pd.DataFrame({"role": roles, "more": "a longer text to fill the buffer"}).to_csv(
        tmp_path / "a.csv", index=False
    )
    assert tables.read(tmp_path / "a.csv")["role"].unique().tolist() == ["yes", "True"]
