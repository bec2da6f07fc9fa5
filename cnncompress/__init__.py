"""A learned image codec: one model for every quality, and files that decode the same on every machine.

>>> import cnncompress
>>> data = cnncompress.compress("photo.jpg", quality=60)  # doctest: +SKIP
>>> image = cnncompress.decompress(data)  # doctest: +SKIP

The names below are loaded when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnncompress.api import Codec, compress, decompress
    from cnncompress.errors import (
        BadMagic,
        BitstreamError,
        CnncompressError,
        Corrupt,
        DeviceError,
        ImageError,
        InvalidModel,
        LimitExceeded,
        MissingPackage,
        ModelError,
        OutputError,
        OutputExists,
        Truncated,
        UnavailableError,
        UnknownModel,
        UnreadableImage,
        UnsupportedImage,
        UnsupportedVersion,
    )
    from cnncompress.info import Info, probe

__version__ = "0.1.0"

__all__ = [
    "BadMagic",
    "BitstreamError",
    "CnncompressError",
    "Codec",
    "Corrupt",
    "DeviceError",
    "ImageError",
    "Info",
    "InvalidModel",
    "LimitExceeded",
    "MissingPackage",
    "ModelError",
    "OutputError",
    "OutputExists",
    "Truncated",
    "UnavailableError",
    "UnknownModel",
    "UnreadableImage",
    "UnsupportedImage",
    "UnsupportedVersion",
    "__version__",
    "compress",
    "decompress",
    "probe",
]

_API = ("Codec", "compress", "decompress")
_INFO = ("Info", "probe")

if not TYPE_CHECKING:  # a type checker would take every misspelt name for this function's result

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = "api" if name in _API else "info" if name in _INFO else "errors"
        return getattr(importlib.import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
