"""A progress bar over files, on standard error."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from tqdm import tqdm


class Bar:
    """How many of the files are done."""

    def __init__(self, total: int) -> None:
        self._bar = tqdm(total=total, file=sys.stderr, unit="image", dynamic_ncols=True, smoothing=0.1)
        self._pixels = 0

    def add(self, pixels: int) -> None:
        """Counts one more file.

        Args:
            pixels: of its image, 0 if it had none.
        """
        self._pixels += pixels
        seconds = self._bar.format_dict["elapsed"]
        if seconds > 0:
            self._bar.set_postfix_str(f"{self._pixels / 1e6 / seconds:.1f} MP/s", refresh=False)
        self._bar.update()

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Takes the bar away for as long as something else is written to the terminal."""
        with self._bar.external_write_mode(file=sys.stderr):
            yield

    def close(self) -> None:
        """Leaves the bar as it is now."""
        self._bar.close()
