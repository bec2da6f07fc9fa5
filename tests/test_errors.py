"""The tree of errors: as its docstring draws it, with exit codes of their own, and each one tested somewhere."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from cnncompress import errors
from cnncompress.errors import CnncompressError

TREE: dict[str, type[CnncompressError]] = {
    name: value
    for name, value in vars(errors).items()
    if inspect.isclass(value) and issubclass(value, CnncompressError)
}


def drawn() -> dict[str, tuple[str | None, int | None]]:
    """Name -> parent and exit code, from the drawing in the docstring; None for a code that is not repeated."""
    found: dict[str, tuple[str | None, int | None]] = {}
    parents: dict[int, str] = {}
    for line in str(errors.__doc__).splitlines():
        match = re.match(r"    ([ │├└─]*)([A-Z]\w+) +(\d+)?", line)
        if match:
            depth = len(match[1]) // 4
            parents[depth] = match[2]
            found[match[2]] = (parents[depth - 1] if depth else None, int(match[3]) if match[3] else None)
    return found


def test_the_drawing_is_the_tree() -> None:
    drawing = drawn()
    assert drawing.keys() == TREE.keys()
    for name, (parent, code) in drawing.items():
        base = TREE[name].__bases__[0]
        assert base.__name__ == (parent or "Exception"), name
        assert TREE[name].exit_code == (TREE[parent].exit_code if parent and code is None else code), name


def test_exit_codes_belong_to_one_family_each() -> None:
    families = [value for value in TREE.values() if "exit_code" in vars(value)]
    codes = [family.exit_code for family in families]
    assert len(set(codes)) == len(codes)
    assert 0 not in codes, "success"
    assert [family for family in families if family.exit_code == 2] == [errors.PlanError], "click's own"
    for family in families:
        assert family is CnncompressError or family.__bases__ == (CnncompressError,)


def test_messages_are_what_was_given() -> None:
    for value in TREE.values():
        assert str(value("one line")) == "one line"
        assert inspect.getdoc(value)


@pytest.mark.parametrize("name", sorted(TREE))
def test_every_error_is_expected_by_a_test(name: str) -> None:
    """By itself, or in a table of inputs and errors; a family counts by its members."""
    tests = [path for path in Path(__file__).parent.rglob("test_*.py") if path.name not in ("test_errors.py",)]
    text = "\n".join(path.read_text(encoding="utf-8") for path in tests)
    members = [each for each, value in TREE.items() if issubclass(value, TREE[name])]
    assert any(re.search(rf"raises\({member}\b|, {member}[,)\n]", text) for member in members)


@pytest.mark.parametrize("name", sorted(TREE))
def test_every_leaf_is_raised_by_the_program(name: str) -> None:
    package = Path(errors.__file__).parent
    text = "\n".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py"))
    leaf = not TREE[name].__subclasses__()
    assert re.search(rf"raise {name}\(", text) or not leaf
