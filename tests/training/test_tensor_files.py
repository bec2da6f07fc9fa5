"""Tensors in one file or in shards: sizes, damage, and writes that are cut short."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from cnncompress.training import tensor_files
from cnncompress.training.tensor_files import MIN_LIMIT, read_tensors, remove_tensors, write_tensors

LIMIT = 20_000


@pytest.fixture
def tensors() -> dict[str, Tensor]:
    """Larger and smaller ones than the limit, in several types and layouts."""
    return {
        "large": torch.randn(7, 11, 13, 17),
        "vector": torch.randn(LIMIT),
        "image": torch.randn(2, 3, 8, 8).contiguous(memory_format=torch.channels_last),
        "half": torch.randn(100, 30).bfloat16(),
        "bytes": torch.arange(200, dtype=torch.uint8),
        "scalar": torch.tensor(3.5),
        "empty": torch.zeros(0, 4),
        **{f"small.{index}": torch.full((500,), index) for index in range(20)},
    }


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for key, tensor in expected.items():
        assert found[key].dtype == tensor.dtype and torch.equal(found[key], tensor), key


def shards(path: Path) -> list[Path]:
    return sorted(each for each in path.parent.iterdir() if each != path)


@pytest.mark.parametrize("limit", [MIN_LIMIT, LIMIT, 100_000, 10_000_000, None])
def test_round_trip(tensors: dict[str, Tensor], limit: int | None, tmp_path: Path) -> None:
    path = tmp_path / "new" / "run.pt"
    write_tensors(path, tensors, "what it is: ü", limit)
    found, text = read_tensors(path)
    assert_same(found, tensors)
    assert text == "what it is: ü"
    files = shards(path)
    assert all(each.stat().st_size <= limit for each in [path, *files] if limit)
    total = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    assert len(files) == 0 if limit is None else len(files) <= total // (0.6 * limit) + 1
    assert all(each.name.endswith(f"{n:05}-of-{len(files):05}.pt") for n, each in enumerate(files, 1))


def test_the_new_set_replaces_the_old_one(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    others = [tmp_path / name for name in ("runs-0123456789ab-00001-of-00001.pt", "run-1.pt", "run.txt")]
    for other in others:
        other.write_text("another file")
    for limit in (LIMIT, 100_000, LIMIT, None):
        write_tensors(path, tensors, f"limit {limit}", limit)
        assert read_tensors(path)[1] == f"limit {limit}"
    assert set(shards(path)) == set(others)
    write_tensors(path, tensors, "", LIMIT)
    remove_tensors(path)
    remove_tensors(path)
    assert set(tmp_path.iterdir()) == set(others)


@pytest.mark.parametrize("limit", [LIMIT, None])
def test_a_write_cut_short_leaves_the_old_set(
    tensors: dict[str, Tensor], limit: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.pt"
    write_tensors(path, tensors, "old", LIMIT)
    real = tensor_files._write
    for allowed in (0, 3):
        written: list[Path] = []

        def interrupted(target: Path, data: bytes, allowed: int = allowed, written: list[Path] = written) -> None:
            if len(written) == allowed or target == path:
                raise KeyboardInterrupt
            written.append(target)
            real(target, data)

        monkeypatch.setattr(tensor_files, "_write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write_tensors(path, {"large": tensors["vector"] + 1}, "new", limit)
        found, text = read_tensors(path)
        assert_same(found, tensors)
        assert text == "old"
    monkeypatch.setattr(tensor_files, "_write", real)
    write_tensors(path, tensors, "next", None)
    assert shards(path) == [], "what the interrupted writes left is gone"


def test_missing_and_damaged_shards(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    write_tensors(path, tensors, "", LIMIT)
    one, other = shards(path)[1:3]
    data = one.read_bytes()
    one.unlink()
    with pytest.raises(FileNotFoundError) as missing:
        read_tensors(path)
    assert Path(missing.value.filename) == one
    for damaged in (data[:-1], b"", data[:-5] + bytes([data[-5] ^ 1]) + data[-4:], other.read_bytes()):
        one.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"not a safetensors file|checksum|fit together"):
            read_tensors(path)
    one.write_bytes(data)
    read_tensors(path)


def test_single_files_have_a_checksum_too(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    write_tensors(path, tensors, "")
    data = bytearray(path.read_bytes())
    data[-100] ^= 16
    path.write_bytes(data)
    with pytest.raises(ValueError, match="checksum"):
        read_tensors(path)


@pytest.mark.parametrize("name", ["../run-0123456789ab-00001-of-00001.pt", "/etc/passwd", "run.pt", "", "x\0y"])
def test_shards_lie_beside_their_list(name: str, tmp_path: Path) -> None:
    path = tmp_path / "inner" / "run.pt"
    path.parent.mkdir()
    metadata = {"text": "", "digest": "", "shards": json.dumps([name]), "split": "{}"}
    path.write_bytes(safetensors.torch.save({}, metadata))
    with pytest.raises(ValueError, match=r"no shard of run\.pt|no list of shards"):
        read_tensors(path)


def test_limits_that_are_too_small(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 10000"):
        write_tensors(tmp_path / "run.pt", {}, "", 9_999)
