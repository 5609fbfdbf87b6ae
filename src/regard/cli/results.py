"""Commands that read finished results and compare them."""

from pathlib import Path

import click

from regard.cli.parsing import argument, command


@command(
    "expose",
    (
        "how much relevance lies on the marker that a study's network learned from, "
        "beside an honest network (minutes)"
    ),
)
@argument("study", "a study of params.yaml with prepare.shortcut, after its stage attribute")
@click.option(
    "--honest",
    required=True,
    metavar="HONEST",
    help="a study whose network saw no marker, after its stage train",
)
def expose_command(study: str, honest: str) -> None:
    from regard.pipeline import examine

    found = examine.expose(study, honest)
    print(
        found[["method", "control", "mean", "ci_low", "ci_high", "n_maps", "n_patients"]]
        .round(3)
        .to_string(index=False)
    )


@command(
    "costs",
    (
        "what a heat map of each method costs in each study: passes, seconds, memory, as "
        "last measured"
    ),
)
def costs_command() -> None:
    import pandas as pd

    from regard.core import project, tables

    files = sorted((project.root() / "results" / "costs").glob("*.csv"))
    if not files:
        raise FileNotFoundError(
            "no results/costs/*.csv: run the stage attribute of a study first (dvc repro)"
        )
    table = pd.concat([tables.read(file) for file in files])
    print(
        table.round({"forwards": 1, "backwards": 1, "seconds": 4, "peak_gb": 2}).to_string(
            index=False
        )
    )
    print(
        "forwards, backwards and seconds are of one map; peak_gb is the most memory in use above "
        "what was before"
    )
    if missing := sorted(set(project.parameters()["studies"]) - {file.stem for file in files}):
        print(f"not measured: {', '.join(missing)}")


@command(
    "deepminer",
    ("read DeepMiner's released labels and its 330 answers again, with intervals over exams"),
)
@argument(
    "folder", "the folder `deepminer` of the repository ddsm-visual-primitives, which you fetched"
)
@click.option(
    "--output", type=click.Path(path_type=Path), metavar="CSV", help="write the table there as well"
)
def deepminer_command(folder: str, output: Path | None) -> None:
    from regard.claims import deepminer_release
    from regard.core import tables

    labels, answers = (
        deepminer_release.labels(Path(folder)),
        deepminer_release.answers(Path(folder)),
    )
    found = deepminer_release.reanalysis(answers)
    print(found.round(3).to_string(index=False))
    print(f"\n{deepminer_release.expected(answers, labels)}")
    if output:
        tables.write(found, output)
        print(f"written to {output}")
    print(
        f"\n{len(labels)} labelled units; the published lookup finds {labels['found'].sum()} of "
        f"them, and loses {(~labels['found']).sum()}"
    )
    for row in labels[labels["typed"] > 1].itertuples():
        print(
            f"unit {row.unit} is typed {row.typed} times: {row.typed - 1} labels were overwritten"
        )


@command(
    "verify",
    (
        "compare results/ with the committed reference of the same profile, claim by "
        "claim; exits with 1 when a claim changed"
    ),
)
@click.option(
    "--keep",
    metavar="NAME",
    help="keep the table for the paper, as that of a rerun with NAME changed",
)
def verify_command(keep: str | None) -> None:
    from regard.claims import rerun

    found, differs = rerun.verify()
    if keep:
        print(f"{rerun.keep(found, keep)}: commit it")
    shown = found.assign(
        status=found["status"].where(
            found["verdict"].fillna("") == found["verdict now"].fillna(""),
            found["status"] + ", CLAIM CHANGED",
        )
    )
    print(rerun.markdown(shown))
    print(found["status"].value_counts().to_string(), differs, sep="\n\n")
    print(
        "\nreproduced: the same to five digits as the reference; what became of the papers' "
        "claims stands under verdict"
    )
    if len(moved := rerun.changed(found)):
        also = (
            f"; {len(rerun.unsteady(moved))} of them also in a rerun that was kept"
            if "kept in reruns" in moved
            else ""
        )
        raise SystemExit(f"{len(moved)} of {len(found)} claims changed{also}")


@command("reference", "keep the results of this run in paper/reference/ as those of its profile")
def reference_command() -> None:
    from regard.claims import reference
    from regard.core import project

    print(f"{reference.write().relative_to(project.root())}: commit it, then `dvc repro paper`")


@command("sample", "cut the small sample of notebooks/explore/sample/ from the results of this run")
def sample_command() -> None:
    from regard.core import project
    from regard.explorers import sample

    print(f"{sample.write().relative_to(project.root())}: commit it")
