"""Warnings reach the thread that caused them."""

from __future__ import annotations

import threading
import warnings

import pytest

from cnncompress.batch.file_warnings import file_warnings, routed_warnings
from cnncompress.errors import FeatureLoss


def test_each_thread_gets_its_own() -> None:
    found: dict[str, list[str]] = {}
    both = threading.Barrier(2)

    def work(name: str) -> None:
        with file_warnings() as losses:
            both.wait(10)
            for _ in range(2):  # Python shows a warning once for each place, if it is left alone
                warnings.warn(name, FeatureLoss, stacklevel=1)
            both.wait(10)
        found[name] = losses

    with routed_warnings():
        threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == {"a": ["a", "a"], "b": ["b", "b"]}


def test_other_warnings_pass() -> None:
    with (
        pytest.warns(UserWarning, match="something else"),
        pytest.warns(FeatureLoss, match="nobody collects"),
        routed_warnings(),
    ):
        with file_warnings() as losses:
            warnings.warn("something else", UserWarning, stacklevel=1)
        warnings.warn("nobody collects", FeatureLoss, stacklevel=1)
    assert losses == []


def test_everything_is_as_before_afterwards() -> None:
    before = warnings.showwarning, list(warnings.filters)
    with routed_warnings():
        pass
    assert (warnings.showwarning, list(warnings.filters)) == before
