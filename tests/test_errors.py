from __future__ import annotations

from app import errors
from app.errors import OrchestratorError


def _drawn() -> dict[str, str]:
    """Return the parent of each class as the tree at the head of the module draws it."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        name = line.lstrip("│├└─ ").split(" ", 1)[0]
        if not hasattr(errors, name):
            continue
        depth = (len(line) - len(line.lstrip("│├└─ "))) // 4
        path[depth:] = [name]
        if depth:
            parents[name] = path[depth - 1]
    return parents


def _defined(base: type[Exception]) -> dict[str, str]:
    """Return the parent of each class below `base` in the module."""
    found: dict[str, str] = {}
    for kind in base.__subclasses__():
        if kind.__module__ == errors.__name__:
            found |= {kind.__name__: base.__name__, **_defined(kind)}
    return found


def test_the_tree_is_drawn_as_the_classes_are() -> None:
    assert _drawn() == _defined(OrchestratorError)


def test_the_lines_of_the_tree_join() -> None:
    tree = [line for line in (errors.__doc__ or "").splitlines() if "── " in line]
    for line, after in zip(tree, [*tree[1:], ""], strict=True):
        column = line.index("── ") - 1
        assert line[column] == ("├" if after[column : column + 1] in {"├", "└", "│"} else "└")
