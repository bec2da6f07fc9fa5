"""Images in tiles: what the whole would give, no seams, parts equal to the whole, and what is left of damage."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from coding import decode, encode, pipeline_of
from numpy.typing import NDArray

from cnncompress.bitstream.header import WHOLE
from cnncompress.codec.pipeline import ImagePipeline
from cnncompress.codec.tile_decoder import TileDecoder
from cnncompress.codec.tile_encoder import CodedTile, TiledImage, TileTask
from cnncompress.codec.tiles import CELL
from cnncompress.errors import Corrupt
from cnncompress.images.view import Rectangle
from cnncompress.model.receptive_field import WHOLE_IMAGE, synthesis_reach
from cnncompress.model.weights import Weights, load_weights
from cnncompress.units import Hundredths

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

QUALITY = Hundredths(60_00)


@pytest.fixture(scope="module")
def tiny(random_model: Path) -> ImagePipeline:
    """Random networks that see five latent positions far."""
    weights = load_weights(random_model)
    assert synthesis_reach(weights.config) == 5
    return pipeline_of(weights)


@pytest.fixture(scope="module")
def photo(coffee: Pixels) -> Pixels:
    """Odd sides; in tiles of 64 there are four columns and three rows, the last ones of another size."""
    return np.ascontiguousarray(coffee[60:230, 150:421])


def latent_of(pipeline: ImagePipeline, image: TiledImage, number: int) -> Floats:
    """A tile's latent before rounding, in its place."""
    latent: Floats = pipeline.transform.engine.merge(image.analyse((number,), QUALITY).y)
    return latent


def decoder_of(pipeline: ImagePipeline, photo: Pixels, side: int) -> tuple[TileDecoder, TiledImage]:
    image = TiledImage(pipeline, photo, side)
    return TileDecoder(pipeline, image.grid, image.encode(QUALITY), QUALITY), image


def decoded_at_once(pipeline: ImagePipeline, image: TiledImage, payloads: tuple[bytes, ...]) -> Pixels:
    """The synthesis of all tiles' latents in one piece."""
    grid = image.grid
    whole = grid.image.padded(CELL).divided(16)
    y_hat = pipeline.transform.engine.zeros(1, whole.height, whole.width)
    for number, payload in enumerate(payloads):
        tile = grid.tile(number)
        latent = pipeline.decode([payload], (tile.height, tile.width), QUALITY)
        y_hat[(..., *tile.padded(CELL).divided(16).slices)] = latent
    pixels: Pixels = pipeline.transform.synthesise(y_hat, grid.height, grid.width, QUALITY)[0]
    return pixels


@pytest.mark.parametrize("model", ["tiny", "pipeline"])
def test_tiles_are_analysed_like_the_whole(model: str, photo: Pixels, request: pytest.FixtureRequest) -> None:
    pipeline: ImagePipeline = request.getfixturevalue(model)
    whole = latent_of(pipeline, TiledImage(pipeline, photo), 0)
    tiled = TiledImage(pipeline, photo, 64)
    assert len(tiled.grid) == 12
    for number in range(12):
        own = latent_of(pipeline, tiled, number)
        place = tiled.grid.tile(number).padded(CELL).divided(16).slices
        np.testing.assert_allclose(own, whole[(..., *place)], rtol=0, atol=2e-5 * np.abs(whole).max())


@pytest.mark.parametrize(("model", "side"), [("tiny", 64), ("tiny", 128), ("pipeline", 64), ("pipeline", 128)])
def test_there_are_no_seams(model: str, side: int, photo: Pixels, request: pytest.FixtureRequest) -> None:
    """Decoded in tiles or all at once, the same latents make the same pixels, to one 255th."""
    pipeline: ImagePipeline = request.getfixturevalue(model)
    image = TiledImage(pipeline, photo, side)
    payloads = image.encode(QUALITY)
    tiled = TileDecoder(pipeline, image.grid, payloads, QUALITY).decode(image.grid.image)
    assert tiled.shape == photo.shape
    at_once = decoded_at_once(pipeline, image, payloads)
    assert np.abs(tiled.astype(int) - at_once).max() <= 1


def test_one_tile_is_what_it_was_without_tiles(pipeline: ImagePipeline, photo: Pixels) -> None:
    payloads = TiledImage(pipeline, photo, WHOLE).encode(QUALITY)
    assert payloads == (encode(pipeline, photo, QUALITY),)
    image = TiledImage(pipeline, photo)
    decoded = TileDecoder(pipeline, image.grid, payloads, QUALITY).decode(image.grid.image)
    assert (decoded == decode(pipeline, payloads[0], photo.shape[:2], QUALITY)).all()


