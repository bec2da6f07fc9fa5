"""The package's public names: complete, lazy, and the same for type checkers."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
import typing
from collections.abc import Callable
from pathlib import Path

import pytest

import cnncompress
from cnncompress import errors


def test_all_is_sorted_and_every_name_is_there() -> None:
    assert cnncompress.__all__ == sorted(cnncompress.__all__)
    for name in cnncompress.__all__:
        assert getattr(cnncompress, name) is not None
    assert dir(cnncompress) == cnncompress.__all__


def test_every_error_is_exported() -> None:
    defined = {name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, Exception)}
    assert defined <= set(cnncompress.__all__)
    assert cnncompress.Corrupt is errors.Corrupt


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(cnncompress.__file__).read_text(encoding="utf-8"))
    imported = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("cnncompress.")
        for alias in node.names
    }
    imported["info"] = imported.pop("probe")  # the one that has another name at home
    assert imported.keys() | {"__version__"} == set(cnncompress.__all__)
    for name, (module, name_there) in imported.items():
        assert getattr(importlib.import_module(module), name_there) is getattr(cnncompress, name)


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'decode'"):
        cnncompress.decode  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(ImportError):
        importlib.import_module("cnncompress.decode")


def test_version_is_a_plain_number() -> None:
    assert [part.isdigit() for part in cnncompress.__version__.split(".")] == [True] * 3


def test_importing_the_package_loads_nothing_else() -> None:
    script = "import sys, cnncompress; print(*(n for n in sys.modules if n.startswith('cnncompress')))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["cnncompress"]
    script = "import sys, cnncompress; cnncompress.info; cnncompress.Corrupt; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_public_signatures_name_public_types() -> None:
    """Whatever a caller has to make, or gets, can be imported from the package."""
    hidden = set()
    for name in cnncompress.__all__:
        value = getattr(cnncompress, name)
        functions: list[Callable[..., object]] = [value] if inspect.isfunction(value) else []
        if inspect.isclass(value):
            functions = [member for key, member in vars(value).items() if inspect.isfunction(member) and key[0] != "_"]
            made_by_callers = inspect.isfunction(value.__init__) and name not in ("SourceImage", "Info")
            functions += [value.__init__] if made_by_callers else []
        for function in functions:
            for hint in typing.get_type_hints(function).values():
                hidden |= {(name, part) for part in classes_in(hint) if part not in cnncompress.__all__}
    assert hidden == set()


def classes_in(hint: object) -> set[str]:
    """Names of the package's own classes in a type hint."""
    found = {name for argument in typing.get_args(hint) for name in classes_in(argument)}
    if inspect.isclass(hint) and hint.__module__.startswith("cnncompress."):
        found.add(hint.__name__)
    return found
