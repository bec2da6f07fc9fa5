from __future__ import annotations

from typing import Any

import pytest

from cnncompress.codec.encode_settings import EncodeSettings
from cnncompress.ray import Compress
from cnncompress.webdataset import compress_tars


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"effort": -1}, "effort is -1"),
        ({"effort": 10}, "effort is 10"),
        ({"effort": 2.0}, "effort is 2.0"),
        ({"coding": "avfi"}, "coding is 'avfi', expected one of auto, avif"),
    ],
)
def test_what_no_door_takes(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EncodeSettings(**settings)
    with pytest.raises(ValueError, match=message):
        Compress(**settings)
    if "effort" in settings:
        with pytest.raises(ValueError, match=message):
            list(compress_tars(["in.tar"], "out", **settings))
