"""The stage `train`: networks are fitted, their thresholds chosen on the tuning patients, their
performance measured on the test patients, and what is to be explained is listed.

Nothing here reaches `regard.figures`: a colour that changes there must not train networks again.
"""

import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from IPython.display import Image, display
from matplotlib.figure import Figure
from torch import Tensor, nn

from regard.core import arrays, columns, hardware, tables
from regard.models import augmentation, backbones, explained, performance, preprocessing, training

FITTING = (  # what `training.fit` is given
    *("epochs", "learning_rate", "weight_decay", "batch", "patience"),
    *("seed", "class_weights", "blank", "augment"),
)
DESCRIBED = ("width", "pool", "weights", "frozen", "profile", "seed")  # kept with the network
Settings = Mapping[str, Any]
ByNetwork = Mapping[str, np.ndarray]


class Prepared(NamedTuple):
    """What the stage prepare made of a study.

    Attributes
    ----------
    table : pd.DataFrame
        A row per case.
    images : Tensor
        uint8 (N, H, W) or (N, H, W, 3).
    targets : Tensor
        int (N,), -1 unknown, or float (N, findings), NaN unknown.
    classes : list of str
        The classes or findings.
    kind : str
        "label" or "findings".
    outlined : pd.DataFrame
        Whether the expert's region is somewhere on the image, per case and target.
    """

    table: pd.DataFrame
    images: Tensor
    targets: Tensor
    classes: list[str]
    kind: str
    outlined: pd.DataFrame

    def of(self, split: str) -> np.ndarray:
        """Which cases belong to a split, bool (N,)."""
        return self.table["split"].to_numpy() == split

    @property
    def patients(self) -> np.ndarray:
        return self.table["patient"].to_numpy()


def prepared(folder: Path) -> Prepared:
    """Read the results of the stage prepare from its folder."""
    table, stored = tables.read(folder / "cases.csv"), arrays.read(folder / "images.nc")
    classes, kind = list(np.atleast_1d(stored.attrs["classes"])), stored.attrs["kind"]
    return Prepared(
        table,
        torch.from_numpy(stored["images"].to_numpy()),
        training.targets(table, classes, kind),
        classes,
        kind,
        tables.read(folder / "outlined.csv"),
    )


def networks(settings: Settings, kind: str) -> dict[str, dict]:
    """The networks that are trained: by name what each has different from the settings."""
    found: dict[str, dict] = {"transfer": {}}
    if settings["train"]:
        found |= {"scratch": {"weights": None}} if settings["scratch"] else {}
        others = [blank for blank in settings["blanks"] if blank != settings["blank"]]
        others = others if kind == "findings" else []
        found |= {f"transfer, unknown as {blank}": {"blank": blank} for blank in others}
    return found


def built(
    settings: Settings, classes: list[str], device: torch.device, **own: Any
) -> nn.Sequential:
    """A network before training; own: settings that differ from the study's."""
    scale = preprocessing.preprocessing(*(settings[key] for key in ("mean", "std", "range")))
    return backbones.build(
        settings["backbone"],
        len(classes),
        own.get("weights", settings["weights"]),
        settings["width"],
        settings["pool"],
        seed=settings["seed"],
        whole=not settings["train"],
        preprocessing=scale,
    ).to(device)


def _fitting(settings: Settings, classes: list[str], device: torch.device) -> dict:
    precision = hardware.precision(device, settings["precision"])
    return {key: settings[key] for key in FITTING} | {"classes": classes, "dtype": precision}


def trained(
    study: Prepared, settings: Settings, device: torch.device
) -> tuple[dict[str, nn.Sequential], pd.DataFrame]:
    """Every network of `networks`, trained, in evaluation mode; and the losses by epoch.

    Parameters
    ----------
    study : Prepared
        Images, targets and split.
    settings : mapping
        The block `train` of params.yaml, resolved. With `train: false` nothing is trained.
    device : torch.device
        Where to train.

    Returns
    -------
    models : dict
        Name to network.
    history : pd.DataFrame
        A row per network (`start`) and epoch; empty where nothing was trained.
    """
    augmentation.check(settings["augment"])
    if not settings["train"]:
        scale = preprocessing.preprocessing(*(settings[key] for key in ("mean", "std", "range")))
        backbones.check_whole(settings["weights"], study.classes, study.kind, scale)
    fitting = _fitting(settings, study.classes, device)
    split = study.table["split"].to_numpy()
    models, histories = {}, []
    for name, own in networks(settings, study.kind).items():
        model = built(settings, study.classes, device, **own)
        if settings["train"]:
            # random features that stay as they are would be no comparison
            frozen = settings["frozen"] and name != "scratch"
            how = fitting | {"blank": own.get("blank", settings["blank"]), "frozen": frozen}
            report = training.reporter(name, settings["epochs"])
            rows = training.fit(model, study.images, study.targets, split, **how, report=report)
            histories.append(rows.assign(start=name))
        models[name] = model.eval()
    return models, pd.concat(histories) if histories else pd.DataFrame()


