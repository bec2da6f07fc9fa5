"""Names of outputs."""

from __future__ import annotations

from pathlib import Path, PurePath

from cnncompress.batch.gather import CNC, Found
from cnncompress.batch.request import Outputs
from cnncompress.errors import PlanError

DEFAULT_ENDING = "png"

_CNC_ENDING = f".{CNC}"
# What is replaced by ".cnc". Whatever else stands behind a point, as in "holiday.2024", belongs to the name.
_IMAGE_ENDINGS = frozenset(
    {
        ".apng", ".avif", ".bmp", ".bw", ".dib", ".gif", ".j2c", ".j2k", ".jfif", ".jp2", ".jpc", ".jpe", ".jpeg",
        ".jpf", ".jpg", ".jpx", ".mpo", ".pbm", ".pfm", ".pgm", ".png", ".pnm", ".ppm", ".qoi", ".ras", ".rgb",
        ".rgba", ".sgi", ".sun", ".tif", ".tiff", ".webp",
    }
)  # fmt: skip


def is_image_ending(ending: str) -> bool:
    """Whether an ending, without its point, is one that images have."""
    return f".{ending.lower()}" in _IMAGE_ENDINGS


def compressed_name(name: str, *, append_suffix: bool) -> str:
    """Returns the name of the .cnc file of an image: ``photo.jpg`` becomes ``photo.cnc``, or ``photo.jpg.cnc``."""
    path = PurePath(name)
    if append_suffix or not is_image_ending(path.suffix[1:]):
        return name + _CNC_ENDING
    return path.stem + _CNC_ENDING


def decompressed_name(name: str, ending: str) -> str:
    """Returns the name of the image of a .cnc file: ``photo.cnc`` becomes ``photo.png``, as does ``photo.png.cnc``."""
    if PurePath(name).suffix.lower() != _CNC_ENDING:
        return f"{name}.{ending}"
    stem = PurePath(name).stem
    return stem if PurePath(stem).suffix.lower() == f".{ending.lower()}" else f"{stem}.{ending}"


def place(found: Found, name: str, outputs: Outputs) -> Path:
    """Returns the path of an output.

    Args:
        found: the input.
        name: of the output, without folders.
        outputs: where outputs go.

    Raises:
        PlanError: the input is not below the root.
    """
    if outputs.folder is None:
        return Path(found.path).with_name(name)
    if outputs.flat:
        return outputs.folder / name
    if outputs.root is None:
        return outputs.folder / found.relative.with_name(name)
    return outputs.folder / _below(Path(found.path), outputs.root).with_name(name)


def _below(path: Path, root: Path) -> Path:
    # The file itself may be a link to anywhere; the folder that it is named in counts.
    folder = path.parent.resolve()
    try:
        return folder.relative_to(root.resolve()) / path.name
    except ValueError:
        raise PlanError(f"{path} is not below {root}, which --root names") from None
