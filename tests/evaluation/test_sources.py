from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from skimage import data

from cnncompress.errors import ImageError, UnreadableImage
from cnncompress.evaluation.sources import find_sources, image_name, load_rgb


@pytest.fixture
def photograph() -> Image.Image:
    return Image.fromarray(data.astronaut()[100:164, 200:280])


def test_a_folder_gives_its_images_sorted_and_nothing_else(tmp_path: Path, photograph: Image.Image) -> None:
    for name in ("b.png", "a.webp", "c.ppm"):
        photograph.save(tmp_path / name)
    (tmp_path / "README.md").write_text("no image")
    (tmp_path / "deeper").mkdir()
    photograph.save(tmp_path / "deeper" / "d.png")
    assert [path.name for path in find_sources([str(tmp_path)]).images] == ["a.webp", "b.png", "c.ppm"]


def test_the_contents_decide_not_the_ending(tmp_path: Path, photograph: Image.Image) -> None:
    photograph.save(tmp_path / "photograph.data", format="PNG")
    assert [path.name for path in find_sources([str(tmp_path)]).images] == ["photograph.data"]


def test_names_of_data_sets_are_found_below_the_base(tmp_path: Path, photograph: Image.Image) -> None:
    folder = tmp_path / "eval" / "kodak"
    folder.mkdir(parents=True)
    photograph.save(folder / "kodim01.png")
    (found,) = find_sources(["kodak"], tmp_path).images
    assert found == folder / "kodim01.png"
    assert image_name(found) == "kodak/kodim01.png"


def test_missing_names_say_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage, match="CNNCOMPRESS_DATA"):
        find_sources(["no-such-set"])
    with pytest.raises(UnreadableImage, match=r"eval.no-such-set"):
        find_sources(["no-such-set"], tmp_path)
    with pytest.raises(UnreadableImage, match="no images"):
        find_sources([str(tmp_path)])


def test_two_images_of_one_name_are_refused(tmp_path: Path, photograph: Image.Image) -> None:
    photograph.save(tmp_path / "a.png")
    with pytest.raises(UnreadableImage, match="same folder and file name"):
        find_sources([str(tmp_path), str(tmp_path / "a.png")])


def test_transparency_is_composited_over_white(tmp_path: Path) -> None:
    pixels = np.zeros((2, 3, 4), np.uint8)
    pixels[0, :, 3] = 255
    pixels[1, :, 3] = 51
    Image.fromarray(pixels).save(tmp_path / "screen.png")
    loaded = load_rgb(tmp_path / "screen.png")
    assert loaded.mode == "RGB"
    assert np.asarray(loaded)[:, 0].tolist() == [[0, 0, 0], [204, 204, 204]]


def test_comments_are_left_behind(tmp_path: Path, photograph: Image.Image) -> None:
    """The Kodak images have one."""
    text = PngInfo()
    text.add_text("source", "a film")
    photograph.save(tmp_path / "a.png", pnginfo=text)
    assert load_rgb(tmp_path / "a.png").tobytes() == photograph.tobytes()


def test_gray_becomes_three_equal_channels(tmp_path: Path) -> None:
    Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4)).save(tmp_path / "gray.png")
    pixels = np.asarray(load_rgb(tmp_path / "gray.png"))
    assert pixels.shape == (3, 4, 3)
    assert (pixels == pixels[..., :1]).all()


def test_damaged_images_are_named(tmp_path: Path, photograph: Image.Image) -> None:
    path = tmp_path / "damaged.png"
    photograph.save(path)
    path.write_bytes(path.read_bytes()[:200])
    (found,) = find_sources([str(tmp_path)]).images
    with pytest.raises(ImageError, match=r"damaged\.png"):
        load_rgb(found)
