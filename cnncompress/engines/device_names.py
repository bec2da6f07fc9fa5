"""Names of devices, which are checked before torch is asked for them."""

from __future__ import annotations

import re

from cnncompress.errors import DeviceError

_NAMES = re.compile(r"auto|cpu|mps|cuda(:[0-9]+)?")


def check_device_name(name: str) -> None:
    """Checks that a name is that of a device, whether or not it is there.

    Raises:
        DeviceError: It is not.
    """
    if not _NAMES.fullmatch(name):
        raise DeviceError(f"unknown device {name!r}; use auto, cpu, cuda, cuda:N or mps")
