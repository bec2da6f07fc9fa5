"""Versions of the libraries that do the peers' coding, inside Pillow and its plugin for JPEG XL."""

from __future__ import annotations

import importlib
import json
import re
from importlib import metadata

from PIL import features

JPEG_XL_PACKAGE = "pillow-jxl-plugin"

_IN_PILLOW = (("libjpeg-turbo", "libjpeg_turbo"), ("libwebp", "webp"), ("libavif", "avif"), ("OpenJPEG", "jpg_2000"))


def library_versions() -> dict[str, str]:
    """Returns versions by library, of those installed: libjpeg-turbo, libwebp, libavif, libaom, OpenJPEG, libjxl."""
    found = {library: features.version(feature) for library, feature in _IN_PILLOW if features.check(feature)}
    found["libaom"] = _libaom()
    found["libjxl"] = _libjxl()
    return {library: version for library, version in found.items() if version is not None}


def _libaom() -> str | None:
    """Returns the version of the AV1 encoder inside libavif, which decides more about the files than libavif does."""
    if not features.check("avif"):
        return None
    versions = str(importlib.import_module("PIL._avif").codec_versions())  # "dav1d [dec]:1.5.3, aom [enc]:3.14.1"
    match = re.search(r"\baom \[[^]]*\]:v?([\w.]+)", versions)
    return match.group(1) if match else None


def _libjxl() -> str | None:
    """Returns libjxl's version, from the plugin's list of components (https://peps.python.org/pep-0770/)."""
    try:
        files = metadata.files(JPEG_XL_PACKAGE) or []
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.name.endswith(".cyclonedx.json"):
            components = json.loads(file.read_text(encoding="utf-8")).get("components", [])
            return next((part["version"] for part in components if part["name"] == "jpegxl-src"), None)
    return None
