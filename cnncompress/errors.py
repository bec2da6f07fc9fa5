"""Every error that a user can cause, with its exit code.

::

    CnncompressError                 1  anything without a code of its own
    ├── PlanError                    2  the files of a command line do not go together, or not with what it asks for
    │   └── OutsideImage                an area that is not within the image
    ├── ImageError                   3  an input image is missing or unusable
    │   ├── UnreadableImage             no such file, or no decoder for its bytes
    │   └── UnsupportedImage            a kind of image the codec does not carry
    ├── BitstreamError               4  a .cnc file that cannot be decoded
    │   ├── BadMagic                    not a .cnc file
    │   ├── UnsupportedVersion          made by a newer cnncompress
    │   ├── Truncated                   shorter than its own table says
    │   ├── Corrupt                     a checksum or a value is wrong
    │   └── VerificationFailed          a new file does not give back what went in
    ├── OutputError                  5  an output cannot be written
    │   └── OutputExists                it is there already and may not be replaced
    ├── ModelError                   6  weights
    │   ├── UnknownModel                no model of that name or fingerprint
    │   └── InvalidModel                the weights file is damaged or not ours
    ├── UnavailableError             7  something that the machine or the installation lacks
    │   ├── DeviceError                 the device asked for is not there
    │   ├── OutOfMemory                 an image needs more memory than there is
    │   └── MissingPackage              a package that not everybody needs is not installed
    ├── Unreachable                  8  a size that was asked for cannot be reached
    │   └── NotSmaller                  the .cnc file would not be smaller than its input
    └── LimitExceeded                9  larger than a limit that is in force

What an image loses on its way in is no error but a warning, :class:`FeatureLoss`; so is what is wrong with a damaged
file that is decoded all the same, :class:`PartLost`.

Exit code 2 is click's too, for a wrong command line, and 1 also says that some of several files failed. Messages are
one line, name the value and what was expected; the command line puts the file's name in front.
"""

from __future__ import annotations

from typing import ClassVar

SOME_FAILED_EXIT_CODE = 1
"""Exit code where some of several files failed."""


class CnncompressError(Exception):
    """Base of all errors that cnncompress raises on purpose."""

    exit_code: ClassVar[int] = 1


class PlanError(CnncompressError):
    """The files of a command line do not go together: two would have the same output, or one has no place."""

    exit_code = 2


class OutsideImage(PlanError):
    """A part of an image was asked for that it does not have."""


class ImageError(CnncompressError):
    """An input image is missing or unusable."""

    exit_code = 3


class UnreadableImage(ImageError):
    """The file does not exist, cannot be read, or no decoder knows its bytes."""


class UnsupportedImage(ImageError):
    """The image is of a kind that the codec does not carry."""


class BitstreamError(CnncompressError):
    """A .cnc file cannot be decoded."""

    exit_code = 4


class BadMagic(BitstreamError):
    """The bytes do not begin like a .cnc file."""


class UnsupportedVersion(BitstreamError):
    """The file needs a newer cnncompress."""


class Truncated(BitstreamError):
    """The file ends before its own chunk table says it should."""


class Corrupt(BitstreamError):
    """A checksum does not match or a value is out of its range."""


class VerificationFailed(BitstreamError):
    """A file that was just made does not give back what went in."""


class OutputError(CnncompressError):
    """An output cannot be written."""

    exit_code = 5


class OutputExists(OutputError):
    """The output is there already and may not be replaced."""


class ModelError(CnncompressError):
    """Something is wrong with the weights."""

    exit_code = 6


class UnknownModel(ModelError):
    """No model of that name, path or fingerprint is at hand."""


class InvalidModel(ModelError):
    """A weights file is damaged, has unexpected contents or breaks the integer bounds."""


class UnavailableError(CnncompressError):
    """The machine or the installation lacks something."""

    exit_code = 7


class DeviceError(UnavailableError):
    """The device asked for is not there."""


class OutOfMemory(UnavailableError):
    """An image needs more memory than the machine or the device has left."""


class MissingPackage(UnavailableError):
    """A package that not everybody needs is not installed, or does not fit the others."""


class Unreachable(CnncompressError):
    """A size that was asked for cannot be reached."""

    exit_code = 8


class NotSmaller(Unreachable):
    """The .cnc file would not be smaller than its input."""


class LimitExceeded(CnncompressError):
    """An image is larger than a limit that is in force."""

    exit_code = 9


class FeatureLoss(UserWarning):
    """Something about an image that could not be carried along: bit depth, colour space, damaged metadata."""


class PartLost(UserWarning):
    """What is wrong with a damaged file that was decoded: a part is lost, or bytes follow that are no part of it."""
