"""The `regard` command. Errors of the input are one line on stderr and exit status 1."""

import argparse
import codecs
import locale
import os
import signal
import sys
from pathlib import Path


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line and run one command."""
    if arguments is None:
        _read_text_as_utf_8()
    options = _parser().parse_args(arguments)
    from yaml import YAMLError  # after parsing, so that --help is instant

    signal.signal(
        signal.SIGTERM, lambda number, frame: sys.exit("regard: terminated")
    )  # so that what is half done is removed
    try:
        options.run(options)
    except KeyboardInterrupt:
        sys.exit("regard: interrupted")
    except (OSError, ValueError, KeyError, RuntimeError, YAMLError) as error:
        message = error.args[0] if isinstance(error, KeyError) else error
        sys.exit(f"regard: {' '.join(str(message).split())}")


def _read_text_as_utf_8() -> None:
    """Begin anew in Python's UTF-8 mode where the locale has another encoding, in which libraries
    would read our files.
    """
    encoding = codecs.lookup(locale.getpreferredencoding(False)).name
    if encoding != "utf-8" and not sys.flags.utf8_mode and os.name == "posix":
        os.environ["PYTHONUTF8"] = "1"  # for the processes that this one starts
        os.execv(sys.executable, [sys.executable, "-X", "utf8", "-m", "regard", *sys.argv[1:]])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="regard", description="Does the network look where the expert looks?"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(
        name: str, run, description: str, *positional: tuple[str, str]
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=description, description=description)
        for argument, meaning in positional:
            added.add_argument(argument, help=meaning)
        added.set_defaults(run=run)
        return added

    brought = command(
        "import",
        _import,
        "bring a published data set, or anybody's images, into the project's layout",
        ("name", "name of the reader, e.g. busi; docs/how-to/published_sets.md lists them"),
        ("source", "folder or archive (.zip, .tar.gz, ...) of the set as published"),
        ("target", "folder to write, e.g. real/busi"),
    )
    brought.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="OPTION=VALUE",
        help="an option of the reader, e.g. tile=256 or window=[0,4095]",
    )
    check = command(
        "check",
        _check,
        "check a folder in the project's layout, count what it holds, say what a study of it "
        "could support, and draw its regions on a contact sheet",
        ("folder", "folder with cases.csv, images/ and regions/"),
    )
    check.add_argument(
        "--sheet", help="PNG to write; without, build/contact-sheets/<name of the folder>.png"
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
        "train a study's network on other draws of its phantoms or from other seeds and print the "
        "test AUROC (minutes)",
        ("study", "a study of params.yaml"),
    )
    trials.add_argument(
        "--draws",
        type=int,
        nargs="+",
        default=[],
        help="seeds of phantoms; without, the study's own set",
    )
    trials.add_argument(
        "--seeds",
        type=int,
        nargs="+",
        default=[],
        help="of the training; without, that of params.yaml",
    )
    trials.add_argument(
        "--starts", nargs="+", default=["transfer", "scratch"], help="transfer, scratch, or both"
    )
    command(
        "pretrain",
        _pretrain,
        "pre-train a network's features on fractals and write them to data/weights (minutes)",
        ("name", "vgg19_bn, vgg16_bn, resnet50 or densenet121"),
    )
    command(
        "code",
        _code,
        "pipeline: write what code each stage reaches, definition by definition, and the "
        "notebooks without their outputs",
        ("target", "folder to write the folders code and notebooks in, e.g. build"),
    )
    command(
        "settings",
        _settings,
        "pipeline: write what params.yaml tells each stage of each study, resolved",
        ("target", "folder to write, e.g. build/settings"),
    )
    command(
        "targets",
        _targets,
        "pipeline: the stages of each study of params.yaml in order, a line for each study",
    )
    command(
        "stage",
        _stage,
        "pipeline: run the notebook of one stage for one study",
        ("notebook", "name of the notebook, e.g. 2_train"),
        ("study", "a study of params.yaml"),
    )
    command(
        "examine",
        _examine,
        "pipeline: whether to believe the heat maps of a study: faithfulness, randomised "
        "networks, stability, agreement",
        ("study", "a study of params.yaml"),
    )
    exposed = command(
        "expose",
        _expose,
        "how much relevance lies on the marker that a study's network learned from, beside an "
        "honest network (minutes)",
        ("study", "a study of params.yaml with prepare.shortcut, after its stage attribute"),
    )
    exposed.add_argument(
        "--honest", required=True, help="a study whose network saw no marker, after its stage train"
    )
    command(
        "costs",
        _costs,
        "what a heat map of each method costs in each study: passes, seconds, memory, as last "
        "measured",
    )
    again = command(
        "deepminer",
        _deepminer,
        "read DeepMiner's released labels and its 330 answers again, with intervals over exams",
        (
            "folder",
            "the folder `deepminer` of the repository ddsm-visual-primitives, which you fetched",
        ),
    )
    again.add_argument("--output", type=Path, metavar="CSV", help="write the table there as well")
    command(
        "lock",
        _lock,
        "pipeline: keep a whole copy of dvc.lock aside, or put it back where DVC was stopped "
        "while it wrote the file",
        ("action", "keep or restore"),
    )
    command("summary", _summary, "pipeline: gather the results of all studies in results/*.csv")
    command(
        "figures", _figures, "pipeline: run the notebook that draws the paper's figures and tables"
    )
    command(
        "paper",
        _paper,
        "pipeline: compile paper/paper.typ with the committed results of `full` (paper/paper.pdf) "
        "and with this run's (results/paper.pdf)",
    )
    verify = command(
        "verify",
        _verify,
        "compare results/ with the committed reference of the same profile, claim by claim; exits "
        "with 1 when a claim changed",
    )
    verify.add_argument(
        "--keep",
        metavar="NAME",
        help="keep the table for the paper, as that of a rerun with NAME changed",
    )
    command(
        "reference",
        _reference,
        "keep the results of this run in paper/reference/ as those of its profile",
    )
    command(
        "sample",
        _sample,
        "cut the small sample of notebooks/explore/sample/ from the results of this run",
    )
    return parser


def _import(options: argparse.Namespace) -> None:
    from regard import datasets
    from regard.core import strict_yaml
    from regard.data import overview

    given = {}
    for setting in options.set:
        name, equals, value = setting.partition("=")
        if not equals:
            raise ValueError(f"--set {setting!r} is not OPTION=VALUE")
        if name in given:
            raise ValueError(f"--set {name}= is given twice")
        given[name] = strict_yaml.value(value, f"--set {name}")
    found = datasets.bring_in(options.name, options.source, options.target, **given)
    print(f"{options.target}:", *(f"  {line}" for line in overview.counted(found)), sep="\n")


def _check(options: argparse.Namespace) -> None:
    from regard.data import overview

    overview.check(options.folder, options.sheet)


def _phantoms(options: argparse.Namespace) -> None:
    from regard import phantoms

    phantoms.write(options.study, options.target, options.seed)


def _trials(options: argparse.Namespace) -> None:
    from regard.pipeline import trials

    def report(line):
        return print(line, flush=True)

    found = trials.run(options.study, options.draws, options.seeds, options.starts, report)
    over = found.groupby(["start", "target"], sort=False)["auroc"].agg(
        ["mean", "std", "min", "max", "count"]
    )
    print(over.round(3).to_string())


def _pretrain(options: argparse.Namespace) -> None:
    from regard.models import pretraining

    path = pretraining.write_committed(options.name)
    print(f"{path}: {path.stat().st_size} bytes")


def _code(options: argparse.Namespace) -> None:
    from regard.core import project
    from regard.pipeline import code, notebooks

    with notebooks.replaced(Path(options.target, "code")) as target:
        code.write(target)
    with notebooks.replaced(Path(options.target, "notebooks")) as target:
        for source in sorted((project.root() / "notebooks").glob("[1-9]_*.ipynb")):
            notebooks.strip(source, target / source.name)


def _settings(options: argparse.Namespace) -> None:
    from regard.core import project
    from regard.pipeline import notebooks, settings

    params = project.parameters()
    settings.shape(params)
    with notebooks.replaced(Path(options.target)) as target:
        for study in params["studies"]:
            notebooks.write_settings(study, target / study)
            for method, why in project.settings(study, "attribute").get("left_out", {}).items():
                print(f"study {study}: {method} is left out: {why}")


def _targets(options: argparse.Namespace) -> None:
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


def _stage(options: argparse.Namespace) -> None:
    from regard.pipeline import contradictions, notebooks

    number, _, stage = options.notebook.partition("_")
    if not (number.isdigit() and stage):
        raise ValueError(
            f"{options.notebook!r} is the name of no notebook; a stage's is like 2_train (see "
            "notebooks/)"
        )
    contradictions.check(options.study, stage)
    notebooks.run(
        options.notebook, Path("results", "study", options.study, stage), {"study": options.study}
    )
    if stage == "train":
        from regard.core import environment  # takes seconds

        environment.record(options.study)


def _examine(options: argparse.Namespace) -> None:
    from regard.pipeline import contradictions, examine, notebooks

    contradictions.check(options.study, "examine")
    with notebooks.replaced(Path("results", "study", options.study, "examine")) as target:
        examine.run(options.study, target)


def _expose(options: argparse.Namespace) -> None:
    from regard.pipeline import examine

    found = examine.expose(options.study, options.honest)
    print(
        found[["method", "control", "mean", "ci_low", "ci_high", "n_maps", "n_patients"]]
        .round(3)
        .to_string(index=False)
    )


def _deepminer(options: argparse.Namespace) -> None:
    from regard.claims import deepminer_release
    from regard.core import tables

    labels, answers = (
        deepminer_release.labels(options.folder),
        deepminer_release.answers(options.folder),
    )
    found = deepminer_release.reanalysis(answers)
    print(found.round(3).to_string(index=False))
    print(f"\n{deepminer_release.expected(answers, labels)}")
    if options.output:
        tables.write(found, options.output)
        print(f"written to {options.output}")
    print(
        f"\n{len(labels)} labelled units; the published lookup finds {labels['found'].sum()} of "
        f"them, and loses {(~labels['found']).sum()}"
    )
    for row in labels[labels["typed"] > 1].itertuples():
        print(
            f"unit {row.unit} is typed {row.typed} times: {row.typed - 1} labels were overwritten"
        )


def _costs(options: argparse.Namespace) -> None:
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


def _lock(options: argparse.Namespace) -> None:
    from regard.pipeline import lockfile

    actions = {"keep": lockfile.keep, "restore": lockfile.restore}
    if options.action not in actions:
        raise ValueError(f"lock {options.action!r} is not one of {', '.join(actions)}")
    said = actions[options.action]()
    if options.action == "restore" and said:
        print(*said, sep="\n")


def _summary(options: argparse.Namespace) -> None:
    from regard.pipeline import gather

    gather.write()


def _figures(options: argparse.Namespace) -> None:
    from regard.pipeline import notebooks

    notebooks.run("8_figures", Path("results", "figures"), {})


def _paper(options: argparse.Namespace) -> None:
    from regard.pipeline import paper

    paper.compile()


def _verify(options: argparse.Namespace) -> None:
    from regard.claims import rerun

    found, differs = rerun.verify()
    if options.keep:
        print(f"{rerun.keep(found, options.keep)}: commit it")
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


def _reference(options: argparse.Namespace) -> None:
    from regard.claims import reference
    from regard.core import project

    print(f"{reference.write().relative_to(project.root())}: commit it, then `dvc repro paper`")


def _sample(options: argparse.Namespace) -> None:
    from regard.core import project
    from regard.explorers import sample

    print(f"{sample.write().relative_to(project.root())}: commit it")
