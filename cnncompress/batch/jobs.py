"""One file's work, and how the work is done on every file of a run; goes to worker processes as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cnncompress.codec.settings import EncodeSettings
from cnncompress.codec.targets import Target
from cnncompress.images.settings import ImageSettings
from cnncompress.images.view import View
from cnncompress.units import Hundredths

if TYPE_CHECKING:
    from cnncompress.model.devices import Precision

Action = Literal["compress", "decompress", "test", "copy"]

IfLarger = Literal["store", "skip", "keep", "fail"]
"""What becomes of a .cnc file that is not smaller than its input."""


@dataclass(frozen=True)
class Job:
    """What is to be done with a file.

    Attributes:
        action: the work.
        source: path of the input, ``-`` for standard input.
        output: path of the output, ``-`` for standard output; empty if there is none.
        replace: whether an output that is there may be replaced.
        new_folders: whether the folders of the output are made.
        record: whether a .cnc file notes what it was made from.
    """

    action: Action
    source: str
    output: str = ""
    replace: bool = False
    new_folders: bool = False
    record: bool = False


@dataclass(frozen=True)
class Engine:
    """What runs the networks.

    Attributes:
        model: name or path, None for the default.
        device: one device, as for :class:`cnncompress.Codec`.
        threads: of one image.
        precision: what the networks compute in.
    """

    model: str | None = None
    device: str = "auto"
    threads: int = 1
    precision: Precision = "auto"


@dataclass(frozen=True)
class WorkSettings:
    """What is done with a file.

    Attributes:
        image: how images are read; its limits hold for .cnc files too.
        quality: of each file, or the target that it is searched for.
        encode: how images are coded.
        if_larger: what becomes of a .cnc file that is not smaller than its input.
        format: of decompressed images; None for the output's ending, and for stored originals their own.
        preserve: whether the output gets its input's permissions and time of modification.
        verify: whether a .cnc file is decoded before it is written.
        remove: whether the input is removed after its output is verified, and safe on the disk.
        view: what of an image is decompressed.
        keep_going: whether what is left of a damaged file is decompressed.
    """

    image: ImageSettings = ImageSettings()  # noqa: RUF009 - frozen
    quality: Hundredths | Target = Hundredths(60_00)  # noqa: RUF009 - a number
    encode: EncodeSettings = EncodeSettings()  # noqa: RUF009 - frozen
    if_larger: IfLarger = "store"
    format: str | None = None
    preserve: bool = False
    verify: bool = False
    remove: bool = False
    view: View = View()  # noqa: RUF009 - frozen
    keep_going: bool = False
