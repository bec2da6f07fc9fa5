"""Codecs in other processes: forked ones, and those that a codec is sent to."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import subprocess
import sys
import weakref
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from own_process import in_own_process
from random_model import write_random_model

from cnncompress.api.codec import Codec
from cnncompress.codec.cache import CodecCache
from cnncompress.codec.model_settings import ModelSettings
from cnncompress.errors import UnknownModel
from cnncompress.images.limits import Limits
from cnncompress.model.manifest import read_manifest


@pytest.fixture
def tiny(tmp_path: Path) -> Codec:
    write_random_model(tmp_path / "tiny.safetensors")
    return Codec(tmp_path / "tiny.safetensors", "cpu", limits=Limits(10_000))


def test_a_codec_can_be_pickled(tiny: Codec, astronaut: NDArray[np.uint8]) -> None:
    data = pickle.dumps(tiny)
    assert len(data) < 1000, "weights do not travel"
    for again in (pickle.loads(data), copy.deepcopy(tiny)):
        assert (again.model, again.fingerprint, again.device, again.limits) == (
            tiny.model, tiny.fingerprint, "cpu", Limits(10_000),
        )  # fmt: skip
        assert again.compress(astronaut[:64, :64]) == tiny.compress(astronaut[:64, :64])


def test_all_that_a_codec_is_made_with_travels(tiny: Codec, tmp_path: Path) -> None:
    made_with = ModelSettings(tmp_path / "tiny.safetensors", "cpu", 1, "ncnn", "fp32")
    unlike = [field.name for field in fields(ModelSettings) if getattr(made_with, field.name) == field.default]
    assert not unlike, "or it would travel by chance"
    again = pickle.loads(pickle.dumps(Codec(**asdict(made_with))))
    assert again._settings == made_with


def test_relative_paths_lead_to_the_same_model(tiny: Codec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = pickle.dumps(Codec("tiny.safetensors", "cpu"))
    monkeypatch.chdir("/")
    assert pickle.loads(data).fingerprint == tiny.fingerprint


def test_a_file_of_the_name_of_a_model_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = read_manifest().default
    codec = Codec(name, "cpu")
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(b"notes")
    assert pickle.loads(pickle.dumps(codec)).fingerprint == codec.fingerprint


def test_another_model_of_that_name_is_refused(tiny: Codec, tmp_path: Path) -> None:
    data = pickle.dumps(tiny)
    write_random_model(tmp_path / "tiny.safetensors", seed=7)
    with pytest.raises(UnknownModel, match="the codec was made with model"):
        pickle.loads(data)


def compressed_by(codec: Codec, pixels: NDArray[np.uint8]) -> bytes:
    return codec.compress(pixels)


@pytest.mark.slow
def test_a_codec_in_a_spawned_process(tiny: Codec, astronaut: NDArray[np.uint8]) -> None:
    crop = np.ascontiguousarray(astronaut[:64, :64])
    assert in_own_process(compressed_by, tiny, crop) == tiny.compress(crop)


FORKED = """
import os, sys
import numpy as np
from cnncompress import Codec
codec = Codec(sys.argv[1], "cpu", engine=sys.argv[2])
pixels = np.random.default_rng(1).integers(0, 256, (256, 256, 3), dtype=np.uint8)
expected = codec.compress(pixels)
child = os.fork()
if child == 0:
    os._exit(0 if codec.compress(pixels) == expected and codec.decompress(expected).size == (256, 256) else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes of that kind")
@pytest.mark.parametrize("engine", ["ncnn", "torch"])
def test_a_forked_child_computes(engine: str, tiny: Codec, tmp_path: Path) -> None:
    """It would wait for ever for threads that only its parent has."""
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", FORKED, str(tmp_path / "tiny.safetensors"), engine]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "0\n", done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
def test_a_process_forked_while_a_model_loads_can_load_one() -> None:
    codecs = CodecCache(ModelSettings(device="cpu"))
    with codecs._lock:  # as another thread's that is loading a model
        child = os.fork()
        if not child:
            os._exit(0 if codecs._lock.acquire(timeout=5) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_codec_that_is_dropped_is_freed_at_once(tiny: Codec, astronaut: NDArray[np.uint8], tmp_path: Path) -> None:
    codec = Codec(tmp_path / "tiny.safetensors", "cpu", engine="ncnn")
    codec.decompress(codec.compress(astronaut[:64, :64]), scale=0.5)
    engine = weakref.ref(codec._codec._engine)
    gc.disable()
    try:
        del codec
        assert engine() is None
    finally:
        gc.enable()
