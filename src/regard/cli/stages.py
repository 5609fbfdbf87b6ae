"""Commands that the pipeline calls, stage by stage."""

from pathlib import Path

from regard.cli.parsing import argument, command


@command(
    "code",
    (
        "pipeline: write what code each stage reaches, definition by definition, and the "
        "notebooks without their outputs"
    ),
)
@argument("target", "folder to write the folders code and notebooks in, e.g. build")
def code_command(target: str) -> None:
    from regard.core import project
    from regard.pipeline import code, notebooks

    with notebooks.replaced(Path(target, "code")) as folder:
        code.write(folder)
    with notebooks.replaced(Path(target, "notebooks")) as folder:
        for source in sorted((project.root() / "notebooks").glob("[1-9]_*.ipynb")):
            notebooks.strip(source, folder / source.name)


@command("settings", "pipeline: write what params.yaml tells each stage of each study, resolved")
@argument("target", "folder to write, e.g. build/settings")
def settings_command(target: str) -> None:
    from regard.core import project
    from regard.pipeline import notebooks, settings

    params = project.parameters()
    settings.shape(params)
    with notebooks.replaced(Path(target)) as folder:
        for study in params["studies"]:
            notebooks.write_settings(study, folder / study)
            for method, why in project.settings(study, "attribute").get("left_out", {}).items():
                print(f"study {study}: {method} is left out: {why}")


@command(
    "targets", ("pipeline: the stages of each study of params.yaml in order, a line for each study")
)
def targets_command() -> None:
    from regard.core import project
    from regard.pipeline import settings

    params = project.parameters()
    settings.shape(params)
    for study in params["studies"]:
        settings.study(study, params)
    for study in params["studies"]:
        own = [stage for stage in ("clusters", "units") if study in params[stage]["studies"]]
        stages = ["prepare", "train", *own, "attribute", "select", "examine", "compare"]
        print(*(f"{stage}@{study}" for stage in stages))


@command("stage", "pipeline: run the notebook of one stage for one study")
@argument("notebook", "name of the notebook, e.g. 2_train")
@argument("study", "a study of params.yaml")
def stage_command(notebook: str, study: str) -> None:
    from regard.pipeline import contradictions, notebooks

    number, _, stage = notebook.partition("_")
    if not (number.isdigit() and stage):
        raise ValueError(
            f"{notebook!r} is the name of no notebook; a stage's is like 2_train (see notebooks/)"
        )
    contradictions.check(study, stage)
    notebooks.run(notebook, Path("results", "study", study, stage), {"study": study})
    if stage == "train":
        from regard.core import environment  # takes seconds

        environment.record(study)


@command(
    "examine",
    (
        "pipeline: whether to believe the heat maps of a study: faithfulness, randomised "
        "networks, stability, agreement"
    ),
)
@argument("study", "a study of params.yaml")
def examine_command(study: str) -> None:
    from regard.pipeline import contradictions, examine, notebooks

    contradictions.check(study, "examine")
    with notebooks.replaced(Path("results", "study", study, "examine")) as target:
        examine.run(study, target)


@command(
    "lock",
    (
        "pipeline: keep a whole copy of dvc.lock aside, or put it back where DVC was "
        "stopped while it wrote the file"
    ),
)
@argument("action", "keep or restore")
def lock_command(action: str) -> None:
    from regard.pipeline import lockfile

    actions = {"keep": lockfile.keep, "restore": lockfile.restore}
    if action not in actions:
        raise ValueError(f"lock {action!r} is not one of {', '.join(actions)}")
    said = actions[action]()
    if isinstance(said, list) and said:
        print(*said, sep="\n")


@command("summary", "pipeline: gather the results of all studies in results/*.csv")
def summary_command() -> None:
    from regard.pipeline import gather

    gather.write()


@command("figures", "pipeline: run the notebook that draws the paper's figures and tables")
def figures_command() -> None:
    from regard.pipeline import notebooks

    notebooks.run("8_figures", Path("results", "figures"), {})


@command(
    "paper",
    (
        "pipeline: compile paper/paper.typ with the committed results of `full` "
        "(paper/paper.pdf) and with this run's (results/paper.pdf)"
    ),
)
def paper_command() -> None:
    from regard.pipeline import paper

    paper.compile()
