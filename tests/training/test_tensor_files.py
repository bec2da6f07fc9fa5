"""Tensors and a text in one file: types and layouts, damage, and writes that are cut short."""

from __future__ import annotations

from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from cnncompress.errors import OutputError
from cnncompress.training.tensor_files import read_tensors, write_tensors


@pytest.fixture
def tensors() -> dict[str, Tensor]:
    """Several types and layouts."""
    return {
        "large": torch.randn(7, 11, 13, 17),
        "image": torch.randn(2, 3, 8, 8).contiguous(memory_format=torch.channels_last),
        "half": torch.randn(100, 30).bfloat16(),
        "bytes": torch.arange(200, dtype=torch.uint8),
        "scalar": torch.tensor(3.5),
        "empty": torch.zeros(0, 4),
        "parameter": torch.nn.Parameter(torch.ones(3)),
    }


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for key, tensor in expected.items():
        assert found[key].dtype == tensor.dtype and torch.equal(found[key], tensor), key


def test_round_trip(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "new" / "run.pt"
    for text in ("what it is: ü", "and again"):
        write_tensors(path, tensors, text)
        found, read = read_tensors(path)
        assert_same(found, tensors)
        assert read == text
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("function", ["os.fsync", "pathlib.Path.replace"])
def test_a_write_cut_short_leaves_the_old_file(
    function: str, tensors: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.pt"
    write_tensors(path, tensors, "old")

    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(function, interrupt)
        with pytest.raises(KeyboardInterrupt):
            write_tensors(path, {"large": tensors["large"] + 1}, "new")
    found, text = read_tensors(path)
    assert_same(found, tensors)
    assert text == "old" and list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    path = tmp_path / "file" / "run.pt"
    with pytest.raises(OutputError) as caught:
        write_tensors(path, {}, "")
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("place", [-1, -100, 200])
def test_every_damaged_bit_is_noticed(place: int, tensors: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    write_tensors(path, tensors, "x" * 300)
    data = bytearray(path.read_bytes())
    data[place] ^= 4
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"checksum|not a file of tensors"):
        read_tensors(path)


def test_other_files(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    with pytest.raises(FileNotFoundError):
        read_tensors(path)
    for data in (b"", b"hello there, this is a text", safetensors.torch.save({"a": torch.zeros(3)})):
        path.write_bytes(data)
        with pytest.raises(ValueError, match="not a file of tensors and a text"):
            read_tensors(path)
