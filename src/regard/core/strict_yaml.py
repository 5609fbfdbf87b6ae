"""YAML that is read as it is meant: no key twice in a block, and no key that is no text."""

from pathlib import Path

import yaml

MERGE = "tag:yaml.org,2002:merge"  # `<<: *name` takes a block over
TEXT = "tag:yaml.org,2002:str"
CALLED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "nothing",
    "timestamp": "a date",
}


class _Loader(yaml.SafeLoader):
    """yaml.SafeLoader keeps the last of two entries with one key, in silence; here both are
    named. keys_are_text: whether a key that is none is refused."""

    keys_are_text = True

    def compose_mapping_node(self, anchor):
        node = super().compose_mapping_node(anchor)
        lines = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            scalar = isinstance(key, yaml.ScalarNode)
            if not scalar or key.tag not in (TEXT, MERGE) and self.keys_are_text:
                raise ValueError(f"{self.name}, line {line}: {_no_text(key)}")
            same = self.construct_object(key) if key.tag != MERGE else key.value
            if same in lines:
                both = f"in lines {lines[same]} and {line}"
                raise ValueError(
                    f"{self.name}: {key.value!r} is named twice in one block, {both}; keep one"
                )
            lines[same] = line
        return node


def _no_text(key: yaml.Node) -> str:
    if not isinstance(key, yaml.ScalarNode):
        return "a list or block cannot be a key; write a name"
    kind = CALLED.get(key.tag.rpartition(":")[2], "no text")
    if not key.value:
        return "a key is missing before the colon"
    return f"the key {key.value} is {kind} to YAML; put it in quotes: '{key.value}':"


def read(path: Path) -> object:
    """The content of a YAML file.

    Raises
    ------
    ValueError
        Names the file and the lines: for a repeated key in a block, for a key that is no text (such
        as `2024:` and `no:`) and for a file that is not UTF-8.
    yaml.YAMLError
        For what is no YAML.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path.name} is not UTF-8 text (byte {error.start}); save it as UTF-8"
        ) from None
    return _held(text, path.name)


def value(text: str, name: str) -> object:
    """What the YAML `text` of an option holds; its keys may be numbers (`{1: tumour}`).

    name: begins messages. Raises as `read`.
    """
    return _held(text, name, keys_are_text=False)


def _held(text: str, name: str, keys_are_text: bool = True) -> object:
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        raise ValueError(f"{name}: {error.reason} at character {error.position}") from None
    loader.name, loader.keys_are_text = name, keys_are_text
    try:
        return loader.get_single_data()
    except (ValueError, AttributeError, RecursionError) as error:  # of !!int, dates, deep nesting
        said = str(error)
        raise ValueError(said if said.startswith(name) else f"{name}: {said}") from None
    finally:
        loader.dispose()
