"""The documentation: links lead somewhere, commands and code run, what is generated is complete."""

import ast
import importlib
import re
import shlex
import subprocess
import sys

import nbformat
import pandas as pd
import pytest
import yaml
from pages import PAGES, README, ROOT, anchors, blocks, links, prose, script, spans, text

from regard import cli
from regard.claims import reference, rerun
from regard.core import columns as known_columns
from regard.datasets import READERS
from regard.evaluation import stratified
from regard.experts import reading_study, unit_survey
from regard.pipeline import knobs

BUILD, GENERATED, NOTEBOOKS = map(script, ("build_pages", "generated_pages", "notebook_pages"))
SHARED, TABLES = GENERATED.described()
SAMPLE = "notebooks/explore/sample/ultrasound"
# what the guide of the project asks not to write
AVOIDED = (
    "by lot",
    "told apart",
    "yardstick",
    "dealt out",
    "put together",
    "drawn anew",
    "hang on",
    "hangs on",
)


# ---- README
def test_readme_has_at_most_600_words():
    assert len(text(README).split()) <= 600


def test_the_verdicts_of_the_readme_are_those_of_the_committed_reference():
    known = pd.read_csv(ROOT / "paper/reference/quick/claims.csv", keep_default_na=False)
    rows = re.findall(
        r"^\| `(\w+)` \| (\w+ \d+) \| .*\(`([^`]+)`(?:, (\w+))?\) \| (.*?) \|$",
        text(README),
        re.MULTILINE,
    )
    assert {row[0] for row in rows} == set(yaml.safe_load(text(ROOT / "params.yaml"))["studies"])
    for study, paper, claim, target, verdict in rows:
        found = known[(known["study"] == study) & (known["claim"] == claim)]
        found = found[found["target"] == target] if target else found
        assert set(found["paper"]) == {paper} and set(found["asked_by"]) == {"the paper"}, claim
        assert found["verdict"].iloc[0].removeprefix("on phantoms: ") == verdict, (
            f"README: verdict of {claim}"
        )


def test_the_eight_lines_of_python_run(monkeypatch):
    monkeypatch.chdir(ROOT)
    ((_, code),) = blocks("python", [README])
    assert len(code.strip().splitlines()) == 8
    scope: dict = {}
    exec(compile(code, "README.md", "exec"), scope)
    assert scope["heat_maps"].shape == scope["null_maps"].shape == (6, 160, 160)
    assert scope["description"]["classes"][1] == "malignant"


