"""Outputs that would replace each other, or an input."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnncompress.batch.collisions import refuse_collisions, refuse_inputs_as_outputs
from cnncompress.errors import OutputError, PlanError


def test_collisions_name_the_first_of_them() -> None:
    pairs = [(f"{stem}.{ending}", f"out/{stem}.cnc") for ending in ("png", "jpg") for stem in "abcde"]
    refuse_collisions(pairs[:5], "compress")
    with pytest.raises(PlanError, match=r"^a\.png and a\.jpg would both become out/a\.cnc; b.*; and 2 more; --append"):
        refuse_collisions(pairs, "compress")


def test_collisions_through_links_are_seen(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(PlanError, match="would both become"):
        refuse_collisions([("x", f"{tmp_path}/real/a.cnc"), ("y", f"{tmp_path}/link/a.cnc")], "decompress")


def test_an_output_must_not_be_an_input(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"image")
    (tmp_path / "hard").hardlink_to(tmp_path / "b")
    sources = [str(tmp_path / "a"), str(tmp_path / "b"), str(tmp_path / "missing"), "-"]
    refuse_inputs_as_outputs(sources, [f"{tmp_path}/c"])
    with pytest.raises(OutputError, match=r"/a: is the input itself$"):
        refuse_inputs_as_outputs(sources, [f"{tmp_path}/c", f"{tmp_path}/a"])
    with pytest.raises(OutputError, match=r"/hard: is the input .*/b itself$"):
        refuse_inputs_as_outputs(sources, [f"{tmp_path}/hard"])
