import pandas as pd
import pytest
from made_claims import NONE

from regard.claims import verdicts


@pytest.fixture
def claimed(monkeypatch):
    """The claims of a made-up paper about study s, from tables that are empty where they are not
    given.
    """

    def found(paper: dict, **tables: list[dict]) -> pd.DataFrame:
        monkeypatch.setitem(verdicts.PUBLISHED, "made", {"paper": "Made 2020"} | paper)
        rows = {
            name: pd.DataFrame(tables[name]) if name in tables else empty
            for name, empty in NONE.items()
        }
        return verdicts.claims(**rows, published={"s": "made"})

    return found
