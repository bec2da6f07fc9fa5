"""Hides what Pillow remarks on odd files; what is wrong with a file comes as an error too."""

from __future__ import annotations

import logging
import sys
import warnings


def silence_pillow() -> None:
    """Hides Pillow's warnings and log messages for the whole process, unless Python was asked to show warnings."""
    logging.getLogger("PIL").addHandler(logging.NullHandler())  # without any, Python prints errors
    if not sys.warnoptions:
        warnings.filterwarnings("ignore", module=r"PIL\.")
