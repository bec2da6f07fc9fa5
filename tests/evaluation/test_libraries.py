from __future__ import annotations

import re
from importlib import metadata

import pytest
from PIL import features

from cnncompress.evaluation.libraries import JPEG_XL_PACKAGE, library_versions


def test_versions_of_the_libraries_inside_pillow() -> None:
    versions = library_versions()
    assert versions["libavif"] == features.version("avif")
    assert versions["OpenJPEG"] == features.version("jpg_2000")
    assert all(re.match(r"\d+\.\d+", version) for version in versions.values())
    assert "libaom" in versions


def test_version_of_libjxl_is_that_of_the_library_not_of_the_plugin() -> None:
    try:
        plugin = metadata.version(JPEG_XL_PACKAGE)
    except metadata.PackageNotFoundError:
        pytest.skip(f"{JPEG_XL_PACKAGE} is not installed")
    assert library_versions()["libjxl"] != plugin
    assert re.fullmatch(r"0\.\d+\.\d+", library_versions()["libjxl"])


def test_libraries_that_are_missing_have_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(package: str) -> list[metadata.PackagePath]:
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr("PIL.features.check", lambda feature: feature != "avif")
    monkeypatch.setattr(metadata, "files", missing)
    assert {"libavif", "libaom", "libjxl"}.isdisjoint(library_versions())
    monkeypatch.setattr(metadata, "files", lambda package: None)  # a wheel without a list of its files
    assert "libjxl" not in library_versions()