def epochs_kept(history: pd.DataFrame) -> pd.DataFrame:
    """Per network the epoch that was kept and its losses, beside those of the last epoch."""
    rows = []
    for name, losses in history.groupby("start", sort=False) if len(history) else []:
        kept, last = losses.loc[losses["tune_loss"].idxmin()], losses.iloc[-1]
        rows.append(
            {
                "network": name,
                "epoch kept": int(kept["epoch"]) + 1,
                "tuning loss": kept["tune_loss"],
                "last epoch": int(last["epoch"]) + 1,
                "tuning loss, last": last["tune_loss"],
                "training loss, last": last["train_loss"],
            }
        )
    names = ["network", "epoch kept", "tuning loss", "last epoch"]
    names += ["tuning loss, last", "training loss, last"]
    return pd.DataFrame(rows, columns=names).set_index("network")


def show_losses(history: pd.DataFrame) -> None:
    """Show training and tuning loss by epoch, a panel per network."""
    if not len(history):
        print("train: false, so the network is explained as it is; there are no losses to show")
        return
    names = list(dict.fromkeys(history["start"]))
    figure = Figure(figsize=(3.6 * len(names), 2.6))
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names):
        losses = history[history["start"] == name]
        kept = losses.loc[losses["tune_loss"].idxmin()]
        axes.plot(losses["epoch"], losses["train_loss"], label="training")
        axes.plot(losses["epoch"], losses["tune_loss"], label="tuning")
        axes.plot(kept["epoch"], kept["tune_loss"], "o", color="black", label="epoch kept")
        axes.set(title=name, xlabel="epoch", ylabel="loss", ylim=(0, None))
        axes.legend()
    _show(figure, "Training and tuning loss by epoch for each network.")


def probabilities(models: Mapping[str, nn.Sequential], study: Prepared) -> dict[str, np.ndarray]:
    """Per network the probability of each class or finding of every case, float64 (N, classes)."""
    return {
        name: training.probabilities(training.predict(model, study.images), study.kind)
        for name, model in models.items()
    }


def thresholds(scores: ByNetwork, study: Prepared) -> dict[str, np.ndarray | None]:
    """Per network Youden's threshold of each target on the tuning patients.

    None for more than two classes, of which the most probable one is called.
    """
    tune = study.of("tune")
    return {
        name: training.thresholds(study.targets[tune], found[tune], study.classes, study.kind)
        for name, found in scores.items()
    }


def threshold_table(cuts: Mapping[str, np.ndarray | None], study: Prepared) -> pd.DataFrame:
    """Thresholds, a row per target and a column per network."""
    two = study.kind == "label" and len(study.classes) == 2
    return pd.DataFrame(cuts, index=study.classes[1:] if two else study.classes)


def out_of_fold(
    study: Prepared, settings: Settings, device: torch.device
) -> tuple[np.ndarray, np.ndarray | None] | None:
    """Every case's probabilities by a network that saw none of its patient's images, with their
    thresholds; None where `folds` is 0.
    """
    if not (settings["train"] and settings["folds"]):
        print("out of fold: not run")
        return None

    def build() -> nn.Sequential:
        return built(settings, study.classes, device)

    found = training.out_of_fold(
        build,
        study.images,
        study.targets,
        study.patients,
        settings["folds"],
        study.kind,
        lambda name: training.reporter(name, settings["epochs"]),
        frozen=settings["frozen"],
        **_fitting(settings, study.classes, device),
    )
    print(f"{len(study.images)} images predicted out of {settings['folds']} folds")
    return found


def performances(
    study: Prepared,
    scores: ByNetwork,
    cuts: Mapping[str, np.ndarray | None],
    pooled: tuple[np.ndarray, np.ndarray | None] | None,
    settings: Settings,
) -> pd.DataFrame:
    """What each network reaches on the test patients, and what the folds reach on all.

    Returns
    -------
    pd.DataFrame
        A row per network (`start`), target and metric, with intervals over patients.
    """
    test = study.of("test")
    known = (study.classes, study.kind)
    given = {
        name: (study.targets[test], found[test], cuts[name], *known, study.patients[test])
        for name, found in scores.items()
    }
    if pooled is not None:
        given["out of fold"] = (study.targets, *pooled, *known, study.patients)
    same = {
        "study": settings["study"],
        "data": study.table["data"][0],
        "profile": settings["profile"],
    }
    found = [
        performance.performance(*one, settings["draws"], settings["seed"]).assign(
            start=name, **same
        )
        for name, one in given.items()
    ]
    return pd.concat(found)[["study", "data", "start", *columns.PERFORMANCE, "profile"]]


