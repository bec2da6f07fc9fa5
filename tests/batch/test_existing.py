"""Objects that exist already: asked for or listed, and what becomes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cnncompress.batch import existing
from cnncompress.batch.existing import EXISTS, ExistingObjects, apply_policy
from cnncompress.batch.jobs import Job, WorkSettings
from cnncompress.batch.outcomes import Result
from cnncompress.batch.request import Existing
from cnncompress.batch.worker import Worker
from cnncompress.codec.encode_settings import EncodeSettings
from cnncompress.codec.model_settings import ModelSettings
from cnncompress.errors import UnreadableImage
from cnncompress.remote import Facts

FOLDER = "s3://bucket/out"


def job(name: str) -> Job:
    return Job("compress", f"{name}.png", f"{FOLDER}/{name}.cnc")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of what a storage is asked for that has one object."""
    asked: list[str] = []

    def facts(url: str) -> Facts | None:
        asked.append(url)
        return Facts(5, "") if url.endswith("/there.cnc") else None

    def listing(url: str) -> dict[str, int]:
        asked.append(url)
        return {f"{FOLDER}/there.cnc": 5}

    monkeypatch.setattr(existing, "facts", facts)
    monkeypatch.setattr(existing, "listing", listing)
    return asked


@pytest.mark.parametrize("jobs", [1, 1000])
def test_policies(calls: list[str], jobs: int) -> None:
    objects = ExistingObjects(FOLDER, jobs)
    for policy in Existing:
        new = apply_policy(job("new"), policy, objects)
        assert isinstance(new, Job) and (new.existing, new.replace) == (policy, policy is Existing.REPLACE)
    refused = apply_policy(job("there"), Existing.REFUSE, objects)
    assert isinstance(refused, Result) and (refused.exit_code, refused.about) == (5, f"{FOLDER}/there.cnc")
    skipped = apply_policy(job("there"), Existing.SKIP, objects)
    assert isinstance(skipped, Result) and (skipped.status, skipped.reason) == ("skipped", EXISTS)
    assert apply_policy(job("there"), Existing.REPLACE, objects) == Job(
        "compress", "there.png", f"{FOLDER}/there.cnc", replace=True, existing=Existing.REPLACE
    )
    assert calls == [FOLDER] if jobs > 1 else FOLDER not in calls


def test_a_folder_that_cannot_be_listed_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def failing(url: str) -> Any:
        calls.append(url)
        raise UnreadableImage("no answer")

    monkeypatch.setattr(existing, "listing", failing)
    objects = ExistingObjects(FOLDER, 1000)
    results = [apply_policy(job(str(number)), Existing.SKIP, objects) for number in range(1000)]
    assert {result.error for result in results if isinstance(result, Result)} == {"no answer"}
    assert len(results) == 1000 and len(calls) == 1


@pytest.mark.parametrize(("policy", "status"), [(Existing.SKIP, "skipped"), (Existing.REFUSE, "error")])
def test_objects_that_appear_after_the_plan(tmp_path: Path, policy: Existing, status: str) -> None:
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")
    system = fsspec.filesystem("memory")
    system.store.clear()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "a.png")
    planned = apply_policy(Job("compress", str(tmp_path / "a.png"), "memory://b/a.cnc"), policy)
    assert isinstance(planned, Job)
    system.pipe_file("/b/a.cnc", b"by another run")
    result = Worker(WorkSettings(encode=EncodeSettings("lossless")), ModelSettings()).run(planned)
    assert result.status == status and system.cat_file("/b/a.cnc") == b"by another run"
