"""Every notebook runs to its end on a tiny study, and so do the solutions of its exercises."""

import nbformat
import pytest
from tiny_study import TOLD, run_all, solutions

# all notebooks run in the set-up of the first test
pytestmark = pytest.mark.timeout(1800)

FOLDERS = {  # of the executed copies
    "0_start_here": "start",
    "1_prepare": "study/ultrasound/prepare",
    "2_train": "study/ultrasound/train",
    "3_attribute": "study/ultrasound/attribute",
    "4_select": "study/ultrasound/select",
    "5_compare": "study/ultrasound/compare",
    "6_clusters": "study/prostate/clusters",
    "7_units": "study/mammography/units",
    "8_figures": "figures",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The folder of the project, and the errors of notebooks by name."""
    folder = tmp_path_factory.mktemp("tiny")
    return folder, run_all(folder)


@pytest.mark.parametrize("notebook", FOLDERS)
def test_it_runs_to_its_end(project, notebook):
    folder, failed = project
    if notebook in failed:
        raise failed[notebook]
    assert (folder / "results" / FOLDERS[notebook] / f"{notebook}.ipynb").is_file()


@pytest.mark.parametrize("notebook", FOLDERS)
def test_the_solutions_of_its_exercises_run_and_print(project, notebook):
    folder, failed = project
    if notebook in failed:
        pytest.skip("the notebook failed")
    executed = nbformat.read(
        folder / "results" / FOLDERS[notebook] / f"{notebook}.ipynb", as_version=4
    )
    count = len(solutions(executed))
    assert count, "an exercise at least has a solution that runs"
    for cell in executed.cells[-count:]:
        printed = "".join(one.text for one in cell.outputs if one.output_type == "stream")
        assert printed.strip(), f"prints nothing: {cell.source}"
        assert TOLD not in printed, f"{printed}: {cell.source}"