def performance_table(reached: pd.DataFrame) -> pd.DataFrame:
    """Values with their intervals as text, a column per network; weak targets are flagged."""
    text = [
        f"{row.value:.3f} [{row.ci_low:.3f}, {row.ci_high:.3f}]"
        + (" flagged" if row.flagged and row.metric == "auroc" else "")
        for row in reached.itertuples()
    ]
    shown = reached.assign(text=text)
    return shown.pivot(index=["target", "metric"], columns="start", values="text")


def weak_targets(reached: pd.DataFrame) -> list[str]:
    """A sentence for each target that the explained network hardly knows, and how many it knows."""
    areas = reached[(reached["start"] == "transfer") & (reached["metric"] == "auroc")]
    said = [
        f"FLAGGED: the AUROC of {row.target} may be as low as {row.ci_low:.2f}; "
        "its maps explain a network that hardly knows it"
        for row in areas[areas["flagged"]].itertuples()
    ]
    single = areas[areas["target"] != performance.MEAN]
    known = (~single["flagged"].astype(bool)).sum()
    return [
        *said,
        f"{known} of {len(single)} targets have an AUROC whose interval begins at "
        f"{performance.HARDLY_KNOWN} or above: their maps can show where the network looks",
    ]


def show_roc(study: Prepared, scores: ByNetwork, cuts: Mapping[str, np.ndarray | None]) -> None:
    """Show the ROC curves of all networks on the test patients, a panel per target, with the
    operating points.
    """
    from sklearn.metrics import RocCurveDisplay  # slow to import

    test = study.of("test")
    tested = {name: found[test] for name, found in scores.items()}
    curves = performance.curves(study.targets[test], tested, study.classes, study.kind)
    across = min(3, len(curves))
    down = -(-len(curves) // across)
    figure = Figure(figsize=(3.4 * across, 3.4 * down))
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for axes in panels[len(curves) :]:
        axes.set_axis_off()
    for row, (axes, (target, found)) in enumerate(zip(panels, curves.items())):
        for name, (positive, score) in found.items():
            RocCurveDisplay.from_predictions(positive, score, name=name, ax=axes)
            if (cut := cuts[name]) is not None:
                called = score >= cut[row]
                axes.plot(called[~positive].mean(), called[positive].mean(), "o", color="black")
        axes.plot([0, 1], [0, 1], ":", color="black", linewidth=0.8)
        axes.set(title=target, xlabel="1 - specificity", ylabel="sensitivity")
    figure.subplots_adjust(hspace=0.4, wspace=0.35)
    _show(figure, "ROC curves of the networks on the test patients, with the operating points.")


def _show(figure: Figure, alt: str) -> None:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None}, bbox_inches="tight", dpi=100)
    display(Image(buffer.getvalue(), alt=alt))


def predictions(
    study: Prepared, scores: ByNetwork, cuts: Mapping[str, np.ndarray | None]
) -> pd.DataFrame:
    """What the explained network says of every case: a row per case and class or finding."""
    own = scores["transfer"], cuts["transfer"]
    return explained.predictions(study.table, study.targets, *own, study.classes, study.kind)


def explanations(study: Prepared, predicted: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """The test cases that are explained, and for which class or finding each."""
    tested = predicted[predicted["split"] == "test"]
    every = explained.explanations(tested, study.kind)
    return explained.sampled(
        every,
        settings["explained"],
        settings["seed"],
        settings["explained_cases"],
        explained.can_be_scored(every, study.outlined),
        settings["explained_few"],
    )


def outlook(listed: pd.DataFrame, study: Prepared) -> list[str]:
    """How many of the listed explanations can be scored, and what so few do not allow."""
    return explained.outlook(listed, explained.can_be_scored(listed, study.outlined))


def write_network(
    path: Path, model: nn.Sequential, cuts: np.ndarray | None, study: Prepared, settings: Settings
) -> None:
    """Write the explained network with what its users must know of it."""
    backbones.write(
        model,
        path,
        name=settings["backbone"],
        classes=study.classes,
        kind=study.kind,
        thresholds=None if cuts is None else [round(float(cut), 12) for cut in cuts],
        digest=backbones.digest(model),
        **{key: settings[key] for key in DESCRIBED},
    )


def write_metrics(path: Path, reached: pd.DataFrame) -> None:
    """Write the explained network's performance as JSON, for `dvc metrics`."""
    first = reached[reached["start"] == "transfer"]
    kept = {
        f"{row.target} {row.metric}": None if np.isnan(row.value) else round(float(row.value), 6)
        for row in first.itertuples()
    }
    path.write_text(json.dumps(kept, indent=1) + "\n")
