"""A learned image codec: one model for every quality, and files that decode the same on every machine.

>>> import cnncompress
>>> data = cnncompress.compress("photo.jpg", quality=60)  # doctest: +SKIP
>>> image = cnncompress.decompress(data)  # doctest: +SKIP

The names below are loaded when they are first used, so that importing the package costs next to nothing.
All of it may be used by several threads at once.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnncompress.api import (
        Codec,
        compress,
        decompress,
        decompress_file,
        store_original,
    )
    from cnncompress.assembly import OriginalFile
    from cnncompress.codec.ancillary import SourceRecord
    from cnncompress.errors import (
        BadMagic,
        BitstreamError,
        CnncompressError,
        Corrupt,
        DeviceError,
        FeatureLoss,
        ImageError,
        InvalidModel,
        LimitExceeded,
        MissingPackage,
        ModelError,
        NotSmaller,
        OutOfMemory,
        OutputError,
        OutputExists,
        PlanError,
        Truncated,
        UnavailableError,
        UnknownModel,
        Unreachable,
        UnreadableImage,
        UnsupportedImage,
        UnsupportedVersion,
        VerificationFailed,
    )
    from cnncompress.images.read import read_image
    from cnncompress.images.settings import ImageSettings
    from cnncompress.images.write import save_image
    from cnncompress.info import Info, probe

__version__ = "0.1.0"

__all__ = [
    "BadMagic",
    "BitstreamError",
    "CnncompressError",
    "Codec",
    "Corrupt",
    "DeviceError",
    "FeatureLoss",
    "ImageError",
    "ImageSettings",
    "Info",
    "InvalidModel",
    "LimitExceeded",
    "MissingPackage",
    "ModelError",
    "NotSmaller",
    "OriginalFile",
    "OutOfMemory",
    "OutputError",
    "OutputExists",
    "PlanError",
    "SourceRecord",
    "Truncated",
    "UnavailableError",
    "UnknownModel",
    "Unreachable",
    "UnreadableImage",
    "UnsupportedImage",
    "UnsupportedVersion",
    "VerificationFailed",
    "__version__",
    "compress",
    "decompress",
    "decompress_file",
    "probe",
    "read_image",
    "save_image",
    "store_original",
]

# Where what is not an error comes from.
_HOMES = {
    "Codec": "api",
    "ImageSettings": "images.settings",
    "Info": "info",
    "OriginalFile": "assembly",
    "SourceRecord": "codec.ancillary",
    "compress": "api",
    "decompress": "api",
    "decompress_file": "api",
    "probe": "info",
    "read_image": "images.read",
    "save_image": "images.write",
    "store_original": "api",
}

if not TYPE_CHECKING:  # a type checker would take every misspelt name for this function's result

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = _HOMES.get(name, "errors")
        return getattr(importlib.import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
