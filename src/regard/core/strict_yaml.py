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
    named."""

    def compose_mapping_node(self, anchor):
        node = super().compose_mapping_node(anchor)
        lines = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if key.tag not in (TEXT, MERGE):
                raise ValueError(f"{self.name}, line {line}: {_no_text(key)}")
            if key.value in lines:
                both = f"in lines {lines[key.value]} and {line}"
                raise ValueError(
                    f"{self.name}: {key.value!r} is named twice in one block, {both}; keep one"
                )
            lines[key.value] = line
        return node


def _no_text(key: yaml.Node) -> str:
    if not isinstance(key, yaml.ScalarNode):
        return "a list or block cannot be a key; write a name"
    kind = CALLED.get(key.tag.rpartition(":")[2], "no text")
    if not key.value:
        return "a key is missing before the colon"
    return f"the key {key.value} is {kind} to YAML; put it in quotes: '{key.value}':"


def read(path: Path) -> object:
    """What the YAML file `path` holds. Anchors and merge keys mean what they do in any YAML.

    Raises ValueError that names the file and the lines for a key that is named twice in a block,
    for a key that is no text (as `2024:` and `no:`) and for a file that is not UTF-8;
    yaml.YAMLError for what is no YAML.
    """
    try:
        loader = _Loader(Path(path).read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path.name} is not UTF-8 text (byte {error.start}); save it as UTF-8"
        ) from None
    loader.name = path.name
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()
