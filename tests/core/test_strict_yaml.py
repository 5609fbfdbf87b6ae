"""params.yaml means what it says: a key once, text as keys, and anchors and merge keys as in any
YAML.
"""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as some

from regard.core import project, strict_yaml


@pytest.fixture
def read(tmp_path):
    def _read(text: str):
        (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
        return strict_yaml.read(tmp_path / "params.yaml")

    return _read


@pytest.mark.parametrize(
    "text, key, lines",
    [
        ("a: 1\nb: 2\na: 3\n", "a", (1, 3)),
        ("a:\n  b: 1\n  c: {d: 1, e: 2, d: 3}\n", "d", (3, 3)),
        ("a:\n  b: 1\n\n  # remark\n  'b': 2\n", "b", (2, 5)),
        ("a:\n- b: 1\n  b: 2\n", "b", (2, 3)),
        ("a: &x {b: 1}\nc:\n  <<: *x\n  b: 2\n  b: 3\n", "b", (4, 5)),
        ("a: &x {b: 1}\nc:\n  <<: *x\n  <<: *x\n", "<<", (3, 4)),
        ('a: 1\n"\\x61": 2\n', "a", (1, 2)),
    ],
)
def test_a_key_that_is_named_twice_is_refused_with_both_lines(read, text, key, lines):
    yaml.safe_load(text)  # keeps the last
    with pytest.raises(
        ValueError,
        match=f"params.yaml: '{key}' is named twice in one block, in lines {lines[0]} and {lines[1]}",
    ):
        read(text)


@pytest.mark.parametrize(
    "text, line, message",
    [
        ("a: 1\n2024: 2\n", 2, "the key 2024 is a whole number to YAML.*put it in quotes: '2024':"),
        ("a:\n  no: 2\n", 2, "the key no is true or false"),
        ("a: {1.5: 2}\n", 1, "the key 1.5 is a number"),
        ("a: 1\n\n~: 2\n", 3, "the key ~ is nothing"),
        ("a: 1\n?\n: 2\n", 2, "a key is missing before the colon"),
        ("2024-01-02: 2\n", 1, "the key 2024-01-02 is a date"),
        ("a: 1\n? [b, c]\n: 2\n", 2, "a list or block cannot be a key"),
        ("0x1F: 2\n", 1, "the key 0x1F is a whole number"),
    ],
)
def test_a_key_that_is_no_text_is_refused_with_its_line(read, text, line, message):
    with pytest.raises(ValueError, match=f"params.yaml, line {line}: {message}"):
        read(text)


def test_quoted_keys_anchors_and_merge_keys_are_taken(read):
    text = "'2024': &x {b: 1, c: 2}\n\"no\": *x\nd:\n  <<: *x\n  b: 3\ne:\n  <<: *x\nf:\n  <<: [*x, {g: 4}]\n"
    assert read(text) == yaml.safe_load(text)
    assert read(text)["d"] == {"b": 3, "c": 2}


def test_the_committed_file_reads_as_before(root):
    text = (root / "params.yaml").read_text(encoding="utf-8")
    assert project.parameters(root) == yaml.safe_load(text) and "*findings" in text


def test_what_is_no_yaml_no_text_and_no_block_is_one_error(read, tmp_path, monkeypatch):
    with pytest.raises(yaml.YAMLError, match="params.yaml"):
        read("a: [1\n")
    (tmp_path / "params.yaml").write_bytes("a: ä\n".encode("latin-1"))
    with pytest.raises(ValueError, match="params.yaml is not UTF-8 text"):
        strict_yaml.read(tmp_path / "params.yaml")
    for text in ("", "- a\n", "a\n"):
        (tmp_path / "params.yaml").write_text(text)
        with pytest.raises(ValueError, match="params.yaml holds no settings"):
            project.parameters(tmp_path)


BLOCKS = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(max_size=5),
    lambda inner: (
        some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(content=some.dictionaries(some.text(max_size=5), BLOCKS, min_size=1, max_size=4))
def test_whatever_has_keys_of_text_reads_as_any_yaml(content, tmp_path_factory):
    path = tmp_path_factory.mktemp("yaml") / "params.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8", newline="")
    assert strict_yaml.read(path) == yaml.safe_load(path.read_text(encoding="utf-8"))