def test_tiles_cost_little(pipeline: ImagePipeline, astronaut: Pixels) -> None:
    """Context ends at the edges of tiles. A photograph in four tiles of 256, sixteen times as small as usual ones."""
    whole = sum(map(len, TiledImage(pipeline, astronaut).encode(QUALITY)))
    tiled = sum(map(len, TiledImage(pipeline, astronaut, 256).encode(QUALITY)))
    assert tiled + 3 * 9 < 1.01 * whole


@pytest.mark.parametrize("area", [(0, 0, 1, 1), (63, 63, 66, 66), (10, 20, 250, 160), (255, 100, 271, 170)], ids=str)
def test_a_part_is_equal_to_what_is_cut_out(
    tiny: ImagePipeline, photo: Pixels, area: tuple[int, int, int, int]
) -> None:
    decoder, image = decoder_of(tiny, photo, 64)
    wanted = Rectangle(*area)
    assert (decoder.decode(wanted) == decoder.decode(image.grid.image)[wanted.slices]).all()


def test_a_part_of_the_shipped_model_too(pipeline: ImagePipeline, photo: Pixels) -> None:
    decoder, image = decoder_of(pipeline, photo, 128)
    wanted = Rectangle(100, 30, 160, 140)
    assert (decoder.decode(wanted) == decoder.decode(image.grid.image)[wanted.slices]).all()


def test_a_part_needs_only_the_tiles_around_it(tiny: ImagePipeline, coffee: Pixels) -> None:
    image = TiledImage(tiny, coffee, 64)
    payloads: list[bytes | None] = list(image.encode(QUALITY))
    assert (image.grid.columns, image.grid.rows) == (9, 6)
    # Beside tile (4, 2) only its neighbours, whose latents are within five positions.
    for number in range(len(payloads)):
        row, column = divmod(number, 9)
        if abs(row - 2) > 1 + 1 or abs(column - 4) > 1 + 1:
            payloads[number] = None
    assert payloads.count(None) == 54 - 25
    inside = Rectangle(4 * 64 + 5, 2 * 64 + 6, 5 * 64 - 7, 3 * 64 - 8)
    part = TileDecoder(tiny, image.grid, payloads, QUALITY).decode(inside)
    decoder, _ = decoder_of(tiny, coffee, 64)
    assert (part == decoder.decode(image.grid.image)[inside.slices]).all()
    with pytest.raises(Corrupt, match="tile 1 of 54: it is lost"):
        TileDecoder(tiny, image.grid, payloads, QUALITY).decode(image.grid.image)


def test_number_of_threads_does_not_matter(weights: Weights, photo: Pixels) -> None:
    one, two = (TiledImage(pipeline_of(weights, threads=threads), photo, 128) for threads in (1, 2))
    assert one.encode(QUALITY) == two.encode(QUALITY)


def test_damaged_tiles_are_gray_and_named(tiny: ImagePipeline, photo: Pixels) -> None:
    image = TiledImage(tiny, photo, 64)
    payloads: list[bytes | None] = list(image.encode(QUALITY))
    sound = TileDecoder(tiny, image.grid, payloads, QUALITY).decode(image.grid.image)
    payloads[0], payloads[6] = None, b"\x01\x00\x00\x00"
    with pytest.raises(Corrupt, match="tile 1 of 12"):
        TileDecoder(tiny, image.grid, payloads, QUALITY).decode(image.grid.image)
    decoder = TileDecoder(tiny, image.grid, payloads, QUALITY, keep_going=True)
    found = decoder.decode(image.grid.image)
    assert decoder.missing == {0, 6}
    lost = [image.grid.tile(number) for number in decoder.missing]
    reach = 16 * synthesis_reach(tiny.transform.engine.config) + 15
    near = np.zeros(photo.shape[:2], bool)
    for tile in lost:
        near[tile.grown(reach).common(image.grid.image).slices] = True
    assert (found[~near] == sound[~near]).all() and not near.all()
    assert (TileDecoder(tiny, image.grid, payloads, QUALITY, keep_going=True).preview(4)[:16, :16] == 128).all()
    nothing = TileDecoder(tiny, image.grid, [None] * 12, QUALITY, keep_going=True)
    with pytest.raises(Corrupt, match="no part of the image is intact"):
        nothing.decode(image.grid.image)
    with pytest.raises(Corrupt, match="no part of the image is intact"):
        nothing.preview(8)


