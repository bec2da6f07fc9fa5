"""What the fields of every input format can say, and what happens: the table of docs/IMAGES.md, row by row."""

from __future__ import annotations

import io
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from field_cases import Case, cases
from field_files import JPEG, PHOTO, PNG, SECRET, gain_map, mpo, with_chunks, with_segment, written_tiff
from PIL import Image, ImageCms
from sample_files import encoded

from cnncompress.api.calls import store_original
from cnncompress.errors import UnreadableImage, UnsupportedImage
from cnncompress.images.fields.look import look_into
from cnncompress.images.read import read_image
from cnncompress.images.settings import STRIPPABLE, ImageSettings
from cnncompress.images.source import SourceImage

CASES = cases()
OTHER = frozenset({"other"})
DOCS = Path(__file__).parents[2] / "docs" / "IMAGES.md"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_fate(case: Case) -> None:
    if case.fate == "refused":
        with pytest.raises(UnsupportedImage, match=case.words):
            read_image(case.data)
        return
    found = read_image(case.data)
    lines = found.damage if case.fate == "damage" else found.losses
    if case.fate in ("carried", "ICC profile"):
        assert not found.losses and not found.damage
    else:
        assert len(lines) == 1 and re.search(case.words, lines[0]) and lines[0].isprintable()
        assert not (found.losses if case.fate == "damage" else found.damage)
    if case.fate == "ICC profile":
        assert found.metadata.icc is not None
        assert ImageCms.ImageCmsProfile(io.BytesIO(found.metadata.icc))
    if case.white is not None:
        column, row = case.white
        assert found.colour[row, column, 0] >= 254
    check_strictness(case, found)


def check_strictness(case: Case, found: SourceImage) -> None:
    """`strict` takes only what is carried as it is; `strip other` makes what has no place a choice."""
    if case.fate == "carried":
        assert (read_image(case.data, ImageSettings(strict=True)).colour == found.colour).all()
        return
    with pytest.raises(UnsupportedImage, match=f"strict: .*{case.words}"):
        read_image(case.data, ImageSettings(strict=True))
    stripped = read_image(case.data, ImageSettings(strip=OTHER))
    assert bool(stripped.losses) == (case.fate == "warning")
    assert stripped.withheld or case.fate != "left out"


@pytest.mark.parametrize("case", [case for case in CASES if SECRET in case.data], ids=str)
@pytest.mark.parametrize("strip", [frozenset(STRIPPABLE), frozenset({"gps"})], ids=sorted)
def test_nothing_unknown_is_stored_where_something_is_stripped(case: Case, strip: frozenset[str]) -> None:
    with pytest.raises(UnsupportedImage, match="may contain what is to be left out"):
        store_original(case.data, settings=ImageSettings(strip=strip))


def test_the_table_in_the_docs_has_these_rows() -> None:
    text = DOCS.read_text(encoding="utf-8")
    rows = [tuple(map(str.strip, line.strip("|").split("|"))) for line in text.splitlines() if line.count("|") == 4]
    listed = [row for row in rows if row[-1] in {case.fate for case in CASES}]
    assert listed == [(case.format, case.says, case.fate) for case in CASES]


def test_pixels_of_planes_of_16_bits() -> None:
    deep = np.moveaxis(PHOTO, -1, 0).astype(np.uint16) * 257
    for options in ({}, {"byteorder": ">"}, {"tile": (16, 16)}):
        data = written_tiff(deep, photometric="rgb", planarconfig="separate", **options)
        assert (read_image(data).colour == PHOTO).all()


def test_claims_of_what_is_left_out_go_too() -> None:
    xmp = read_image(gain_map()).metadata.xmp
    assert xmp is not None and b"hdrgm" not in xmp and b'a="b"' in xmp


def test_a_chosen_frame_leaves_the_others_out_without_a_word() -> None:
    assert not read_image(mpo(), ImageSettings(frame=0, strict=True)).losses


def test_jpeg_whose_pixels_end_early_is_refused() -> None:
    for data in (JPEG, encoded(Image.fromarray(PHOTO), "JPEG", progressive=True)):
        assert read_image(data[:-2]).damage
        for length in (len(data) - 40, len(data) - 200, len(data) // 2):
            with pytest.raises(UnreadableImage):
                read_image(data[:length])


def test_progressive_jpeg_without_its_last_scans_is_refused() -> None:
    data = encoded(Image.fromarray(PHOTO), "JPEG", progressive=True)
    with pytest.raises(UnreadableImage):
        read_image(data[: data.rindex(b"\xff\xda")])


def test_damaged_profile_in_a_png_is_left_out_as_before() -> None:
    found = read_image(with_chunks((b"iCCP", b"x\0\0nonsense")))
    assert found.metadata.icc is None and (found.colour == PHOTO).all()


def test_several_things_at_once() -> None:
    found = read_image(with_segment(0xFE, SECRET, with_segment(0xED, b"Photoshop 3.0\0", JPEG)) + SECRET)
    assert len(found.losses) == 3
    assert not read_image(PNG).losses


def test_previews_behind_a_photograph_are_no_loss() -> None:
    """Cameras mark them as large thumbnails, class 1 of the multi-picture format."""
    data = bytearray(mpo())
    entry = data.index(b"MPF\0") + 4
    second = entry + 8 + 2 + 3 * 12 + 4 + 16  # behind header, directory and the entry of the first picture
    data[second : second + 4] = (0x010002).to_bytes(4, "little")
    assert not read_image(bytes(data)).losses
    assert read_image(bytes(data), ImageSettings(strip=frozenset({"gps"}))).withheld


def test_senseless_chromaticities_and_keywords_of_two_lines() -> None:
    """What fuzzing found."""
    on_a_line = struct.pack(">8I", 31270, 32900, 64000, 0, 30000, 0, 15000, 6000)
    for primaries in (on_a_line, bytes(32), b"\xff" * 32):
        assert len(read_image(with_chunks((b"cHRM", primaries))).losses) <= 1
    (line,) = read_image(with_chunks((b"tEXt", b"two\nlines\0x"))).losses
    assert line == "text (twolines) is not kept"


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_sound_restart_markers_are_no_damage(mode: str, subsampling: int, progressive: bool) -> None:
    for blocks in (1, 3):
        image = Image.fromarray(PHOTO[:33, :49]).convert(mode)
        data = encoded(image, "JPEG", subsampling=subsampling, progressive=progressive, restart_marker_blocks=blocks)
        assert not look_into(io.BytesIO(data), None).damage
        first = data.index(b"\xff\xd0")
        assert look_into(io.BytesIO(data[:first] + data[first + 2 :]), None).damage
