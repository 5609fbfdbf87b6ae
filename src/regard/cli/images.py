"""Commands that bring images, draw phantoms and train networks outside the pipeline."""

import click

from regard.cli.parsing import ListsOfValues, argument, command


@command("import", "bring a published data set, or anybody's images, into the project's layout")
@argument("name", "name of the reader, e.g. busi; docs/how-to/published_sets.md lists them")
@argument("source", "folder or archive (.zip, .tar.gz, ...) of the set as published")
@argument("target", "folder to write, e.g. real/busi")
@click.option(
    "--set",
    "options",
    multiple=True,
    metavar="OPTION=VALUE",
    help="an option of the reader, e.g. tile=256 or window=[0,4095]",
)
def import_set(name: str, source: str, target: str, options: tuple[str, ...]) -> None:
    from regard import datasets
    from regard.core import strict_yaml
    from regard.data import overview

    given = {}
    for setting in options:
        option, equals, value = setting.partition("=")
        if not equals:
            raise ValueError(f"--set {setting!r} is not OPTION=VALUE")
        if option in given:
            raise ValueError(f"--set {option}= is given twice")
        given[option] = strict_yaml.value(value, f"--set {option}")
    found = datasets.bring_in(name, source, target, **given)
    print(f"{target}:", *(f"  {line}" for line in overview.counted(found)), sep="\n")


@command(
    "check",
    (
        "check a folder in the project's layout, count what it holds, say what a study "
        "of it could support, and draw its regions on a contact sheet"
    ),
)
@argument("folder", "folder with cases.csv, images/ and regions/")
@click.option(
    "--sheet", help="PNG to write; without, build/contact-sheets/<name of the folder>.png"
)
def check_command(folder: str, sheet: str | None) -> None:
    from regard.data import overview

    overview.check(folder, sheet)


@command("phantoms", "draw the phantoms of a study")
@argument("study", "e.g. ultrasound")
@argument("target", "folder to write, e.g. data/ultrasound")
@click.option("--seed", type=int, help="another draw than the committed one")
def phantoms_command(study: str, target: str, seed: int | None) -> None:
    from regard import phantoms

    phantoms.write(study, target, seed)


@command(
    "trials",
    (
        "train a study's network on other draws of its phantoms or from other seeds and "
        "print the test AUROC (minutes)"
    ),
    cls=ListsOfValues,
)
@argument("study", "a study of params.yaml")
@click.option(
    "--draws",
    type=int,
    multiple=True,
    metavar="INTEGER...",
    help="seeds of phantoms; without, the study's own set",
)
@click.option(
    "--seeds",
    type=int,
    multiple=True,
    metavar="INTEGER...",
    help="of the training; without, that of params.yaml",
)
@click.option(
    "--starts",
    multiple=True,
    default=("transfer", "scratch"),
    metavar="START...",
    help="transfer, scratch, or both",
)
def trials_command(
    study: str, draws: tuple[int, ...], seeds: tuple[int, ...], starts: tuple[str, ...]
) -> None:
    from regard.pipeline import trials

    def report(line):
        return print(line, flush=True)

    found = trials.run(study, draws, seeds, starts, report)
    over = found.groupby(["start", "target"], sort=False)["auroc"].agg(
        ["mean", "std", "min", "max", "count"]
    )
    print(over.round(3).to_string())


@command(
    "pretrain",
    ("pre-train a network's features on fractals and write them to data/weights (minutes)"),
)
@argument("name", "vgg19_bn, vgg16_bn, resnet50 or densenet121")
def pretrain_command(name: str) -> None:
    from regard.models import pretraining

    path = pretraining.write_committed(name)
    print(f"{path}: {path.stat().st_size} bytes")
