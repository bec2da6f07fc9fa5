"""Files of which something is changed, with right checksums."""

from __future__ import annotations

import dataclasses
from typing import Any

from cnncompress.bitstream.container import Container, pack, unpack


def with_header(data: bytes, **changes: Any) -> bytes:
    """The same file with other values in its header, and right checksums."""
    container = unpack(data)
    return pack(Container(dataclasses.replace(container.header, **changes), container.chunks))
