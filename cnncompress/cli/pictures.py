"""Decodes .cnc files for the commands that show them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cnncompress.batch.cnc_files import read_cnc
from cnncompress.cli.console import say
from cnncompress.cli.exit_codes import working_on
from cnncompress.images.view import FACTORS, View

if TYPE_CHECKING:
    from PIL import Image

    from cnncompress.codec.bit_map import BitMap
    from cnncompress.codec.cache import CodecCache


def decoded_image(file: str, codecs: CodecCache, longest: int | None = None) -> Image.Image:
    """Decodes a .cnc file, and warns of what its image lacks.

    Args:
        file: A path, a URL, or ``-`` for standard input.
        codecs: The models, and how large the image may be.
        longest: The longer side that is needed, in pixels; a larger image may be scaled down to no less. None for the
            whole image.

    Raises:
        FileError: The file cannot be read or decoded.
    """
    from cnncompress.codec.unpacking import parse

    with working_on(file):
        parsed = parse(read_cnc(file, codecs.limits))
        header = parsed.container.header
        side = max(header.width, header.height)
        factor = max(each for each in FACTORS if each == 1 or (longest is not None and side >= each * longest))
        decoded = codecs.decode(parsed, View(factor=factor))
        for loss in decoded.feature_losses:
            say("warning", f"{file}: {loss}")
        return decoded.image


def bit_counter(model: str | None) -> Callable[[bytes], BitMap | None]:
    """Returns what counts the bits of each block of a .cnc file, on the CPU; None for a file that no model coded.

    Args:
        model: Model of files whose model is not installed.
    """
    from cnncompress.codec.cache import CodecCache
    from cnncompress.codec.model_settings import ModelSettings
    from cnncompress.codec.unpacking import parse

    codecs = CodecCache(ModelSettings(model, "cpu"))
    return lambda data: codecs.bit_map(parse(data))
