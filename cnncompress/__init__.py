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
    from cnncompress.bitstream.ancillary import SourceRecord
    from cnncompress.codec.packing import OriginalFile
    from cnncompress.codec.progress import StopRefining
    from cnncompress.codec.targets import TargetBpp, TargetPsnr, TargetSize
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
        OutsideImage,
        PartLost,
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
    from cnncompress.probe import Info
    from cnncompress.probe import probe as info

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
    "OutsideImage",
    "PartLost",
    "PlanError",
    "SourceRecord",
    "StopRefining",
    "TargetBpp",
    "TargetPsnr",
    "TargetSize",
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
    "info",
    "read_image",
    "save_image",
    "store_original",
]

# Where what is not an error comes from, and its name there if that is another.
_HOMES = {
    "Codec": "api",
    "ImageSettings": "images.settings",
    "Info": "probe",
    "OriginalFile": "codec.packing",
    "SourceRecord": "bitstream.ancillary",
    "StopRefining": "codec.progress",
    "TargetBpp": "codec.targets",
    "TargetPsnr": "codec.targets",
    "TargetSize": "codec.targets",
    "compress": "api",
    "decompress": "api",
    "decompress_file": "api",
    "info": "probe probe",
    "read_image": "images.read",
    "save_image": "images.write",
    "store_original": "api",
}

if not TYPE_CHECKING:  # a type checker would take every misspelt name for this function's result

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home, _, name_there = _HOMES.get(name, "errors").partition(" ")
        return getattr(importlib.import_module(f"{__name__}.{home}"), name_there or name)


def __dir__() -> list[str]:
    return sorted(__all__)
