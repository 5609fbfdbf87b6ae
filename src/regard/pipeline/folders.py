"""Where a stage reads and writes, in the pipeline and when its notebook is run by hand."""

from pathlib import Path
from typing import NamedTuple

from regard.core import project

BY_HAND = "build/by-hand"


class Stage(NamedTuple):
    """The folders of one stage of one study.

    Attributes
    ----------
    study : str
        An entry of `studies` in params.yaml.
    root : Path
        The folder of the project.
    output : Path
        The folder that this stage fills; it exists.
    by_hand : bool
        Whether a person runs the notebook, and not the pipeline.
    """

    study: str
    root: Path
    output: Path
    by_hand: bool

    def earlier(self, stage: str) -> Path:
        """The folder that an earlier stage of this study filled.

        By hand it is what a person made by hand, where there is some; the pipeline reads its own
        results alone.
        """
        made = self.root / BY_HAND / self.study / stage
        if self.by_hand and made.is_dir():
            return made
        return self.root / "results" / "study" / self.study / stage


def opened(study: str, stage: str, output: str = "") -> Stage:
    """The folders of a stage; the one it fills is made where it does not exist.

    Parameters
    ----------
    study : str
        An entry of `studies` in params.yaml.
    stage : str
        Its name in dvc.yaml, such as "train".
    output : str
        The folder to fill, from the project's root. Empty: build/by-hand/<study>/<stage>.

    Raises
    ------
    FileNotFoundError
        When this is not run inside a clone of the project.
    """
    root = project.root()
    folder = root / (output or f"{BY_HAND}/{study}/{stage}")
    folder.mkdir(parents=True, exist_ok=True)
    return Stage(study, root, folder, by_hand=not output)
