"""The `regard` command. Errors of the input are one line on stderr and exit status 1."""

import argparse
import sys
from pathlib import Path


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line and run one command."""
    options = _parser().parse_args(arguments)
    from yaml import YAMLError  # after parsing, so that --help is instant

    try:
        options.run(options)
    except (OSError, ValueError, KeyError, RuntimeError, YAMLError) as error:
        message = error.args[0] if isinstance(error, KeyError) else error
        sys.exit(f"regard: {' '.join(str(message).split())}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="regard", description="Does the network look where the expert looks?")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run, description: str, *positional: tuple[str, str]) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=description, description=description)
        for argument, meaning in positional:
            added.add_argument(argument, help=meaning)
        added.set_defaults(run=run)
        return added

    command(
        "import",
        _import,
        "bring a published data set into the project's layout",
        ("name", "name of the reader, e.g. busi"),
        ("source", "folder of the set as published"),
        ("target", "folder to write, e.g. real/busi"),
    )
    command(
        "check",
        _check,
        "check a folder in the project's layout and count what it holds",
        ("folder", "folder with cases.csv, images/ and regions/"),
    )
    phantoms = command(
        "phantoms",
        _phantoms,
        "draw the phantoms of a study",
        ("study", "e.g. ultrasound"),
        ("target", "folder to write, e.g. data/ultrasound"),
    )
    phantoms.add_argument("--seed", type=int, help="another draw than the committed one")
    trials = command(
        "trials",
        _trials,
        "train a study's network on other draws of its phantoms or from other seeds and print the test AUROC (minutes)",
        ("study", "a study of params.yaml"),
    )
    trials.add_argument(
        "--draws", type=int, nargs="+", default=[], help="seeds of phantoms; without, the study's own set"
    )
    trials.add_argument(
        "--seeds", type=int, nargs="+", default=[], help="of the training; without, that of params.yaml"
    )
    trials.add_argument("--starts", nargs="+", default=["transfer", "scratch"], help="transfer, scratch, or both")
    command(
        "pretrain",
        _pretrain,
        "pre-train a network's features on fractals and write them to data/weights (minutes)",
        ("name", "vgg19_bn, vgg16_bn, resnet50 or densenet121"),
    )
    command(
        "strip",
        _strip,
        "pipeline: copy the notebooks of a folder without their outputs",
        ("source", "folder to read"),
        ("target", "folder to write"),
    )
    command(
        "settings",
        _settings,
        "pipeline: write the resolved parameters of a study, one file per stage",
        ("study", "a study of params.yaml"),
        ("target", "folder to write"),
    )
    command(
        "stage",
        _stage,
        "pipeline: run the notebook of one stage for one study",
        ("notebook", "name of the notebook, e.g. 2_train"),
        ("study", "a study of params.yaml"),
    )
    command("summary", _summary, "pipeline: gather the results of all studies in results/*.csv")
    command("figures", _figures, "pipeline: run the notebook that draws the paper's figures and tables")
    command("paper", _paper, "pipeline: compile paper/paper.typ to paper/paper.pdf")
    return parser


def _import(options: argparse.Namespace) -> None:
    from regard import datasets

    found = datasets.bring_in(options.name, options.source, options.target)
    print(f"{options.target}: {_counts(found)}")


def _check(options: argparse.Namespace) -> None:
    from regard import cases

    found = cases.read(options.folder)
    print(f"{options.folder}: {_counts(found)}")
    masks = sorted(Path(options.folder, "regions").glob("*/*.png"))
    if stray := [mask for mask in masks if mask.stem not in set(found.table["case"])]:
        print(f"{len(stray)} masks belong to no case, the first is {stray[0]}; a mask is named after its case")


def _counts(found) -> str:
    parts = [f"{len(found)} cases of {found.table['patient'].nunique()} patients"]
    if "label" in found.table:
        parts += [f"{count} {label}" for label, count in found.table["label"].value_counts().sort_index().items()]
    for structure, masks in found.regions.items():
        drawn = [mask is not None and bool(mask.any()) for mask in masks]
        missing = sum(mask is None for mask in masks)
        parts.append(
            f"{structure} drawn in {sum(drawn)}, absent in {len(drawn) - sum(drawn) - missing}, "
            f"not annotated in {missing}"
        )
    return "; ".join(parts)


def _phantoms(options: argparse.Namespace) -> None:
    from regard import phantoms

    phantoms.write(options.study, options.target, options.seed)


def _trials(options: argparse.Namespace) -> None:
    from regard import trials

    report = lambda line: print(line, flush=True)
    found = trials.run(options.study, options.draws, options.seeds, options.starts, report)
    over = found.groupby(["start", "target"], sort=False)["auroc"].agg(["mean", "std", "min", "max", "count"])
    print(over.round(3).to_string())


def _pretrain(options: argparse.Namespace) -> None:
    from regard import fractals

    path = fractals.write_committed(options.name)
    print(f"{path}: {path.stat().st_size} bytes")


def _strip(options: argparse.Namespace) -> None:
    from regard import pipeline

    for source in sorted(Path(options.source).glob("*.ipynb")):
        pipeline.strip(source, Path(options.target) / source.name)


def _settings(options: argparse.Namespace) -> None:
    from regard import pipeline

    pipeline.write_settings(options.study, Path(options.target))


def _stage(options: argparse.Namespace) -> None:
    from regard import pipeline

    stage = options.notebook.split("_", 1)[1]
    pipeline.run(options.notebook, Path("results", "study", options.study, stage), {"study": options.study})


def _summary(options: argparse.Namespace) -> None:
    from regard import summary

    summary.write()


def _figures(options: argparse.Namespace) -> None:
    from regard import pipeline

    pipeline.run("8_figures", Path("results", "figures"), {})


def _paper(options: argparse.Namespace) -> None:
    from regard import paper

    paper.compile()