# ---- links
@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file_and_a_heading(page):
    for link in links(page):
        if re.match(r"https?://", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.is_relative_to(ROOT) and target.exists(), f"{page.name}: no {link}"
        assert not anchor or anchor in anchors(target), f"{page.name}: no heading {link}"


def test_every_page_is_in_a_table_of_contents():
    listed = set()
    for page, toc in blocks(r"\{toctree\}"):
        for line in toc.splitlines():
            if line and not line.startswith((":", "/")):
                listed.add((page.parent / line).resolve().with_suffix(".md"))
    assert {path for path in PAGES if path != README} - listed == {ROOT / "docs/index.md"}
    assert all(path.is_file() for path in listed)


def test_the_sources_that_are_gathered_link_to_each_other(tmp_path):
    """With generated pages and notebooks, as Sphinx reads them, without results of the pipeline."""
    BUILD.gather(tmp_path / "no results", tmp_path / "source")
    pages = sorted((tmp_path / "source").rglob("*.md"))
    generated = tmp_path / "source/docs/generated"
    assert {path.stem for path in generated.iterdir()} >= {
        "commands",
        "parameters",
        "tables",
        "data_sets",
        "api",
    }
    for page in pages:
        at = (
            page.parent if page.parent != generated else tmp_path / "source/docs/reference"
        )  # which includes it
        for link in links(page):
            if not re.match(r"https?://|#", link):
                assert (at / link.partition("#")[0]).exists(), f"{page.name}: no {link}"
    for path in sorted((tmp_path / "source").rglob("*.ipynb")):
        book = nbformat.read(path, 4)
        assert "not executed" in book.cells[1].source or "by hand" in book.cells[1].source
        for cell in book.cells:
            for link in (
                re.findall(r"\]\(([^)\s]+)\)", cell.source) if cell.cell_type == "markdown" else ()
            ):
                assert re.match(r"https?://", link) or (path.parent / link).exists(), (
                    f"{path.name}: no {link}"
                )
    figures = set(re.findall(r"#figure-([\w-]+)", text(generated / "figures.md")))
    source = (tmp_path / "source/notebooks/8_figures.ipynb").read_text("utf-8")
    assert figures and all(f"(figure-{name})=" in source for name in figures)
    assert {path.stem for path in (ROOT / "paper/reference/full/figures").glob("*.svg")} <= figures


def test_executed_notebooks_are_shown_where_they_are(tmp_path):
    made = nbformat.read(ROOT / "notebooks/2_train.ipynb", 4)
    made.cells[1].outputs = [nbformat.v4.new_output("stream", text="executed here")]
    folder = tmp_path / "results/study/chest/train"
    folder.mkdir(parents=True)
    nbformat.write(made, folder / "2_train.ipynb")
    listed = NOTEBOOKS.write(tmp_path / "results", tmp_path / "target")
    assert "../../studies/chest/2_train.ipynb" in listed
    book = nbformat.read(tmp_path / "target/studies/chest/2_train.ipynb", 4)
    assert "for the study chest" in book.cells[1].source
    assert any("executed here" in str(cell.get("outputs")) for cell in book.cells)
    found = {
        link for cell in book.cells for link in re.findall(r"\]\(([^)\s]+\.ipynb)\)", cell.source)
    }
    assert found and all((tmp_path / "target/studies/chest" / link).is_file() for link in found)


# ---- commands
def typed() -> list[tuple[str, list[str]]]:
    """Every command of the pages: where it stands, and its words."""
    found = []
    for page, block in blocks("sh"):
        found += [
            (f"{page.name}: {line}", shlex.split(line, comments=True))
            for line in block.splitlines()
            if line
        ]
    for page in PAGES:
        for span in spans(page):
            if re.match(
                r"(python -m regard|regard|make|dvc|python) [a-z-]", span.replace("\\|", "|")
            ):
                found.append((f"{page.name}: {span}", shlex.split(span)))
    return found


COMMANDS = typed()


def test_commands_are_found():
    assert len(COMMANDS) > 40


@pytest.mark.parametrize("where, words", COMMANDS, ids=[where for where, _ in COMMANDS])
def test_every_command_can_be_typed(where, words):
    if words[:3] == ["python", "-m", "regard"]:
        words = words[2:]
    if words[0] == "regard" and words[1:] not in ([], ["COMMAND"]):
        known = cli.regard.commands
        assert words[1] in known
        if len(words) > 2:  # else the command is only named
            known[words[1]].make_context(words[1], words[2:])
    elif words[0] == "make":
        assert re.search(rf"^{words[1]}:", text(ROOT / "Makefile"), re.MULTILINE)
    elif words[:2] == ["dvc", "repro"]:
        stages = yaml.safe_load(text(ROOT / "dvc.yaml"))["stages"]
        named = [word.partition("@")[0] for word in words[2:] if not word.startswith("-")]
        assert all(name in stages or name == "STAGE" for name in named)
    elif words[0] == "python":
        assert (ROOT / words[1]).is_file()
    else:
        assert words[0] in ("dvc", "source", "voila", "jupyter", "regard")


def test_every_reader_stands_in_the_table_of_published_sets():
    listed = re.findall(
        r"^\| `([\w-]+) SOURCE ", text(ROOT / "docs/how-to/published_sets.md"), re.MULTILINE
    )
    assert sorted(listed) == sorted(READERS)


# ---- Python
def test_the_tutorial_runs(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    code = "\n".join(block for _, block in blocks("python", [ROOT / "docs/tutorial/one_image.md"]))
    exec(compile(code, "one_image.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["malignant", "grad-cam", "centre"]


def test_the_heat_map_of_the_guide_is_made(monkeypatch):
    """With the network of the sample in the place of that of the pipeline."""
    monkeypatch.chdir(ROOT)
    ((_, code),) = blocks("python", [ROOT / "docs/how-to/attribution.md"])
    scope: dict = {}
    exec(compile(code.replace("results/study/ultrasound", SAMPLE), "attribution.md", "exec"), scope)
    assert scope["maps"].shape == scope["nothing"].shape == (1, 160, 160)


@pytest.mark.parametrize(
    "page, code", blocks("python"), ids=[path.stem for path, _ in blocks("python")]
)
def test_what_code_takes_from_the_package_is_there(page, code):
    tree, imported = ast.parse(code), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("regard"):
            for name in node.names:
                whole = importlib.import_module(node.module)
                if not hasattr(whole, name.name):
                    importlib.import_module(f"{node.module}.{name.name}")
                imported[name.asname or name.name] = getattr(whole, name.name)
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in imported
        ):
            assert hasattr(imported[node.value.id], node.attr), (
                f"{page.name}: {node.value.id}.{node.attr}"
            )


# ---- tables
def described(file: str) -> dict:
    """The description of a table, by its file or another of the same columns."""
    found = [table for table in TABLES if file in (table["file"], *table.get("also", ()))]
    assert len(found) == 1, f"docs/tables.yaml describes {file} {len(found)} times"
    return found[0]


def undescribed(file: str, header) -> list[str]:
    """Columns of a table that docs/tables.yaml does not describe."""
    table = described(file)
    if table.get("open"):
        return [name for name in ("case", "patient", "split", "data") if name not in header]
    patterns = [re.sub(r"\\\{\w+\\\}", ".+", re.escape(name)) for name in table["columns"]]
    return [name for name in header if not any(re.fullmatch(pattern, name) for pattern in patterns)]


def test_each_column_has_meaning_unit_and_range():
    for table in TABLES:
        assert table["about"] and table["columns"], table["file"]
        for name, said in GENERATED.columns_of(table, SHARED).items():
            assert len(said) == 3 and said[0] and all(isinstance(one, str | int) for one in said), (
                table["file"],
                name,
            )


@pytest.mark.parametrize(
    "file, columns",
    [
        ("results/study/STUDY/compare/scores.csv", known_columns.CASE_SCORES),
        ("results/summary.csv", known_columns.SUMMARY),
        ("results/pairs.csv", known_columns.PAIRS),
        ("results/claims.csv", known_columns.CLAIMS),
        ("results/concepts.csv", known_columns.CONCEPTS),
        (
            "results/performance.csv",
            ["study", "data", "start", *known_columns.PERFORMANCE, "profile"],
        ),
        ("results/trust.csv", known_columns.TRUST),
        (
            "results/study/STUDY/compare/border.csv",
            [*stratified.BORDERS, "study", "data", "profile"],
        ),
        ("paper/reference/reruns/NAME.csv", rerun.COLUMNS),
        ("survey.csv", unit_survey.COLUMNS),
        ("readings.csv", reading_study.FORM.columns),
    ],
)
def test_the_columns_of_the_code_are_described(file, columns):
    assert set(described(file)["columns"]) == set(columns)


@pytest.mark.parametrize(
    "path",
    sorted((ROOT / "paper/reference").rglob("*.csv")),
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_the_columns_of_the_committed_reference_are_described(path):
    file = f"results/{path.name}"
    if path.parent.name == "reruns":
        file = "paper/reference/reruns/NAME.csv"
    elif path.name == reference.NETWORKS:
        file = "paper/reference/PROFILE/networks.csv"
    assert undescribed(file, pd.read_csv(path, nrows=0).columns) == []


@pytest.mark.parametrize("folder", ["notebooks/explore/sample", "results/study"])
def test_the_columns_of_the_sample_and_of_results_are_described(folder):
    for path in sorted((ROOT / folder).glob("*/*/*.csv")):
        file = f"results/study/STUDY/{path.parent.name}/{path.name}"
        assert undescribed(file, pd.read_csv(path, nrows=0).columns) == [], path


def test_every_table_that_a_notebook_writes_is_described():
    written = {
        file.rpartition("/")[2]
        for table in TABLES
        for file in (table["file"], *table.get("also", ()))
    }
    for path in NOTEBOOKS.numbered():
        code = "\n".join(
            cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"
        )
        found = set(re.findall(r'write\(.*target / "([\w-]+\.(?:csv|nc))"', code)) - {
            "measured.csv"
        }
        assert found <= written, path.stem


# ---- generated pages
def test_the_page_of_parameters_has_every_knob():
    page = GENERATED.parameter_page()
    for stage, types in knobs.STAGES.items():
        section = page.split(f"## {stage}\n")[1].split("\n## ")[0]
        for name, kind in types.items():
            (line,) = re.findall(rf"^\| `{name}` \|.*$", section, re.MULTILINE)
            assert GENERATED.kinds(kind) or "block" in line, f"{stage}.{name}"
    assert all(f"| `{name}` |" in page for name in knobs.PARAMETERS)
    assert all(f"| `{name}` |" in page for name in ("profile", "seed"))
    params = yaml.safe_load(text(ROOT / "params.yaml"))
    shown = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    assert shown == [{name: params[name]} for name in ("profiles", "studies")]


def test_values_and_comments_of_params_are_read_as_they_stand():
    found = GENERATED.comments(
        "a:    # one\n  b: [1, 2]   # two\n              # more\n  c: {d: 1}\n"
        '  e: # three\n    f: "5 mm" # four\n'
    )
    assert found == {
        "a": ("", "one"),
        "a.b": ("[1, 2]", "two more"),
        "a.c": ("{d: 1}", ""),
        "a.e": ("", "three"),
        "a.e.f": ('"5 mm"', "four"),
    }
    params = yaml.safe_load(text(ROOT / "params.yaml"))
    for stage, types in knobs.STAGES.items():
        for name in types:
            value = GENERATED.comments(text(ROOT / "params.yaml"))[f"{stage}.{name}"][0]
            assert (
                not value or value.startswith("&") or yaml.safe_load(value) == params[stage][name]
            )


def test_the_page_of_commands_has_every_command():
    page = GENERATED.command_page()
    assert re.findall(r"^## regard (\w+)$", page, re.MULTILINE) == list(cli.regard.commands)
    assert "--honest HONEST" in page and "--set OPTION=VALUE" in page


def test_the_api_has_every_public_module(tmp_path):
    table = GENERATED.write_api(tmp_path / "api")
    for name, path in GENERATED.modules():
        said, names = GENERATED.public(path)
        assert f"[`{name}`]" in table or not (said or names)
    assert "regard.attribution.cam" in table and "__main__" not in table
    page = text(tmp_path / "api/regard.attribution.cam.md")
    assert "   grad_cam\n" in page and "automodule:: regard.attribution.cam" in page


def test_the_page_of_data_sets_has_every_reader():
    page = GENERATED.data_set_page()
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == list(READERS)


def test_the_page_of_claims_has_every_claim():
    known = pd.read_csv(ROOT / "paper/reference/quick/claims.csv", keep_default_na=False)
    page = GENERATED.claim_page()
    assert sum(
        line.startswith("| ") and "| verdict |" not in line for line in page.splitlines()
    ) == len(known)


# ---- English
@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sentences_are_short_and_plain(page):
    whole = prose(page).lower()
    assert [phrase for phrase in AVOIDED if phrase in whole] == []
    lines = [line for line in prose(page).splitlines() if not re.match(r"[|#:$]|\s*$|```", line)]
    plain = re.sub(r"\]\([^)]*\)", "", re.sub(r"`[^`]+`", "code", "\n".join(lines)))
    sentences = [
        one.split() for one in re.split(r"[.:;!?](?:\s|$)|\n(?=[-\d*])|\n\n", plain) if one.split()
    ]
    assert sum(map(len, sentences)) <= 20 * len(sentences)
    assert [" ".join(one) for one in sentences if len(one) > 35] == []


# ---- built pages
def test_the_built_pages_fetch_nothing():
    pages = sorted((ROOT / "build/docs").rglob("*.html"))
    if not pages:
        pytest.skip("no build/docs: run make docs")
    for page in pages:
        fetched = re.findall(
            r'<(?:script|link|img|iframe)[^>]*\b(?:src|href)="((?:https?:)?//[^"]+)"',
            page.read_text("utf-8"),
        )
        assert fetched == [], page


# ---- workflows
def test_workflows_name_major_versions_and_no_secret():
    paths = sorted((ROOT / ".github/workflows").glob("*.yml"))
    assert [path.stem for path in paths] == ["docs", "tests"]
    for path in paths:
        steps = [
            step for job in yaml.safe_load(text(path))["jobs"].values() for step in job["steps"]
        ]
        used = [step["uses"] for step in steps if "uses" in step]
        assert used and all(re.fullmatch(r"[\w/-]+@v\d+", name) for name in used)
        assert "secrets." not in text(path) and "make " in text(path)


def test_help_is_shown_without_the_heavy_libraries():
    code = (
        "import sys; from regard import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "print({'torch', 'pandas', 'numpy', 'xarray'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.endswith("set()\n")


def test_an_option_takes_several_values():
    command = cli.regard.commands["trials"]
    words = ["--draws", "1", "2", "--starts", "scratch", "--seeds", "-3", "5", "--draws=7"]
    with command.make_context("trials", ["ultrasound", *words]) as context:
        assert context.params == {
            "study": "ultrasound",
            "draws": (1, 2, 7),
            "seeds": (-3, 5),
            "starts": ("scratch",),
        }


@pytest.mark.parametrize("words", [["trials"], ["unknown"], ["expose", "ultrasound"], ["lock"]])
def test_a_wrong_use_ends_with_status_2(words, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(words)
    assert end.value.code == 2
    assert "Usage: regard" in capsys.readouterr().err
