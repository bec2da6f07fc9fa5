"""The work on one file, and the settings for all files of a run. Worker processes receive both unchanged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cnncompress.batch.request import Existing, TarWork
from cnncompress.codec.encode_settings import DEFAULT_QUALITY, EncodeSettings
from cnncompress.codec.targets import Target
from cnncompress.images.settings import ImageSettings
from cnncompress.images.view import View
from cnncompress.units import Hundredths, hundredths_of

Action = Literal["compress", "decompress", "test", "copy"]

IfLarger = Literal["store", "skip", "keep", "fail"]
"""What to do if a .cnc file is not smaller than its input."""


@dataclass(frozen=True)
class Job:
    """The work on one file.

    Attributes:
        action: What to do with the file.
        source: Path of the input, ``-`` for standard input.
        output: Path of the output, ``-`` for standard output; empty if there is none.
        replace: Whether an existing output may be replaced.
        existing: What to do if an output is there that was not when the job was planned.
        new_folders: Whether missing folders of the output are created.
        record: Whether the .cnc file gets a record of the file that it was made from.
        tar: How its members are processed if the file is a tar archive; None for other files.
        attempt: Number of this attempt, from 1; the workers of those before have died.
    """

    action: Action
    source: str
    output: str = ""
    replace: bool = False
    existing: Existing = Existing.REFUSE
    new_folders: bool = False
    record: bool = False
    tar: TarWork | None = None
    attempt: int = 1


@dataclass(frozen=True)
class WorkSettings:
    """How every file of a run is processed.

    Attributes:
        image: How images are read; its limits apply to .cnc files too.
        quality: Quality of each file in hundredths, or a target for which a quality is searched per file.
        encode: How images are coded.
        if_larger: What to do if a .cnc file is not smaller than its input.
        format: Format of decompressed images; None for that of the output's ending, and for stored originals their own;
            `cnncompress.batch.cnc_files.SAME` for that of the file that was compressed.
        output_quality: Quality of decompressed images, ``1 .. 100``, where their format has one; None for a high one.
        preserve: Whether outputs get the permissions and modification times of their inputs.
        verify: Whether a .cnc file is decoded and compared before it is written.
        remove: Whether an input is removed once its output is verified and safely on the disk.
        view: View of an image that is decompressed.
        keep_going: Whether the intact parts of a damaged file are decompressed.
    """

    image: ImageSettings = ImageSettings()  # noqa: RUF009 - frozen
    quality: Hundredths | Target = hundredths_of(DEFAULT_QUALITY)  # noqa: RUF009 - a number
    encode: EncodeSettings = EncodeSettings()  # noqa: RUF009 - frozen
    if_larger: IfLarger = "store"
    format: str | None = None
    output_quality: int | None = None
    preserve: bool = False
    verify: bool = False
    remove: bool = False
    view: View = View()  # noqa: RUF009 - frozen
    keep_going: bool = False

    @property
    def in_one_pass(self) -> bool:
        """Whether the networks are run once for each image, without effort or a search."""
        return not self.encode.effort and not isinstance(self.quality, Target)
