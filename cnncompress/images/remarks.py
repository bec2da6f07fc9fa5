"""Hides Pillow's warnings about unusual files; a real problem with a file raises an error as well."""

from __future__ import annotations

import logging
import sys
import warnings


def silence_pillow() -> None:
    """Hides Pillow's warnings and log messages for the whole process, unless ``-W`` or ``PYTHONWARNINGS`` is set."""
    logging.getLogger("PIL").addHandler(logging.NullHandler())  # without a handler, Python prints errors
    if not sys.warnoptions:
        warnings.filterwarnings("ignore", module=r"PIL\.")
