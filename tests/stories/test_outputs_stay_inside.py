"""Outputs stand in the folder that they were meant for, whatever their inputs are called."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cnncompress.batch import inputs as batch_inputs
from cnncompress.batch.inputs import Found, find_names
from cnncompress.batch.outputs import Places, compressed_name, decompressed_name
from cnncompress.batch.plan import make_plan
from cnncompress.batch.request import Existing, Inputs, Outputs, Request, TarWork
from cnncompress.errors import PlanError
from cnncompress.images.formats import OUTPUT_FORMATS
from cnncompress.remote import Facts

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
    (found,) = find_names(Inputs((path,)))
    output = Places(Outputs(folder=FOLDER, flat=flat)).of(found, "x.cnc")
    assert os.path.normpath(output) == str(FOLDER / "x.cnc")


@given(st.lists(PARTS.filter(lambda name: name not in (".", "..")), min_size=1, max_size=4))
def test_found_inputs_keep_their_folders_below(parts: list[str]) -> None:
    found = Found("in/" + "/".join(parts), PurePath(*parts))
    output = Places(Outputs(folder=FOLDER)).of(found, "x.cnc")
    assert Path(os.path.normpath(output)).is_relative_to(FOLDER)


BUCKET = "s3://bucket/in/"
EVIL = ["../../evil", "a/../../evil", "/etc/evil", "a//evil", "./evil"]


def list_objects(monkeypatch: pytest.MonkeyPatch, names: list[str]) -> None:
    monkeypatch.setattr(batch_inputs, "listing", lambda folder: {f"{folder}{name}": 9 for name in names})


@settings(deadline=None)  # the first plan imports a lot
@given(st.lists(PARTS, min_size=1, max_size=4).map("/".join) | st.sampled_from(EVIL))
def test_objects_go_below_the_folder_or_fail(name: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        list_objects(patch, [f"{name}.jpg"])
        for folder, flat in ((FOLDER, False), (FOLDER, True), ("s3://out", False)):
            outputs = Outputs(folder=folder, flat=flat, existing=Existing.REPLACE)
            plan = make_plan(Request("compress", Inputs((BUCKET,), recursive=True), outputs))
            for job in plan.jobs:
                top = os.fspath(folder)
                below = PurePath(os.path.normpath(job.output.removeprefix(top).lstrip("/")))
                assert job.output.startswith(f"{top}/") and below.parts[0] != ".."


@pytest.mark.parametrize("ending", [".jpg", ".tar"])
@pytest.mark.parametrize("root", [None, BUCKET])
def test_one_bad_name_fails_alone(monkeypatch: pytest.MonkeyPatch, ending: str, root: str | None) -> None:
    list_objects(monkeypatch, [f"{name}{ending}" for name in (*EVIL, "a/good")])
    monkeypatch.setattr("cnncompress.batch.tar_plan.file_facts", lambda path: Facts(9, "etag"))
    tar = TarWork("") if ending == ".tar" else None
    plan = make_plan(Request("compress", Inputs((BUCKET,), recursive=True), Outputs(folder=FOLDER, root=root), tar=tar))
    assert [job.source for job in plan.jobs] == [f"{BUCKET}a/good{ending}"]
    assert [result.exit_code for result in plan.settled] == [5] * 5
    assert all("could lead out of the output folder" in str(result.error) for result in plan.settled)


def test_named_objects_stay_below_the_root() -> None:
    inputs = Inputs((f"{BUCKET}../evil.jpg",))
    with pytest.raises(PlanError, match="is not below s3://bucket/in"):
        make_plan(Request("compress", inputs, Outputs(folder=FOLDER, root=BUCKET)))


def test_names_that_windows_reads_as_other_places(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["a\\..\\evil.jpg", "C:evil.jpg", "a/C:evil.jpg"]
    assert all(map(batch_inputs.stays_below, names))
    monkeypatch.setattr("cnncompress.batch.inputs.os", type("Windows", (), {"name": "nt"}))
    assert not any(map(batch_inputs.stays_below, names)) and batch_inputs.stays_below("a/b.jpg")
