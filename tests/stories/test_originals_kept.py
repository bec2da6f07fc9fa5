"""``--rm`` removes a file only if all of it is in the .cnc file, or if an option said what may be missing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from command_line import COMMAND, run
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from sample_files import encoded

PIXELS = np.random.default_rng(1).integers(0, 256, (24, 32, 3), dtype=np.uint8)


def noise(kind: str, **options: object) -> bytes:
    return encoded(Image.fromarray(PIXELS), kind, **options)


def compress(folder: Path, *arguments: str) -> Result:
    return run("compress", "--lossless", "--if-larger", "keep", "--rm", *arguments, folder)


def text() -> PngInfo:
    info = PngInfo()
    info.add_text("Author", "somebody")
    return info


INCOMPLETE = {
    "video behind the picture": ("a.jpg", noise("JPEG") + b"\0\0\0\x18ftypmp42" + bytes(range(99))),
    "second picture": ("a.jpg", noise("JPEG") + noise("JPEG")),
    "comment": ("a.jpg", noise("JPEG", comment=b"hello")),
    "text": ("a.png", noise("PNG", pnginfo=text())),
}


@pytest.mark.parametrize("name", INCOMPLETE)
def test_file_of_which_something_is_left_out_is_kept(name: str, tmp_path: Path) -> None:
    file, data = INCOMPLETE[name]
    path = tmp_path / file
    path.write_bytes(data)
    done = compress(path)
    assert done.exit_code == 0 and path.read_bytes() == data and (tmp_path / "a.cnc").exists()
    assert "not kept" in done.stderr and "the input is kept, as not all of it is in the .cnc file" in done.stderr
    assert compress(path, "-f", "--strict").exit_code == 3 and path.exists()
    done = compress(path, "-f", "--strip", "other")
    assert done.exit_code == 0 and not done.stderr and not path.exists()


def test_damaged_file_is_compressed_and_kept_and_counts_as_failed(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(noise("JPEG")[:-2])
    done = compress(path)
    assert done.exit_code == 4 and path.exists() and (tmp_path / "a.cnc").exists()
    assert "the end of the image is missing" in done.stderr
    assert "the input is damaged; it was compressed as repaired by its decoder" in done.stderr
    assert compress(path, "-f", "--strict").exit_code == 3


def test_stored_file_is_removed_as_all_of_it_is_there(tmp_path: Path) -> None:
    path, data = tmp_path / "a.jpg", noise("JPEG", comment=b"hello")
    path.write_bytes(data)
    done = run("compress", "--lossless", "--rm", path)
    assert done.exit_code == 0 and not done.stderr and not path.exists()
    done = run("decompress", tmp_path / "a.cnc", path)
    assert done.exit_code == 0 and path.read_bytes() == data


def test_reduced_depth_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257).save(path)
    done = compress(path)
    assert done.exit_code == 0 and path.exists() and "reduced to 8 bits" in done.stderr


def test_lines_of_libtiff_are_damage_with_a_name_before_them(tmp_path: Path) -> None:
    """In a process of its own, whose standard error has two descriptors."""
    path = tmp_path / "fax.tif"
    drawing = Image.fromarray(np.indices((200, 300)).sum(0) % 37 < 18)
    drawing.save(path, compression="group4")
    data = bytearray(path.read_bytes())
    data[68], data[69] = data[68] ^ 255, data[69] ^ 90
    path.write_bytes(data)
    command = [*COMMAND, "compress", "--lossless", "--if-larger", "keep", "--rm", str(path)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 4 and path.exists() and (tmp_path / "fax.cnc").exists()
    assert all(line.startswith(f"cnncompress: {path}: ") for line in done.stderr.splitlines())
    assert "the decoder says: Fax4Decode" in done.stderr