def test_damage_of_an_image_without_tiles_is_named_as_ever(tiny: ImagePipeline, photo: Pixels) -> None:
    image = TiledImage(tiny, photo)
    with pytest.raises(Corrupt, match=r"^entropy-coded data"):
        TileDecoder(tiny, image.grid, [b"\x01\x00\x00\x00"], QUALITY).decode(image.grid.image)


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("side", [WHOLE, 64])
def test_previews_show_the_same_smaller(pipeline: ImagePipeline, photo: Pixels, factor: int, side: int) -> None:
    decoder, image = decoder_of(pipeline, photo, side)
    small = decoder.preview(factor).astype(float)
    height, width, _ = photo.shape
    assert small.shape == (-(-height // factor), -(-width // factor), 3)
    full = decoder.decode(image.grid.image).astype(float)
    rows, columns = height // factor, width // factor
    cut = full[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor, 3).mean((1, 3))
    error = float(np.mean(np.square(small[:rows, :columns] - cut)))
    # Previews leave out the convolutions and the restoration filter, which matter most where little is averaged, and
    # more in a model that is trained for looks.
    assert 10 * np.log10(255**2 / error) > {2: 36, 4: 38.5, 8: 42}[factor]


class Watching:
    """Codes tiles as a single pass does, and looks around before."""

    steps = 1

    def __init__(self, pipeline: ImagePipeline) -> None:
        self.pipeline = pipeline
        self.coded: dict[int, Floats] = {}
        self.seen: list[tuple[int, Floats, Floats]] = []

    def __call__(self, task: TileTask) -> CodedTile:
        window, margins = task.surroundings()
        own = margins.cut_to(WHOLE_IMAGE).slices(*window.shape[2:])
        self.seen.append((task.number, window, window[(..., *own)].copy()))
        assert task.pixels().shape[:2] == task.size
        coded = self.pipeline.transform.quantise(task.unrounded(), task.quality)
        self.coded[task.number] = coded.y_hat
        (latents,) = coded.latents
        return CodedTile(self.pipeline.pack(latents), coded.y_hat)


def test_coders_see_what_is_around_their_tiles(
    tiny: ImagePipeline, photo: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = TiledImage(tiny, photo, 64)
    analysed: list[int] = []
    analyse = image.analyse

    def counted(numbers: tuple[int, ...], quality: Hundredths) -> object:
        analysed.extend(numbers)
        return analyse(numbers, quality)

    monkeypatch.setattr(image, "analyse", counted)
    watching = Watching(tiny)
    payloads = image.encode(QUALITY, watching)
    assert sorted(analysed) == list(range(12)), "each tile once, whoever asks for it first"
    assert payloads == TiledImage(tiny, photo, 64).encode(QUALITY)
    monkeypatch.undo()
    number, window, own = watching.seen[5]
    assert number == 5
    assert np.array_equal(own, latent_of(tiny, image, 5))
    assert window.shape[2:] == (4 + 4 + 4, 4 + 4 + 5), "up to the edges of the image, and five positions of tile 6"
    assert np.array_equal(window[..., :4, 4:8], watching.coded[1]), "as it is decoded"
    assert np.array_equal(window[..., 4:8, 8:12], latent_of(tiny, image, 6)), "as it was analysed"


def test_progress_counts_tiles(tiny: ImagePipeline, photo: Pixels) -> None:
    calls: list[tuple[int, int]] = []

    def note(done: int, total: int) -> None:
        calls.append((done, total))

    image = TiledImage(tiny, photo, 64)
    payloads = image.encode(QUALITY, progress=note)
    assert calls == [(done, 12) for done in range(1, 13)]
    calls.clear()
    decoder = TileDecoder(tiny, image.grid, payloads, QUALITY, progress=note)
    decoder.decode(Rectangle(0, 0, 100, 10))
    assert calls == [(1, 2), (2, 2)]
    calls.clear()
    decoder.preview(2)
    assert [total for _, total in calls] == [12] * 12
    assert all(after > before for (before, _), (after, _) in itertools.pairwise(calls))


def test_what_progress_raises_ends_the_work(tiny: ImagePipeline, photo: Pixels) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        TiledImage(tiny, photo, 64).encode(QUALITY, progress=stop)
