"""What is wrong with a specification, in words: the key, what stands there, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from mmm_core.errors import nearest
from mmm_core.spec.budget_spec import AS_LIST, AS_MAPPING

_DEFAULTS = ("media", "defaults")

# What to write, by Pydantic's type of fault.
_REMEDIES = {
    "list_type": "write a list: [one, another]",
    "tuple_type": "write a list: [one, another]",
    "dict_type": "write a mapping: {key: value}",
    "model_type": "write a mapping: {key: value}",
    "string_pattern_mismatch": "write lower case, digits and underscores",
    "date_type": "write YYYY-MM-DD",
    "date_parsing": "write YYYY-MM-DD",
    "date_from_datetime_parsing": "write YYYY-MM-DD",
    "date_from_datetime_inexact": "write YYYY-MM-DD",
}

# Faults of a number that are said in words of our own, with the range it may lie in.
_WHOLE = ("int_type", "int_parsing", "int_parsing_size", "int_from_float")
_NUMBER = (*_WHOLE, "float_type", "float_parsing", "finite_number")
_BOUND = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")
_RANGE = {"ge": "of at least", "gt": "above", "le": "of at most", "lt": "below"}


def explained(error: ValidationError, root: type[BaseModel], not_yet: dict[str, str]) -> list[str]:
    """One line a fault, without repeats.

    Args:
        error: of validating a specification as `root`.
        not_yet: keys that are refused by name, with what to write instead.
    """
    several = _words_or_numbers(error.errors(), root)
    faults = [
        fault
        for fault in error.errors()
        if _place(fault) not in several
        and not _of_another_branch(fault, error.errors())
        and not _emptied(fault, error.errors())
    ]
    of_defaults = {(*fault["loc"][2:], fault["msg"]) for fault in faults if fault["loc"][:2] == _DEFAULTS}
    # every channel repeats a fault of the defaults
    not_repeated = [
        fault
        for fault in faults
        if fault["loc"][:1] != ("media",)
        or fault["loc"][:2] == _DEFAULTS
        or (*fault["loc"][3:], fault["msg"]) not in of_defaults
    ]
    return list(
        dict.fromkeys([*several.values(), *(_explain(fault, root, not_yet) for fault in not_repeated)])
    )


def _words_or_numbers(faults: Iterable[Any], root: type[BaseModel]) -> dict[tuple[str, ...], str]:
    """One line for each key that takes one of some words or a number and got neither, by its place."""
    at_place: dict[tuple[str, ...], list[Any]] = {}
    for fault in faults:
        if fault["loc"] and _is_branch(fault["loc"][-1]):
            at_place.setdefault(_place(fault), []).append(fault)
    lines = {}
    for place, found in at_place.items():
        word = next((fault for fault in found if fault["type"] == "literal_error"), None)
        number = next((fault for fault in found if fault["type"] in (*_NUMBER, *_BOUND)), None)
        if word is None or number is None:
            continue
        words, stands = _literals(word), word["input"]
        write = f"write {', '.join(words)} or {_number(number, list(place), root)}, got {stands!r}"
        near = nearest(stands, words) if isinstance(stands, str) else ""
        lines[place] = f"{'.'.join(place)}: {write}" + (f": {near}" if near.startswith("did") else "")
    return lines


def _of_another_branch(fault: Any, faults: Iterable[Any]) -> bool:
    """Whether a fault is that of a form the user did not mean, where a key may take several forms.

    A mapping is not meant as one of the words, a word not as a mapping or a number.
    """
    place = _place(fault)
    siblings = [
        other for other in faults if _place(other)[: len(place)] == place and other["loc"] != fault["loc"]
    ]
    if not any(_is_branch(part) for part in fault["loc"]) or not siblings:
        return False
    if fault["type"] == "literal_error":
        return isinstance(fault["input"], dict)
    return fault["type"] in ("model_type", "float_parsing", "float_type")


def _emptied(fault: Any, faults: Iterable[Any]) -> bool:
    """Whether a list is too short only because its entries are at fault, which are named themselves."""
    place = _place(fault)
    return fault["type"] == "too_short" and any(
        _place(other)[: len(place)] == place and len(_place(other)) > len(place) for other in faults
    )


def _is_branch(part: Any) -> bool:
    """Whether a part of a location names a form of the value and no key of the YAML."""
    text = str(part)
    return text.startswith(("literal[", "tuple[", "function-after[")) or text in (
        "StudentT", "float", "constrained-float", AS_LIST, AS_MAPPING
    )  # fmt: skip


def _place(fault: Any) -> tuple[str, ...]:
    """Keys of the YAML that lead to the fault."""
    return tuple(str(part) for part in fault["loc"] if not _is_branch(part) and part != "[key]")


def _explain(fault: Any, root: type[BaseModel], not_yet: dict[str, str]) -> str:
    where = list(_place(fault))
    dotted = ".".join(where)
    if fault["type"] == "extra_forbidden":
        generic = ".".join(part for i, part in enumerate(where) if not (i == 2 and where[:1] == ["media"]))
        if generic in not_yet:
            return f"{dotted}: not supported yet; {not_yet[generic]}"
        known = _keys_at(where[:-1], root)
        return f"{dotted}: unknown key '{where[-1]}': {nearest(where[-1], known)}"
    if fault["type"] == "missing":
        return f"{dotted}: required"
    message = fault["msg"]
    if fault["type"] == "value_error":
        message = message.removeprefix("Value error, ")
        return f"{dotted}: {message}" if dotted else message
    if fault["type"] in (*_NUMBER, *_BOUND):
        return f"{dotted}: write {_number(fault, where, root)}, got {fault['input']!r}"
    if fault["type"] in ("bool_type", "bool_parsing"):
        return f"{dotted}: write true or false, got {fault['input']!r}"
    if fault["type"] in ("too_short", "too_long"):
        limits = fault["ctx"]
        count = (
            f"at least {limits['min_length']}"
            if "min_length" in limits
            else f"at most {limits['max_length']}"
        )
        return f"{dotted}: write {count}, got {fault['input']!r}"
    message = message.split(" or instance of ")[0].replace("dictionary", "mapping").replace("tuple", "list")
    message = f"{dotted}: {message[:1].lower()}{message[1:]}, got {fault['input']!r}"
    if fault["type"] == "literal_error":
        return f"{message}: {nearest(str(fault['input']), _literals(fault))}"
    remedy = _as_text(fault["input"]) if fault["type"] == "string_type" else _REMEDIES.get(fault["type"])
    if fault["type"] == "model_type" and (keys := _keys_at(where, root)):
        remedy = f"{remedy}, known keys: {', '.join(keys)}"
    return f"{message}: {remedy}" if remedy else message


def _as_text(stands: Any) -> str:
    """What to write where a text is wanted: quotes make one of a number, a date or a `no`, and of nothing else."""
    if stands is None:
        return "nothing stands there: write a text"
    if isinstance(stands, dict | list):
        kind = "mapping" if isinstance(stands, dict) else "list"
        return f"write one text; a {kind} is not read here"
    return "put it in quotes"


def _literals(fault: Any) -> list[str]:
    return [word for i, word in enumerate(str(fault["ctx"]["expected"]).split("'")) if i % 2]


def _number(fault: Any, where: list[str], root: type[BaseModel]) -> str:
    """What number to write: whole or not, and its range where the specification states one."""
    above = _fields_at(where[:-2], root).get(where[-2]) if len(where) > 1 else None
    of_mapping = above is not None and get_origin(above.annotation) is dict
    if where[-1].isdigit() or (of_mapping and where[-1] not in _fields_at(where[:-1], root)):
        # an entry of a list, or of a mapping by name: what it is, and how many there are is no limit of it
        forms = get_args(above.annotation) if above is not None else ()
        entry = next(reversed(forms) if of_mapping else iter(forms), None)
        kinds: tuple[Any, ...] = (entry, *get_args(entry))
        stated: tuple[Any, ...] = tuple(_inner_limits((entry,)))
    else:
        field = _fields_at(where[:-1], root).get(where[-1])
        kinds = () if field is None else (field.annotation, *getattr(field.annotation, "__args__", ()))
        stated = () if field is None else (*field.metadata, *_inner_limits(get_args(field.annotation)))
    whole = fault["type"] in _WHOLE or (int in kinds and float not in kinds)
    bounds = {name: getattr(limit, name) for name in _RANGE for limit in stated if hasattr(limit, name)}
    told = {name: f"{bound:g}" if abs(bound) >= 1e6 else str(bound) for name, bound in bounds.items()}
    words = " and ".join(f"{_RANGE[name]} {bound}" for name, bound in told.items())
    if set(bounds) == {"ge", "le"}:
        words = f"from {told['ge']} to {told['le']}"
    return f"a {'whole ' if whole else ''}number {words}".rstrip()


def _inner_limits(forms: Iterable[Any]) -> list[Any]:
    """Limits of a number that is one of several forms: of `float` in `Literal[...]` and `Annotated[float, ...]`."""
    stated = [limit for form in forms for limit in get_args(form)[1:] if get_origin(form) is Annotated]
    return [
        inner for limit in stated for inner in (limit.metadata if isinstance(limit, FieldInfo) else [limit])
    ]


def _keys_at(where: list[str], root: type[BaseModel]) -> list[str]:
    """The keys that the specification knows at a place in the YAML."""
    return list(_fields_at(where, root))


def _fields_at(where: list[str], root: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields that the specification has at a place in the YAML, by key."""
    kind: Any = root
    for part in where:
        fields = _by_key(kind)
        if not fields:
            return {}
        if part in fields:  # else a name of the user's own, such as a channel's
            kind = _model_in(fields[part].annotation)
    return _by_key(kind)


def _by_key(kind: Any) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in getattr(kind, "model_fields", {}).items()}


def _model_in(annotation: Any) -> Any:
    """The Pydantic model inside `X`, `X | None` or `dict[str, X]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_in(inner)
        if found is not None:
            return found
    return None
