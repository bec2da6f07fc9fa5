"""Tars of samples, as WebDataset reads them: a decoder for its pipelines, and tars for engines such as Spark and Dask.

>>> import webdataset  # doctest: +SKIP
>>> samples = webdataset.WebDataset("out/in-{000..099}.tar").decode(cnncompress.webdataset.decode)  # doctest: +SKIP

The module needs neither WebDataset nor such an engine.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnncompress.api.callers import image_with_warnings
from cnncompress.batch.inputs import CNC
from cnncompress.batch.jobs import WorkSettings
from cnncompress.batch.plan import make_plan
from cnncompress.batch.request import Existing, Inputs, Outputs, Request
from cnncompress.batch.tar_marker import tar_work
from cnncompress.batch.worker import Worker
from cnncompress.codec.cache import CodecCache
from cnncompress.codec.encode_settings import DEFAULT_QUALITY, EncodeSettings
from cnncompress.codec.model_settings import ModelSettings
from cnncompress.codec.unpacking import parse
from cnncompress.remote import is_url
from cnncompress.units import hundredths_of

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["compress_tars", "decode"]


def decode(
    key: str, data: bytes, *, model: str | None = None, device: str = "cpu", threads: int = 1
) -> Image.Image | None:
    """Decodes the .cnc members of samples: an argument for ``WebDataset.decode``.

    The model is loaded once in each process, when the first image is decoded, or is that of the process that the
    workers of a ``DataLoader`` were forked from.

    Args:
        key: Ending of the member's name, such as ``.cnc`` or ``.left.cnc``.
        data: Its contents.
        model: As for `cnncompress.Codec`, for files of a model that is not installed.
        device: Where to run, as for `cnncompress.Codec`.
        threads: CPU threads for each image; a ``DataLoader`` has a process for each core.

    Returns:
        The image, as from `cnncompress.decompress`; None for other members, which the next decoder gets.

    Warns:
        FeatureLoss, PartLost: As for `cnncompress.decompress`.

    Raises:
        BitstreamError: The file is damaged.
        ModelError: Its model is not installed.
        LimitExceeded: The image is too large.
    """
    if key.rpartition(".")[2].lower() != CNC:
        return None
    return image_with_warnings(_codecs(model, device, threads).decode(parse(data)))


@functools.lru_cache(maxsize=4)
def _codecs(model: str | None, device: str, threads: int) -> CodecCache:
    return CodecCache(ModelSettings(model, device, threads))


def compress_tars(
    sources: Iterable[str],
    folder: str,
    *,
    quality: float = DEFAULT_QUALITY,
    effort: int = 0,
    model: str | None = None,
    device: str = "cpu",
    threads: int = 1,
) -> Iterator[dict[str, Any]]:
    """Compresses the images of tars, one tar after the other, as ``cnncompress compress --tar --skip-existing`` does.

    For ``rdd.mapPartitions`` of Spark, ``client.map`` of Dask and the like: only paths travel. Tars that are finished
    are skipped, so a partition may be tried again.

    Args:
        sources: Paths or URLs of the tars. No two may have one name, nor two of two calls with one folder.
        folder: Path or URL where the new tars go.
        quality: 0 .. 100.
        effort: 0 .. 9.
        model: As for `cnncompress.Codec`.
        device: As for `cnncompress.Codec`.
        threads: CPU threads for each image.

    Yields:
        For each tar the object that ``--json`` prints, once it is made; ``status`` is ``ok``, ``skipped`` or ``error``.

    Raises:
        ModelError: The model is unknown or damaged.
        DeviceError: The device is not available.
        PlanError: Two tars have one name, and would become one.
        OutputError: A tar would replace itself.
    """
    settings = WorkSettings(quality=hundredths_of(quality), encode=EncodeSettings(effort=effort))
    run_with = ModelSettings(model, device, threads)
    outputs = Outputs(folder=folder if is_url(folder) else Path(folder), existing=Existing.SKIP)
    work = tar_work("compress", settings, run_with)
    plan = make_plan(Request("compress", Inputs(tuple(sources)), outputs, tar=work))
    for result in (*plan.settled, *map(Worker(settings, run_with).run, plan.jobs)):
        yield result.to_json()
