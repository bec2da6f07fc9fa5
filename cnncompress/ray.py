"""Compression as a stage of a Ray Data pipeline; files and tars are better given to ``cnncompress compress --ray``.

>>> data = ray.data.read_binary_files("s3://bucket/photos", include_paths=True)  # doctest: +SKIP
>>> data.map_batches(
...     cnncompress.ray.Compress, fn_constructor_kwargs={"quality": 60}, batch_size=16, concurrency=cpus - 1
... ).write_parquet("s3://bucket/cnc")  # doctest: +SKIP

Leave CPUs for reading: where the actors take all CPUs of the cluster, Ray Data waits for ever. The module itself does
not need Ray.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cnncompress.batch.cnc_files import record_for
from cnncompress.batch.encode import Input, code
from cnncompress.batch.groups import finished
from cnncompress.batch.jobs import WorkSettings
from cnncompress.batch.outcomes import known_error
from cnncompress.batch.resources import PixelBudget
from cnncompress.codec.cache import CodecCache
from cnncompress.codec.encode_settings import DEFAULT_QUALITY, CodingChoice, EncodeSettings
from cnncompress.codec.model_settings import ModelSettings
from cnncompress.errors import DeviceError, ModelError
from cnncompress.units import hundredths_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Compress"]

BYTES, PATH, CNC, ERROR = "bytes", "path", "cnc", "error"


class Compress:
    """Compresses a batch of image files, with a model that is loaded once.

    The column ``bytes`` is replaced by ``cnc``, the bytes of the .cnc file, and ``error``, which is None where that was
    made. Other columns stay. With a column ``path`` the files are those of ``cnncompress compress -r``.
    """

    def __init__(
        self,
        quality: float = DEFAULT_QUALITY,
        *,
        effort: int = 0,
        coding: CodingChoice = "auto",
        model: str | None = None,
        device: str = "cpu",
        threads: int = 1,
    ) -> None:
        """Loads the model.

        Args:
            quality: 0 .. 100.
            effort: 0 .. 9.
            coding: As for `cnncompress.Codec.compress`.
            model: As for `cnncompress.Codec`.
            device: As for `cnncompress.Codec`.
            threads: CPU threads for each image, as many as CPUs are asked for.

        Raises:
            ModelError: The model is unknown or damaged.
            DeviceError: The device is not available.
        """
        self._settings = WorkSettings(quality=hundredths_of(quality), encode=EncodeSettings(coding, effort))
        self._codecs = CodecCache(ModelSettings(model, device, threads), self._settings.image.limits)
        self._budget = PixelBudget()
        if self._settings.encode.may_need_model:
            self._codecs.encoder()

    def __call__(self, batch: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Compresses a batch.

        Args:
            batch: A column ``bytes``, and any others.

        Raises:
            KeyError: There is no column ``bytes``.
        """
        files, paths = batch[BYTES], batch.get(PATH)
        made = np.empty(len(files), object)
        errors = np.empty(len(files), object)
        for row, data in enumerate(files):
            try:
                made[row] = self._compressed(bytes(data), None if paths is None else str(paths[row]))
            except (DeviceError, ModelError):
                raise
            except Exception as error:
                errors[row] = str(known_error(error))
        others = {name: column for name, column in batch.items() if name != BYTES}
        return {**others, CNC: made, ERROR: errors}

    def _compressed(self, data: bytes, path: str | None) -> bytes:
        record = None if path is None else record_for(path, len(data))
        coded = finished(code(Input(data, len(data), None), record, self._settings, self._codecs, self._budget))
        assert coded is not None  # by these settings no file is skipped
        return coded.data
