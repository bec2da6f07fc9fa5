"""Every error that a user can cause, with its exit code.

::

    CnncompressError                 1  any error without an exit code of its own
    ├── PlanError                    2  files or options contradict each other, or a name is unknown
    │   └── OutsideImage                an area is not within the image
    ├── ImageError                   3  an input is missing or unusable
    │   ├── UnreadableImage             the file does not exist, or cannot be decoded
    │   ├── UnsupportedImage            the codec does not support this kind of image
    │   └── ResultsError                a file of measurements is missing, damaged, or of other images
    ├── BitstreamError               4  a .cnc file cannot be decoded
    │   ├── BadMagic                    not a .cnc file
    │   ├── UnsupportedVersion          made by a newer cnncompress
    │   ├── Truncated                   shorter than its chunk table says
    │   ├── Corrupt                     a checksum or a value is wrong
    │   └── VerificationFailed          a new file, when decoded, differs from the input
    ├── OutputError                  5  an output cannot be written
    │   └── OutputExists                the output exists and may not be replaced
    ├── ModelError                   6  the weights cannot be used
    │   ├── UnknownModel                no model has this name or fingerprint
    │   └── InvalidModel                the weights file is damaged or of another format
    ├── UnavailableError             7  the machine or the installation lacks something
    │   ├── DeviceError                 the requested device is not available
    │   ├── OutOfMemory                 an image needs more memory than available
    │   ├── MissingPackage              an optional package is not installed
    │   └── LostProcess                 another process of a run on several GPUs is gone
    ├── Unreachable                  8  the requested size, rate or PSNR cannot be reached
    │   └── NotSmaller                  the .cnc file would not be smaller than its input
    └── LimitExceeded                9  an image exceeds a limit

Losses are warnings, not errors: `FeatureLoss` for a property of an image that cannot be kept, and `PartLost` for damage
of a .cnc file that is decoded anyway.

click also uses exit code 2, for a wrong command line. Exit code 1 also means that some of several files failed.
Messages have one line, and name the value and what was expected; the command line adds the file name in front.
"""

from __future__ import annotations

from typing import ClassVar

SOME_FAILED_EXIT_CODE = 1
"""Exit code if some of several files failed."""

EXISTS_ALREADY = "exists already; -f replaces it"
"""Message of `OutputExists` on the command line."""


class CnncompressError(Exception):
    """Base class of all errors that cnncompress raises on purpose.

    Attributes:
        exit_code: Exit code of the command line.
    """

    exit_code: ClassVar[int] = 1


class PlanError(CnncompressError):
    """Files or options contradict each other, as when two files would have the same output, or a name is unknown.

    For an unknown model there is `UnknownModel`.
    """

    exit_code = 2


class OutsideImage(PlanError):
    """The requested area is not within the image."""


class ImageError(CnncompressError):
    """An input is missing or unusable: an image, or a file of measurements."""

    exit_code = 3


class UnreadableImage(ImageError):
    """The file does not exist, cannot be read, or cannot be decoded."""


class UnsupportedImage(ImageError):
    """The codec does not support this kind of image."""


class ResultsError(ImageError):
    """A file of measurements or of published curves is missing, damaged, or does not go with the images or others."""


class BitstreamError(CnncompressError):
    """A .cnc file cannot be decoded."""

    exit_code = 4


class BadMagic(BitstreamError):
    """The data does not begin with the signature of a .cnc file."""


class UnsupportedVersion(BitstreamError):
    """The file needs a newer cnncompress."""


class Truncated(BitstreamError):
    """The file is shorter than its chunk table says."""


class Corrupt(BitstreamError):
    """A checksum does not match or a value is out of its range."""


class VerificationFailed(BitstreamError):
    """A new file cannot be decoded, or differs from the input when decoded."""


class OutputError(CnncompressError):
    """An output cannot be written."""

    exit_code = 5


class OutputExists(OutputError):
    """The output exists and may not be replaced."""


class ModelError(CnncompressError):
    """The weights cannot be used."""

    exit_code = 6


class UnknownModel(ModelError):
    """No installed model has this name or fingerprint, or the path of a weights file does not exist."""


class InvalidModel(ModelError):
    """A weights file is damaged, has unexpected contents, or exceeds the bounds of the integer networks."""


class UnavailableError(CnncompressError):
    """The machine or the installation lacks something."""

    exit_code = 7


class DeviceError(UnavailableError):
    """The requested device is not available."""


class OutOfMemory(UnavailableError):
    """An image needs more memory than the machine or the device has left."""


class MissingPackage(UnavailableError):
    """An optional package is not installed, or does not match the version of another one."""


class LostProcess(UnavailableError):
    """Another process of a training run on several GPUs or machines has ended before its time."""


class Unreachable(CnncompressError):
    """The requested size, rate or PSNR cannot be reached."""

    exit_code = 8


class NotSmaller(Unreachable):
    """The .cnc file would not be smaller than its input."""


class LimitExceeded(CnncompressError):
    """An image exceeds a limit on its size or memory."""

    exit_code = 9


class FeatureLoss(UserWarning):
    """Something of an image could not be kept: its bit depth, colour space, a second picture, or damaged metadata."""


class PartLost(UserWarning):
    """A damaged file was decoded although a part of it is lost, or it has extra bytes at its end.

    Also of an image file that is compressed: its decoder has repaired it without a word.
    """
