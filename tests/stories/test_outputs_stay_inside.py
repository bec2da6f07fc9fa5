"""Outputs stand in the folder that they were meant for, whatever their inputs are called."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

from hypothesis import assume, given
from hypothesis import strategies as st

from cnncompress.batch.inputs import Found, gather
from cnncompress.batch.outputs import Places, compressed_name, decompressed_name
from cnncompress.batch.request import Inputs, Outputs
from cnncompress.images.formats import OUTPUT_FORMATS

FOLDER = Path("out")
PARTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=12) | (
    st.sampled_from(["..", ".", "...", ".cnc", "..cnc", "...cnc", ".png", "a.png.cnc", "~", "-", "a\nb"])
)
PATHS = st.lists(PARTS, min_size=1, max_size=4).map("/".join) | st.lists(PARTS, min_size=1).map(
    lambda parts: "/" + "/".join(parts)
)


def assert_name(name: str) -> None:
    assert "/" not in name and "\0" not in name and name not in ("", ".", "..")


@given(PARTS.filter(lambda name: name not in (".", "..")), st.booleans(), st.sampled_from([*OUTPUT_FORMATS, "JPEG"]))
def test_names_are_names(name: str, append_suffix: bool, ending: str) -> None:
    assert_name(compressed_name(name, append_suffix=append_suffix))
    assert_name(decompressed_name(name, ending))


@given(PATHS, st.booleans())
def test_named_inputs_go_into_the_folder_itself(path: str, flat: bool) -> None:
    assume(PurePath(path).name)  # there is no file that has none
    (found,) = gather(Inputs((path,)))
    output = Places(Outputs(folder=FOLDER, flat=flat)).of(found, "x.cnc")
    assert os.path.normpath(output) == str(FOLDER / "x.cnc")


@given(st.lists(PARTS.filter(lambda name: name not in (".", "..")), min_size=1, max_size=4))
def test_found_inputs_keep_their_folders_below(parts: list[str]) -> None:
    found = Found("in/" + "/".join(parts), PurePath(*parts))
    output = Places(Outputs(folder=FOLDER)).of(found, "x.cnc")
    assert Path(os.path.normpath(output)).is_relative_to(FOLDER)
