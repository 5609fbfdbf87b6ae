"""Where a stage reads and writes."""

from regard.core import project
from regard.pipeline import folders


def test_by_hand_a_stage_reads_what_was_made_by_hand(tmp_path, monkeypatch):
    monkeypatch.setattr(project, "root", lambda: tmp_path)
    piped = folders.opened("chest", "train", "build/partial/study/chest/train")
    made = folders.opened("chest", "prepare")
    train = folders.opened("chest", "train")
    assert train.output == tmp_path / "build/by-hand/chest/train" and train.output.is_dir()
    assert train.earlier("prepare") == made.output
    assert train.earlier("attribute") == tmp_path / "results/study/chest/attribute"
    assert piped.earlier("prepare") == tmp_path / "results/study/chest/prepare"
    other = folders.opened("ultrasound", "train")
    assert other.earlier("prepare") == tmp_path / "results/study/ultrasound/prepare"
