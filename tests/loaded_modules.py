"""Makes a test import modules again, without a trace afterwards."""

from __future__ import annotations

import sys

import pytest


def forget(monkeypatch: pytest.MonkeyPatch, *prefixes: str) -> None:
    """Makes Python import the modules whose names begin so once more, until the test ends.

    Not only the table of modules comes back then, but also what their packages call by their names: they would go on
    with the copies of the test, which nobody else imports.
    """
    names = [name for name in sys.modules if name.startswith(prefixes)]
    for name in names:
        package, _, last = name.rpartition(".")
        if package and hasattr(sys.modules[package], last):
            monkeypatch.setattr(sys.modules[package], last, getattr(sys.modules[package], last))
    for name in names:
        monkeypatch.delitem(sys.modules, name)
