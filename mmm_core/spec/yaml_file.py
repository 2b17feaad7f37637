"""Reading a YAML that a person writes: small, flat, of numbers that can be computed with, or refused by file and line.

A YAML of a thousand bytes can stand for a billion values (aliases of aliases), and one of many brackets can end the
interpreter; neither is a model.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import yaml

from mmm_core.errors import SpecError, shortened, shown
from mmm_core.inputs import UnreadableFile, name_of, read_bytes
from mmm_core.names import normal_name

MAX_BYTES, MAX_DEPTH, MAX_VALUES = 200_000, 25, 20_000
"""Bytes of a file, levels of nesting, and values with aliases written out: a hundred times what a model needs."""

MAX_MESSAGE = 1_000
"""Characters of a message about a YAML."""


def read_yaml(path: str | Path, of: str = "model") -> Any:
    """What a YAML file holds.

    Args:
        of: what the file is of, for messages.

    Raises:
        SpecError: no regular file, too large, not UTF-8, not YAML, a control character, a key that is written
            twice, too deep or too many values, a number that is not finite; with the line where there is one.
    """
    source = name_of(path)
    try:
        content = read_bytes(path)
    except UnreadableFile as error:
        raise SpecError(str(error).replace("no such file", f"no such {of} file")) from None
    if len(content) > MAX_BYTES:
        raise SpecError(f"{source}: has {len(content):,} bytes; a YAML has {MAX_BYTES:,} at most")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SpecError(f"{source}: line {line} is not UTF-8: save the file as UTF-8") from None
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise SpecError(
            f"{source}: line {line} holds the character {chr(error.character)!a}, which no YAML may: delete it"
        ) from None
    loader.name = source
    try:
        return loader.get_single_data()
    except yaml.YAMLError as error:
        raise SpecError(shortened(f"{source}: not valid YAML: {error}", MAX_MESSAGE)) from None
    except RecursionError:
        raise SpecError(f"{source}: nests too deeply: {MAX_DEPTH} levels at most") from None
    finally:
        loader.dispose()


def written_yaml(value: Any) -> str:
    """YAML of a mapping, its keys in their order."""
    return str(yaml.dump(value, Dumper=_DUMPER, sort_keys=False))


def own_yaml(text: str) -> Any:
    """What YAML that this library wrote itself holds, such as the specification in a posterior.

    Raises:
        yaml.YAMLError: the file it stood in was damaged.
    """
    return yaml.load(text, Loader=_LOADER)  # a safe one


# Several times as fast as PyYAML's own, where PyYAML was built with them. They say less of what a person wrote.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Loader(yaml.SafeLoader):
    """Refuses what readers of YAML take in silence, such as a key written twice, of which they keep the last."""

    name: str
    depth = 0
    values = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        line = self.peek_event().start_mark.line + 1
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise SpecError(f"{self.name}: line {line} nests too deeply: {MAX_DEPTH} levels at most")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def get_single_node(self) -> Any:
        node = super().get_single_node()
        self._count(node, {})
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            written, line = (key.tag, normal_name(str(key.value))), key.start_mark.line + 1
            if written in lines:
                raise SpecError(
                    f"{self.name}: key {shown(key.value)} is written twice, on lines {lines[written]} and {line}: keep "
                    "one"
                )
            lines[written] = line
        return node

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            value = super().construct_object(node, deep)
        except (ValueError, OverflowError) as error:
            if isinstance(error, SpecError):
                raise
            raise SpecError(
                f"{self.name}: line {node.start_mark.line + 1}: {shown(node.value)} cannot be read: "
                f"{shortened(str(error), 200)}"
            ) from None
        if isinstance(value, float) and not math.isfinite(value):
            raise SpecError(
                f"{self.name}: line {node.start_mark.line + 1}: {shown(node.value)} is no number to compute with: "
                "write a finite one, or leave the key out"
            )
        return value

    def _count(self, node: Any, sizes: dict[int, int]) -> int:
        """Values below a node with its aliases written out."""
        if node is None or isinstance(node, yaml.ScalarNode):
            return 1
        line = node.start_mark.line + 1
        if id(node) in sizes:
            if sizes[id(node)] < 0:
                raise SpecError(f"{self.name}: line {line}: holds an alias of itself: write it out")
            return sizes[id(node)]
        sizes[id(node)] = -1  # until it is known
        parts = (part for pair in node.value for part in (pair if isinstance(pair, tuple) else (pair,)))
        sizes[id(node)] = 1 + sum(self._count(part, sizes) for part in parts)
        if sizes[id(node)] > MAX_VALUES:
            raise SpecError(
                f"{self.name}: line {line}: more than {MAX_VALUES:,} values with its aliases written out: some "
                "hundred are usual"
            )
        return sizes[id(node)]
