"""A browser for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser import Browser, started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started() as browser:
        yield browser
