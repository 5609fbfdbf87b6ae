"""Tables that people write: every cell where it belongs, or one sentence that says why not; cells
are quoted short.
"""

import csv
import io
import unicodedata

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.data.inputs import tables, words

CELLS = st.text(
    st.characters(exclude_categories=("C", "Z"), exclude_characters="\ufeff"), max_size=8
)
FUZZ = settings(max_examples=100, deadline=None, derandomize=True, database=None)


def written(folder, text, name="list.csv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def refusal(call):
    with pytest.raises(ValueError) as caught:
        call()
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500
    return str(caught.value)


WIDTHS = {  # text: what is said of it
    "a comma at the end of every row": ("a,b\n1,2,\n3,4,\n", ": rows have 3 cells, the header 2"),
    "every row longer": ("a,b\n1,2,3\n4,5,6\n", ": rows have 3 cells, the header 2"),
    "one row longer": ("a,b\n1,2\n3,4,5\n", " row 3: the row has 3 cells, the header 2"),
    "one row shorter": ("a,b\n1\n3,4\n", " row 2: the row has 1 cells, the header 2"),
    "every row shorter": ("a,b,c\n1,2\n3,4\n", ": rows have 2 cells, the header 3"),
    "a single row": ("a,b\n1,2,3\n", ": rows have 3 cells, the header 2"),
    "after a blank row": ("a,b\n\n1,2\n,,\n3,4,5\n", " row 5: the row has 3 cells, the header 2"),
}


@pytest.mark.parametrize("kind", WIDTHS)
def test_rows_of_another_length_than_the_header_are_refused(tmp_path, kind):
    text, said = WIDTHS[kind]
    path = written(tmp_path, text)
    assert refusal(lambda: tables.read(path)).startswith(f"{path}{said}")


@pytest.mark.parametrize(
    "text", ["a,b,\n1,2,\n", "a,b\r\n1,2\r\n", "a,b\r1,2\r", '"a",b\n"1",2\n', "a,b\n1,2\n,,,\n\n"]
)
def test_what_spreadsheets_write_is_read(tmp_path, text):
    assert tables.read(written(tmp_path, text)).to_dict("list") == {"a": ["1"], "b": ["2"]}


@pytest.mark.parametrize("start", ["", "sep={}\n"])
@pytest.mark.parametrize("mark", ";\t")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_semicolons_and_tabs_separate_where_the_header_has_them(tmp_path, start, mark, encoding):
    text = start.format(mark) + "a;b;c\n1,5;2;\n".replace(";", mark)
    found = tables.read(written(tmp_path, text, encoding=encoding))
    assert found.to_dict("list") == {"a": ["1,5"], "b": ["2"], "c": [""]}
    assert list(found.index) == [2]


def test_a_quoted_cell_may_hold_commas_quotes_lines_and_more_than_csv_allows(tmp_path):
    cell = 'one, "two"\n' + "x" * 200_000
    stream = io.StringIO()
    csv.writer(stream).writerows([["a", "b"], [cell, "1"], ["z", "2"]])
    limit = csv.field_size_limit()
    found = tables.read(written(tmp_path, stream.getvalue()))
    assert (
        found["a"].tolist() == [cell, "z"]
        and list(found.index) == [2, 3]
        and csv.field_size_limit() == limit
    )


QUOTES = {  # the cell of row 3: what it says
    'p"': None,
    'p"3': None,
    '"p3" ': None,
    '\t"p3"': None,
    '"p"3"': None,
    '"p3': None,
    ' "p2"': "p2",
    '   "p,2"': "p,2",
    '"p""3"': 'p"3',
    ' "p"",""3"': 'p","3',
    '" p3 "': "p3",
    '""': "",
}


@pytest.mark.parametrize("cell", QUOTES)
@pytest.mark.parametrize("row", ["c,{}\n", "{},c\n", "{},c\r\n"])
def test_quotation_marks_are_around_a_whole_cell_or_refused_with_the_row(tmp_path, cell, row):
    path = written(tmp_path, "a,b\n1,2\n" + row.format(cell) + "3,4\n")
    at = "b" if row.startswith("c") else "a"
    if QUOTES[cell] is None:
        said = refusal(lambda: tables.read(path))
        assert f"{path} is not a readable table: row 3 has a quotation mark" in said
    else:
        assert tables.read(path)[at].tolist()[1:] == [QUOTES[cell], "34"[at == "b"]]


@pytest.mark.parametrize("blank", [" ", "\t", "\u00a0", "\ufeff", "\u200b", " \u00a0 "])
def test_cells_and_columns_are_stripped_of_all_that_is_blank(tmp_path, blank):
    found = tables.read(written(tmp_path, f"{blank}a{blank},b\n{blank}x y{blank},{blank}\n"))
    assert found.to_dict("list") == {"a": ["x y"], "b": [""]}


def test_both_encodings_of_an_accent_are_one_cell(tmp_path):
    both = [unicodedata.normalize(form, "Müller") for form in ("NFC", "NFD")]
    found = tables.read(written(tmp_path, "patient\n" + "\n".join(both) + "\n"))
    assert both[0] != both[1] and found["patient"].nunique() == 1


REFUSED = {
    "two columns of one name": ("label,b,label\n1,2,3\n", "has two columns 'label'"),
    "of one name once stripped": ("label, label\n1,2\n", "has two columns 'label'"),
    "a blank header": ("\na,b\n1,2\n", "its first row, the header, is blank"),
    "nothing": ("", "its first row, the header, is blank"),
    "no rows": ("a,b\n,\n\n", "has a header but no rows"),
    "an open quote": ('a,b\n"1,2\n3,4\n', "is not a readable table"),
    "text after a quote": ('a,b\n"1"2,3\n', "is not a readable table"),
    "NUL": ("a,b\n1,\x002\n", "NUL"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_other_broken_tables_are_refused(tmp_path, kind):
    text, said = REFUSED[kind]
    path = written(tmp_path, text)
    assert said in refusal(lambda: tables.read(path)) and str(path) in refusal(
        lambda: tables.read(path)
    )


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "utf-16-le"])
def test_other_encodings_are_refused(tmp_path, encoding):
    path = written(tmp_path, "a,b\nGröße,1\n", encoding=encoding)
    assert "UTF-8" in refusal(lambda: tables.read(path)) or "NUL" in refusal(
        lambda: tables.read(path)
    )


def test_a_column_without_a_name_is_left_out_with_a_word(tmp_path, capsys):
    path = written(tmp_path, ",a,\n0,x,\n1,y,\n")  # as pandas writes its index
    assert tables.read(path).to_dict("list") == {"a": ["x", "y"]}
    assert capsys.readouterr().err == f"{path}: column 1 has no name and is left out\n"


def test_excel_follows_the_same_rules(tmp_path):
    def sheet(*rows):
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        book.save(tmp_path / "list.xlsx")
        return tmp_path / "list.xlsx"

    found = tables.read(sheet([" a ", "b"], [" x ", 7], [None, None], ["NA", 1.5]))
    assert found.to_dict("list") == {"a": ["x", "NA"], "b": ["7", "1.5"]} and list(found.index) == [
        2,
        4,
    ]
    assert "two columns 'a'" in refusal(lambda: tables.read(sheet(["a", "a"], [1, 2])))


def test_a_missing_table_and_a_link_to_nothing_are_named(tmp_path):
    (tmp_path / "link.csv").symlink_to(tmp_path / "gone.csv")
    for name, said in {"no.csv": "no ", "link.csv": "is a link to nothing"}.items():
        with pytest.raises(FileNotFoundError, match=said) as caught:
            tables.read(tmp_path / name)
        assert name in str(caught.value)


@FUZZ
@given(st.lists(st.lists(CELLS, min_size=3, max_size=3).filter(any), min_size=1, max_size=6))
def test_what_pandas_writes_comes_back(tmp_path_factory, rows):
    """An independent writer; cells without blanks or control characters, in their composed form."""
    path = tmp_path_factory.mktemp("tables") / "list.csv"
    rows = [[unicodedata.normalize("NFC", cell) for cell in row] for row in rows]
    pd.DataFrame(rows, columns=["a", "b", "c"]).to_csv(path, index=False)
    assert tables.read(path).values.tolist() == rows


@pytest.mark.parametrize(
    "value", ["x" * 10_000, "\n" * 10_000, "\"'" * 5_000, ["y" * 300] * 50, 10**3000, "short"]
)
def test_a_cell_is_quoted_in_at_most_100_characters(value):
    for say in (words.quoted, words.short):
        assert len(say(value)) <= 100 and "\n" not in say(value)
    assert words.quoted("short") == "'short'" and words.short("short") == "short"


def test_names_are_joined_up_to_a_number():
    assert words.joined(["a", "b"]) == "a, b" and words.joined("abcd", 3) == "a, b, c, and 1 more"
    assert len(words.joined(["x" * 10_000] * 1000)) < 4000
