"""Dry runs: sizes, and the errors that show in the head of a file."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from PIL import Image

import cnncompress
from cnncompress.batch.estimate import estimate
from cnncompress.batch.jobs import Job, WorkSettings
from cnncompress.batch.outcomes import Result
from cnncompress.codec.encode_settings import EncodeSettings
from cnncompress.errors import LimitExceeded
from cnncompress.images.limits import Limits
from cnncompress.images.settings import ImageSettings
from cnncompress.model.manifest import NOT_MEASURED, Typical
from cnncompress.units import Hundredths


def planned(job: Job, settings: WorkSettings = WorkSettings(), typical: Typical = NOT_MEASURED) -> Result:  # noqa: B008
    return estimate(job, settings, typical)


class TestEstimate:
    """What a dry run tells."""

    def test_images(self, photo: Path) -> None:
        job = Job("compress", str(photo), "x.cnc")
        result = planned(job)
        assert (result.status, result.width, result.height, result.output) == ("planned", 96, 64, "x.cnc")
        plans = [planned(job, WorkSettings(quality=Hundredths(quality))) for quality in (0, 3330, 6000, 9990, 10000)]
        sizes = [plan.estimated_bytes or 0 for plan in plans]
        assert sizes == sorted(sizes) and sizes[0] > 22
        size = photo.stat().st_size
        assert planned(job, WorkSettings(encode=EncodeSettings("lossless"))).estimated_bytes == size + 22

    def test_sizes_are_those_that_are_typical_of_the_model(self, photo: Path) -> None:
        job = Job("compress", str(photo), "x.cnc")
        halved = dataclasses.replace(NOT_MEASURED, bpp=tuple(bpp / 2 for bpp in NOT_MEASURED.bpp))
        whole, half = (planned(job, typical=each).estimated_bytes or 0 for each in (NOT_MEASURED, halved))
        assert half - 22 == pytest.approx((whole - 22) / 2, abs=1)

    def test_other_files(self, photo: Path, tmp_path: Path) -> None:
        (tmp_path / "x.cnc").write_bytes(cnncompress.compress(photo, coding="lossless"))
        result = planned(Job("decompress", str(tmp_path / "x.cnc"), "y.png"))
        assert (result.status, result.width, result.height, result.estimated_bytes) == ("planned", 96, 64, None)
        result = planned(Job("copy", str(photo), "y.png"))
        assert result.estimated_bytes == photo.stat().st_size
        assert planned(Job("compress", "-", "y.cnc")).status == "planned"

    def test_errors_that_can_be_seen(self, photo: Path, tmp_path: Path) -> None:
        (tmp_path / "bad").write_bytes(b"nothing")
        for action, exit_code in (("compress", 3), ("decompress", 4)):
            job = Job(action, str(tmp_path / "bad"), "x")  # type: ignore[arg-type]
            assert planned(job).exit_code == exit_code
        frames = [Image.new("L", (8, 8), value) for value in (0, 200)]
        frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
        moving = Job("compress", str(tmp_path / "moving.gif"), "x")
        assert "--frame N chooses one" in str(planned(moving).error)
        for frame, status in ((1, "planned"), (2, "error")):
            assert planned(moving, WorkSettings(image=ImageSettings(frame=frame))).status == status
        tight = dataclasses.replace(WorkSettings(), image=ImageSettings(limits=Limits(100)))
        assert planned(Job("compress", str(photo), "x"), tight).exit_code == LimitExceeded.exit_code
