"""Access path to an object, found in a copy and followed in the target: names, keys, indices."""

from __future__ import annotations

from .raw_access import attribute_of, elements_of, is_a, items_of, resolve

Step = list[object]
"""[kind, name]: ``module``, ``attribute``, ``key`` (a str or an int) or ``index``"""


def follow_path(steps: list[Step]) -> object:
    """The object at the end of these steps. Raises LookupError."""
    obj = resolve(str(steps[0][1]))
    for kind, name in steps[1:]:
        if kind == "attribute":
            obj = attribute_of(obj, str(name))
        elif kind == "key" and is_a(obj, dict):
            obj = _item(obj, name)
        elif kind == "index" and type(name) is int:
            obj = _element(obj, name)
        else:
            raise LookupError(str(name))
    return obj


def _item(holder: object, name: object) -> object:
    """The value of a key; keys of other types may define ``__eq__``, and are not compared."""
    for key, value in list(items_of(holder)):
        if type(key) is type(name) and key == name:
            return value
    raise LookupError(str(name))


def _element(holder: object, index: int) -> object:
    for place, element in enumerate(elements_of(holder)):
        if place == index:
            return element
    raise LookupError(str(index))


def describe(steps: list[Step]) -> str:
    """``module.name['key'][0]``, without ``__main__``."""
    text = "" if steps[0][1] == "__main__" else str(steps[0][1])
    for kind, name in steps[1:]:
        text += f".{name}" if kind == "attribute" else f"[{name!r}]"
    return text.lstrip(".") or "__main__"
