"""Several runs over the same files, and file systems on which two names are one file."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import run
from PIL import Image

from cnncompress.batch import same_names
from cnncompress.batch.jobs import WorkSettings
from cnncompress.batch.outcomes import Result
from cnncompress.batch.plan import make_plan
from cnncompress.batch.request import Existing, Inputs, Outputs, Request
from cnncompress.batch.worker import Worker
from cnncompress.codec.encode_settings import EncodeSettings
from cnncompress.codec.model_settings import ModelSettings
from cnncompress.files.outputs import write_output

SETTINGS = WorkSettings(encode=EncodeSettings("lossless", 0, None), if_larger="keep", remove=True)


def write_image(path: Path, colour: str = "red") -> None:
    Image.new("RGB", (16, 9), colour).save(path)


def after_another_run(tmp_path: Path, existing: Existing, output: bytes) -> Result:
    """The result of a job that was planned before another run wrote its output."""
    write_image(tmp_path / "a.png")
    request = Request("compress", Inputs((str(tmp_path / "a.png"),)), Outputs(existing=existing))
    (job,) = make_plan(request).jobs
    (tmp_path / "a.cnc").write_bytes(output)
    return Worker(SETTINGS, ModelSettings()).run(job)


def finished() -> bytes:
    from cnncompress.api.calls import compress

    return compress(Image.new("RGB", (16, 9)), coding="lossless")


def test_force_replaces_what_another_run_wrote(tmp_path: Path) -> None:
    assert after_another_run(tmp_path, Existing.REPLACE, b"other").status == "ok"
    assert (tmp_path / "a.cnc").read_bytes() != b"other" and not (tmp_path / "a.png").exists()


@pytest.mark.parametrize("existing", [Existing.SKIP, Existing.UPDATE])
def test_what_another_run_wrote_is_skipped(existing: Existing, tmp_path: Path) -> None:
    result = after_another_run(tmp_path, existing, finished())
    assert result.status == "skipped"
    assert (tmp_path / "a.cnc").read_bytes() == finished() and (tmp_path / "a.png").exists()


def test_what_another_run_began_is_no_result(tmp_path: Path) -> None:
    result = after_another_run(tmp_path, Existing.SKIP, b"")
    assert result.status == "error" and (tmp_path / "a.png").exists()


def test_without_a_policy_the_other_output_stays(tmp_path: Path) -> None:
    result = after_another_run(tmp_path, Existing.REFUSE, b"other")
    assert result.error == "exists already; -f replaces it"
    assert (tmp_path / "a.cnc").read_bytes() == b"other" and (tmp_path / "a.png").exists()


def test_skipping_counts_what_appears_during_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_image(tmp_path / "a.png")
    request = Request("compress", Inputs((str(tmp_path / "a.png"),)), Outputs(existing=Existing.SKIP))
    (job,) = make_plan(request).jobs

    def late(target: str, data: bytes, **options: object) -> None:
        Path(target).write_bytes(finished())
        write_output(target, data, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("cnncompress.batch.encode.write_output", late)
    assert Worker(SETTINGS, ModelSettings()).run(job).status == "skipped" and (tmp_path / "a.png").exists()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def compress(folder: Path, *names: str) -> tuple[int, str]:
    done = run("compress", "--lossless", "-f", "--rm", "-d", folder, *names)
    return done.exit_code, done.stderr


@pytest.mark.parametrize(
    ("first", "second"),
    [("IMG_1.PNG", "img_1.png"), ("Zoe\u0308.png", "Zo\u00eb.png"), ("\u00c9t\u00e9.png", "e\u0301te\u0301.png")],
)
def test_names_that_a_file_system_takes_for_one(
    first: str, second: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_image(Path(first))
    write_image(Path(second), "blue")
    if len(names(tmp_path)) == 1:
        pytest.skip("this file system takes them for one")
    monkeypatch.setattr(same_names, "_are_one_name", lambda folder, a, b: same_names.folded(a) == same_names.folded(b))
    code, message = compress(tmp_path / "out", first, second)
    assert code == 2 and f"{first} and {second} would both become" in message
    assert Path(first).exists() and Path(second).exists() and not Path("out").exists()


def test_names_that_differ_where_case_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("IMG_1.PNG", "img_1.png"):
        write_image(Path(name))
    if len(names(tmp_path)) == 1:
        pytest.skip("this file system ignores case")
    assert compress(tmp_path / "out", "IMG_1.PNG", "img_1.png")[0] == 0
    assert names(Path("out")) == ["IMG_1.cnc", "img_1.cnc"], "no probe is left"


def test_old_outputs_that_are_one_file_collide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `-f` finds them on a file system that ignores case; a hard link is as much one file."""
    monkeypatch.chdir(tmp_path)
    for name in ("IMG_1.PNG", "img_1.png"):
        write_image(Path(name))
    (tmp_path / "IMG_1.cnc").write_bytes(b"old")
    if not (tmp_path / "img_1.cnc").exists():
        os.link(tmp_path / "IMG_1.cnc", tmp_path / "img_1.cnc")
    code, message = compress(tmp_path, "IMG_1.PNG", "img_1.png")
    assert code == 2 and "would both become" in message


@pytest.mark.skipif(os.name == "nt", reason="descriptors are closed by a shell")
@pytest.mark.parametrize(
    "closed",
    [
        pytest.param("2>&-", marks=pytest.mark.slow),
        pytest.param("<&-", marks=pytest.mark.slow),
        "2>&- >&- <&-",
    ],
)
def test_closed_streams(closed: str, tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    command = f"{sys.executable} -m cnncompress compress --lossless a.png -o a.cnc {closed}"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 0 and (tmp_path / "a.cnc").exists()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("lowntfs-3g") is None, reason="no file system at hand that ignores case")
def test_a_file_system_that_ignores_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("IMG_1.PNG", "img_1.png"):
        write_image(Path(name))
    Path("disk").write_bytes(bytes(16 << 20))
    Path("mounted").mkdir()
    subprocess.run(["mkntfs", "-F", "-q", "disk"], check=True, capture_output=True)
    mounted = subprocess.run(["lowntfs-3g", "-o", "ignore_case", "disk", "mounted"], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip("no permission to mount it")
    try:
        for old in (False, True):
            if old:
                Path("mounted/img_1.cnc").touch()
            code, message = compress(Path("mounted"), "IMG_1.PNG", "img_1.png")
            assert code == 2 and "would both become" in message and Path("IMG_1.PNG").exists()
        assert names(Path("mounted")) == ["img_1.cnc"]
    finally:
        subprocess.run(["umount", "mounted"], check=True)
