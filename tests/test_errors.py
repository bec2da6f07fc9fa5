"""The tree of errors: as its docstring draws it, with exit codes of their own, and a way to each one."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from command_line import run
from loaded_modules import forget
from PIL import Image

from cnncompress import errors
from cnncompress.api.calls import compress
from cnncompress.bitstream.header import MAGIC
from cnncompress.errors import CnncompressError

TREE: dict[str, type[CnncompressError]] = {
    name: value
    for name, value in vars(errors).items()
    if inspect.isclass(value) and issubclass(value, CnncompressError)
}


def drawn() -> dict[str, tuple[str | None, int | None]]:
    """Name -> parent and exit code, from the drawing in the docstring; None for a code that is not repeated."""
    found: dict[str, tuple[str | None, int | None]] = {}
    parents: dict[int, str] = {}
    for line in str(errors.__doc__).splitlines():
        match = re.match(r"    ([ │├└─]*)([A-Z]\w+) +(\d+)?", line)
        if match:
            depth = len(match[1]) // 4
            parents[depth] = match[2]
            found[match[2]] = (parents[depth - 1] if depth else None, int(match[3]) if match[3] else None)
    return found


def test_the_drawing_is_the_tree() -> None:
    drawing = drawn()
    assert drawing.keys() == TREE.keys()
    for name, (parent, code) in drawing.items():
        base = TREE[name].__bases__[0]
        assert base.__name__ == (parent or "Exception"), name
        assert TREE[name].exit_code == (TREE[parent].exit_code if parent and code is None else code), name


def test_exit_codes_belong_to_one_family_each() -> None:
    families = [value for value in TREE.values() if "exit_code" in vars(value)]
    codes = [family.exit_code for family in families]
    assert len(set(codes)) == len(codes)
    assert 0 not in codes, "success"
    assert [family for family in families if family.exit_code == 2] == [errors.PlanError], "click's own"
    for family in families:
        assert family is CnncompressError or family.__bases__ == (CnncompressError,)


def test_messages_are_what_was_given() -> None:
    for value in TREE.values():
        assert str(value("one line")) == "one line"
        assert inspect.getdoc(value)


Fault = Callable[[pytest.MonkeyPatch], None]


def raising(function: str, error: Exception) -> Fault:
    """Makes a function of the package fail."""

    def fail(*_: object, **__: object) -> None:
        raise error

    return lambda monkeypatch: monkeypatch.setattr(function, fail)


def without_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    forget(monkeypatch, "torchvision", "cnncompress.training.")
    monkeypatch.setitem(sys.modules, "torchvision", None)


def with_a_lost_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    raising("torch.distributed.init_process_group", RuntimeError("no connection"))(monkeypatch)


@dataclass(frozen=True)
class Case:
    """A command line that ends with an error.

    Attributes:
        line: The command, its words apart.
        message: What its last line says, among other things.
        fault: What fails in the program or the machine, where the command line alone is not enough.
    """

    line: str
    message: str
    fault: Fault | None = None


CASES: dict[type[CnncompressError], Case] = {
    errors.OutsideImage: Case("decompress --crop 0,0,99,9 good.cnc", "not within"),
    errors.UnreadableImage: Case("compress --lossless missing.png", "no such file"),
    errors.UnsupportedImage: Case("compress --lossless moving.gif", "--frame"),
    errors.BadMagic: Case("decompress image.png", "not a .cnc file"),
    errors.UnsupportedVersion: Case("decompress newer.cnc", "version"),
    errors.Truncated: Case("decompress short.cnc", "missing"),
    errors.Corrupt: Case("decompress damaged.cnc", "checksum"),
    errors.VerificationFailed: Case(
        "compress --lossless --verify image.png -o new.cnc",
        "cannot be decoded",
        raising("cnncompress.codec.cache.CodecCache.decode", errors.Corrupt("damaged")),
    ),
    errors.OutputExists: Case("compress --lossless image.png -o good.cnc", "exists"),
    errors.UnknownModel: Case("compress --model nobody image.png -o new.cnc", "no model named"),
    errors.InvalidModel: Case("compress --model damaged.safetensors image.png -o new.cnc", "damaged.safetensors"),
    errors.DeviceError: Case("compress --device cuda:99 image.png -o new.cnc", "cuda:99"),
    errors.OutOfMemory: Case(
        "compress --lossless image.png -o new.cnc", "memory", raising("cnncompress.batch.worker.encode", MemoryError())
    ),
    errors.ResultsError: Case("plot missing.json -o rd.svg", "missing.json: no such file or directory"),
    errors.LostProcess: Case("train . -o new.safetensors", "is gone: no connection", with_a_lost_process),
    errors.MissingPackage: Case("train . -o new.safetensors", "pip install", without_torchvision),
    errors.NotSmaller: Case("compress --lossless --if-larger fail small.jpg", "bytes, the input"),
    errors.LimitExceeded: Case("compress --lossless --max-pixels 9 image.png -o new.cnc", "limit"),
}
"""Each error that is not a family, and a way to it."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the cases name, in the current folder."""
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (60, 40)).save("image.png")
    Image.effect_noise((64, 64), 99).save("small.jpg", quality=5)
    Image.new("L", (4, 4)).save("moving.gif", save_all=True, append_images=[Image.new("L", (4, 4), 9)])
    good = compress("image.png", coding="lossless")
    damaged = {"good": good, "short": good[:-1], "newer": MAGIC + b"\xff" + good[len(MAGIC) + 1 :]}
    damaged["damaged"] = good[:-1] + bytes([good[-1] ^ 1])
    for name, data in damaged.items():
        Path(f"{name}.cnc").write_bytes(data)
    Path("damaged.safetensors").write_bytes(b"nothing")
    return tmp_path


def test_there_is_a_way_to_every_error() -> None:
    assert CASES.keys() == {value for value in TREE.values() if not value.__subclasses__()}


@pytest.mark.parametrize("error", CASES, ids=lambda error: error.__name__)
def test_errors_are_one_line_and_an_exit_code(
    error: type[CnncompressError], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[type] = []
    monkeypatch.setattr(error, "__init__", lambda self, *args: raised.append(type(self)))
    case = CASES[error]
    if case.fault is not None:
        case.fault(monkeypatch)
    result = run(*case.line.split())
    assert set(raised) == {error}, result.output
    assert (result.exit_code, result.stdout) == (error.exit_code, "")
    assert result.stderr.startswith("cnncompress: ") and result.stderr.count("\n") == 1
    assert case.message in result.stderr
