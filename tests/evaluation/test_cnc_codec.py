"""cnncompress as one of the codecs to measure: its qualities, and a round trip."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cnncompress.evaluation.cnc_codec import CncCodec, CncSettings
from cnncompress.evaluation.metrics import psnr
from cnncompress.evaluation.peers import find_codec
from cnncompress.probe import probe


def test_cnc_is_made_without_weights_and_takes_qualities() -> None:
    codec = find_codec("cnc", CncSettings("no-such-model", qualities=(20.0, 80.0), label="cnc-small"))
    assert isinstance(codec, CncCodec)
    assert codec.name == "cnc-small"
    assert codec.qualities == (20.0, 80.0)
    assert CncCodec().qualities[:2] == (0.0, 10.0)
    assert len(CncCodec().qualities) == 11


def test_cnc_round_trip(coffee: NDArray[np.uint8]) -> None:
    photograph = Image.fromarray(coffee[100:292, 150:406])
    codec = CncCodec(CncSettings(device="cpu"))
    assert codec.settings == "cnncompress, the default model, device cpu"
    small, large = (codec.encode(photograph, quality) for quality in (10, 90))
    assert len(small) < len(large)
    decoded = codec.decode(large)
    assert (decoded.mode, decoded.size) == ("RGB", photograph.size)
    assert psnr(np.asarray(photograph), np.asarray(decoded)) > 25
    assert f"({probe(large).fingerprint})" in codec.settings
    assert codec.fingerprint == probe(large).fingerprint
