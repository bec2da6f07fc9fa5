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
    from cnncompress.api.calls import compress as compress
    from cnncompress.api.calls import decompress as decompress
    from cnncompress.api.calls import restore_original as restore_original
    from cnncompress.api.calls import save_image as save_image
    from cnncompress.api.calls import store_original as store_original
    from cnncompress.api.codec import Codec as Codec
    from cnncompress.bitstream.ancillary import SourceRecord as SourceRecord
    from cnncompress.codec.progress import StopRefining as StopRefining
    from cnncompress.codec.stages import Stopwatch as Stopwatch
    from cnncompress.codec.targets import TargetBpp as TargetBpp
    from cnncompress.codec.targets import TargetPsnr as TargetPsnr
    from cnncompress.codec.targets import TargetSize as TargetSize
    from cnncompress.codec.unpacking import OriginalFile as OriginalFile
    from cnncompress.errors import BadMagic as BadMagic
    from cnncompress.errors import BitstreamError as BitstreamError
    from cnncompress.errors import CnncompressError as CnncompressError
    from cnncompress.errors import Corrupt as Corrupt
    from cnncompress.errors import DeviceError as DeviceError
    from cnncompress.errors import FeatureLoss as FeatureLoss
    from cnncompress.errors import ImageError as ImageError
    from cnncompress.errors import InvalidModel as InvalidModel
    from cnncompress.errors import LimitExceeded as LimitExceeded
    from cnncompress.errors import LostProcess as LostProcess
    from cnncompress.errors import MissingPackage as MissingPackage
    from cnncompress.errors import ModelError as ModelError
    from cnncompress.errors import NotSmaller as NotSmaller
    from cnncompress.errors import OutOfMemory as OutOfMemory
    from cnncompress.errors import OutputError as OutputError
    from cnncompress.errors import OutputExists as OutputExists
    from cnncompress.errors import OutsideImage as OutsideImage
    from cnncompress.errors import PartLost as PartLost
    from cnncompress.errors import PlanError as PlanError
    from cnncompress.errors import ResultsError as ResultsError
    from cnncompress.errors import Truncated as Truncated
    from cnncompress.errors import UnavailableError as UnavailableError
    from cnncompress.errors import UnknownModel as UnknownModel
    from cnncompress.errors import Unreachable as Unreachable
    from cnncompress.errors import UnreadableImage as UnreadableImage
    from cnncompress.errors import UnsupportedImage as UnsupportedImage
    from cnncompress.errors import UnsupportedVersion as UnsupportedVersion
    from cnncompress.errors import VerificationFailed as VerificationFailed
    from cnncompress.images.limits import Limits as Limits
    from cnncompress.images.read import read_image as read_image
    from cnncompress.images.settings import ImageSettings as ImageSettings
    from cnncompress.images.source import SourceImage as SourceImage
    from cnncompress.probe import Info as Info
    from cnncompress.probe import probe

    info = probe

__version__ = "0.2.0"

_NAMES = {
    "api.calls": "compress decompress restore_original save_image store_original",
    "api.codec": "Codec",
    "bitstream.ancillary": "SourceRecord",
    "codec.progress": "StopRefining",
    "codec.stages": "Stopwatch",
    "codec.targets": "TargetBpp TargetPsnr TargetSize",
    "codec.unpacking": "OriginalFile",
    "errors": (
        "BadMagic BitstreamError CnncompressError Corrupt DeviceError FeatureLoss ImageError InvalidModel "
        "LimitExceeded LostProcess MissingPackage ModelError NotSmaller OutOfMemory OutputError OutputExists "
        "OutsideImage PartLost PlanError ResultsError Truncated UnavailableError UnknownModel Unreachable "
        "UnreadableImage UnsupportedImage UnsupportedVersion VerificationFailed"
    ),
    "images.limits": "Limits",
    "images.read": "read_image",
    "images.settings": "ImageSettings",
    "images.source": "SourceImage",
    "probe": "Info info",
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = sorted(["__version__", *_HOMES])

if not TYPE_CHECKING:  # a type checker would take every misspelt name for this function's result

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = importlib.import_module(f"{__name__}.{_HOMES[name]}")
        return getattr(home, "probe" if name == "info" else name)


def __dir__() -> list[str]:
    return __all__
