"""From a request to jobs: what is done, skipped and refused, before any work."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from field_files import raw_tiff
from PIL import Image

from cnncompress.batch.cnc_files import ending_of_image, read_source_record, record_for
from cnncompress.batch.existing import EXISTS, UP_TO_DATE
from cnncompress.batch.jobs import Job
from cnncompress.batch.plan import IS_CNC, Plan, make_plan
from cnncompress.batch.request import Existing, Inputs, Operation, Outputs, Request
from cnncompress.bitstream.ancillary import Metadata, SourceRecord, ancillary_chunks
from cnncompress.bitstream.container import Chunk, ChunkType, Container, Header, Layout, pack
from cnncompress.errors import BitstreamError, OutputError, PlanError, Truncated, UnreadableImage
from cnncompress.units import Hundredths

HEADER = Header(Layout.RGB, 2, 2, Hundredths(0), bytes(4))


def cnc(source: SourceRecord | None = None, kind: ChunkType = ChunkType.LATENTS, payload: bytes = b"1234") -> bytes:
    return pack(Container(HEADER, (Chunk(kind, payload), *ancillary_chunks(Metadata(), source))))


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("in/sub").mkdir(parents=True)
    for name in ("in/a.png", "in/sub/b.jpg"):
        Image.new("RGB", (2, 2)).save(name)
    Path("in/notes.txt").write_text("notes")
    Path("in/done.cnc").write_bytes(cnc())
    return tmp_path


def plan(operation: Operation, *paths: str, recursive: bool = False, **outputs: Any) -> Plan:
    return make_plan(Request(operation, Inputs(paths, recursive), Outputs(**outputs)))


def pairs(made: Plan) -> list[tuple[str, str, str]]:
    return [(job.action, job.source, job.output) for job in made.jobs]


def test_a_single_file(tree: Path) -> None:
    made = plan("compress", "in/a.png")
    assert made == Plan((Job("compress", "in/a.png", "in/a.cnc", record=True),), (), (), True)
    assert plan("compress", "in/a.png", file="x").jobs == (Job("compress", "in/a.png", "x", record=True),)
    assert plan("compress", "-", file="-").jobs == (Job("compress", "-", "-"),)


def test_a_folder_is_mirrored(tree: Path) -> None:
    made = plan("compress", "in", recursive=True, folder=Path("out"))
    assert pairs(made) == [("compress", "in/a.png", "out/a.cnc"), ("compress", "in/sub/b.jpg", "out/sub/b.cnc")]
    assert all(job.new_folders and job.record for job in made.jobs)
    assert [(result.input, result.reason) for result in made.settled] == [("in/done.cnc", IS_CNC)]
    assert (made.others, made.single) == (("in/notes.txt",), False)
    assert not Path("out").exists()


def test_others_are_copied_on_request(tree: Path) -> None:
    made = plan("compress", "in", recursive=True, folder=Path("out"), copy_others=True)
    assert {(action, target) for action, _, target in pairs(made)} == {
        ("compress", "out/a.cnc"),
        ("copy", "out/notes.txt"),
        ("copy", "out/done.cnc"),
        ("compress", "out/sub/b.cnc"),
    }
    made = plan("decompress", "in", recursive=True, folder=Path("out"), copy_others=True)
    assert [action for action, _, _ in pairs(made)] == ["copy", "decompress", "copy", "copy"]


def test_decompression_takes_cnc_files(tree: Path) -> None:
    made = plan("decompress", "in", recursive=True, folder=Path("out"))
    assert pairs(made) == [("decompress", "in/done.cnc", "out/done.png")]
    assert len(made.others) == 3
    assert pairs(plan("decompress", "in/a.png"))[0][0] == "decompress", "a file that is named is tried"
    made = plan("decompress", "in", recursive=True, ending="webp")
    assert pairs(made) == [("decompress", "in/done.cnc", "in/done.webp")]
    assert pairs(plan("test", "in", recursive=True)) == [("test", "in/done.cnc", "")]


def test_a_stored_original_gets_its_ending_back(tree: Path) -> None:
    gif = b"GIF89a" + bytes(20)
    Path("x.cnc").write_bytes(cnc(None, ChunkType.ORIGINAL, gif))
    Path("y.cnc").write_bytes(cnc(SourceRecord("JPEG", 5), ChunkType.ORIGINAL, b"\xff\xd8\xff"))
    Path("z.cnc").write_bytes(cnc()[:-5])
    assert [target for _, _, target in pairs(plan("decompress", "x.cnc", "y.cnc", "z.cnc"))] == [
        "x.gif",
        "y.JPEG",
        "z.png",
    ]
    assert ending_of_image(Path("in/done.cnc")) is None


def test_an_output_needs_a_known_ending(tree: Path) -> None:
    Path("x.cnc").write_bytes(cnc(None, ChunkType.ORIGINAL, b"GIF89a" + bytes(20)))
    assert plan("decompress", "x.cnc", file="x.gif").jobs
    assert plan("decompress", "in/done.cnc", file="x.xyz", ending="png").jobs
    with pytest.raises(PlanError, match=r"the ending of 'x\.gif' is not one of png, .*; choose one with --format"):
        plan("decompress", "in/done.cnc", file="x.gif")


def test_collisions_stop_everything(tree: Path) -> None:
    Image.new("RGB", (2, 2)).save("in/a.jpg")
    with pytest.raises(PlanError, match=r"in/a\.jpg and in/a\.png would both become out/a\.cnc"):
        plan("compress", "in", recursive=True, folder=Path("out"))
    made = plan("compress", "in", recursive=True, folder=Path("out"), append_suffix=True)
    assert [target for _, _, target in pairs(made)] == ["out/a.jpg.cnc", "out/a.png.cnc", "out/sub/b.jpg.cnc"]


def test_inputs_are_never_outputs(tree: Path) -> None:
    with pytest.raises(OutputError, match=r"^in/a\.png: is the input itself"):
        plan("compress", "in/a.png", file="in/a.png", existing=Existing.REPLACE)


def test_one_bad_file_does_not_stop_the_others(tree: Path) -> None:
    made = plan("compress", "missing.png", "in/a.png", "in")
    assert [job.source for job in made.jobs] == ["in/a.png"]
    assert [(result.input, result.exit_code) for result in made.settled] == [("missing.png", 3), ("in", 3)]


class TestExisting:
    """The output is there already."""

    @pytest.fixture
    def output(self, tree: Path) -> Path:
        path = Path("in/a.cnc")
        path.write_bytes(cnc(record_for("in/a.png", Path("in/a.png").stat().st_size)))
        return path

    @staticmethod
    def settled(policy: Existing, source: str = "in/a.png", **outputs: Any) -> tuple[str | None, str | None]:
        made = plan("compress", source, existing=policy, **outputs)
        assert not made.jobs
        (result,) = made.settled
        assert result.status == ("skipped" if result.reason else "error")
        return result.reason, result.error

    def test_refused(self, output: Path) -> None:
        assert self.settled(Existing.REFUSE) == (None, "exists already; -f replaces it")
        assert plan("compress", "in/a.png").settled[0].about == "in/a.cnc"

    def test_replaced(self, output: Path) -> None:
        (job,) = plan("compress", "in/a.png", existing=Existing.REPLACE).jobs
        assert job.replace

    def test_skipped(self, output: Path) -> None:
        assert self.settled(Existing.SKIP) == (EXISTS, None)
        output.write_bytes(cnc())
        assert self.settled(Existing.SKIP) == (EXISTS, None), "nothing is known against it"

    @pytest.mark.parametrize("policy", [Existing.SKIP, Existing.UPDATE])
    def test_not_skipped_because_of_another_source(self, output: Path, policy: Existing) -> None:
        output.write_bytes(cnc(SourceRecord("jpg", 7)))
        _, error = self.settled(policy)
        assert error is not None and error.startswith(
            r"exists already, made from a file *.jpg of 7 bytes, not from in/a"
        )
        output.write_bytes(b"something else")
        assert self.settled(policy)[1] == "exists already, but not a .cnc file; -f replaces it"

    def test_not_skipped_if_the_size_is_another(self, output: Path) -> None:
        output.write_bytes(cnc(SourceRecord("png", 7)))
        assert "of 7 bytes" in str(self.settled(Existing.SKIP)[1])

    def test_updated_if_it_is_older(self, output: Path) -> None:
        source = Path("in/a.png").stat()
        os.utime(output, ns=(0, source.st_mtime_ns))
        assert self.settled(Existing.UPDATE) == (UP_TO_DATE, None)
        os.utime(output, ns=(0, source.st_mtime_ns - 1))
        (job,) = plan("compress", "in/a.png", existing=Existing.UPDATE).jobs
        assert job.replace

    def test_folders_are_never_replaced(self, tree: Path) -> None:
        Path("in/a.cnc").mkdir()
        for policy in Existing:
            assert self.settled(policy) == (None, "is a folder")

    def test_decompression_is_not_asked_for_its_source(self, tree: Path) -> None:
        Path("in/done.png").write_bytes(b"anything")
        made = plan("decompress", "in/done.cnc", existing=Existing.SKIP)
        assert [result.reason for result in made.settled] == [EXISTS]


def test_a_folder_that_cannot_be_made(tree: Path) -> None:
    Path("file").touch()
    made = plan("compress", "in/a.png", folder=Path("file/out"))
    assert made.settled[0].exit_code == 5
    made = plan("compress", "in/a.png", file="no/where.cnc")
    assert made.settled[0].error == f"no such folder: {tree}/no"


def test_source_records(tree: Path) -> None:
    assert record_for("x/photo.JPG", 12) == SourceRecord("JPG", 12)
    assert record_for("x/photo." + "e" * 99, 12) == SourceRecord("", 12)
    assert read_source_record(Path("in/done.cnc")) is None
    Path("x.cnc").write_bytes(cnc(SourceRecord("png", 3)))
    assert read_source_record(Path("x.cnc")) == SourceRecord("png", 3)
    with pytest.raises(UnreadableImage):
        read_source_record(Path("missing.cnc"))
    for length in (0, 3, 10, 30):
        Path("x.cnc").write_bytes(cnc(SourceRecord("png", 3))[:length])
        with pytest.raises(BitstreamError):
            read_source_record(Path("x.cnc"))
    Path("x.cnc").write_bytes(cnc(SourceRecord("png", 3))[:-1])
    with pytest.raises(Truncated, match="1 of 8 bytes of the source chunk"):
        read_source_record(Path("x.cnc"))


def test_names_that_promise_what_is_not_there(tree: Path) -> None:
    Path("in/junk.png").write_bytes(b"junk")
    Path("in/phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(50))
    Path("in/rotten.cnc").write_bytes(b"junk")
    made = plan("compress", "in", recursive=True, folder=Path("out"))
    settled = {result.input: result for result in made.settled}
    assert settled["in/junk.png"].error == "not an image in a supported format"
    assert settled["in/phone.heic"].reason == "HEIC is not supported"
    assert made.others == ("in/notes.txt", "in/rotten.cnc")
    made = plan("decompress", "in", recursive=True, folder=Path("out"))
    assert [(result.input, result.error) for result in made.settled] == [("in/rotten.cnc", "not a .cnc file")]
    assert "copy" in {
        job.action for job in plan("compress", "in", recursive=True, folder=Path("o"), copy_others=True).jobs
    }


def test_camera_raw_in_folders_is_left_alone_by_name(tree: Path) -> None:
    Path("in/shot.dng").write_bytes(raw_tiff("Cam", version=True))
    made = plan("compress", "in", recursive=True, folder=Path("out"))
    assert [result.reason for result in made.settled if result.input == "in/shot.dng"] == [
        "camera raw (DNG) is not supported"
    ]
    assert plan("compress", "in/shot.dng").jobs, "a file that is named is tried, and refused"


def test_output_whose_name_is_too_long_costs_its_own_file_only(tree: Path) -> None:
    long = Path("in") / ("n" * 251 + ".png")
    Image.new("RGB", (2, 2)).save(long)
    made = plan("compress", "in", recursive=True, append_suffix=True)
    (failed,) = [result for result in made.settled if result.status == "error"]
    assert (failed.input, failed.exit_code, failed.error) == (str(long), 5, "file name too long")
    assert len(made.jobs) == 2


def test_working_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (2, 2)).save(tmp_path / "a.png")
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    (failed,) = plan("compress", str(tmp_path / "a.png"), file="x.cnc").settled
    assert (failed.about, failed.exit_code, failed.error) == ("x.cnc", 5, "no such file or directory")


def test_planning_is_watched(tree: Path) -> None:
    told: list[tuple[str, int]] = []
    names = tuple(f"missing{number}.png" for number in range(2500))
    make_plan(Request("compress", Inputs(names), Outputs()), lambda step, files: told.append((step, files)))
    assert told == [("files found", 1000), ("files found", 2000)]
