"""A short search with a fixed seed; ``python scripts/fuzz.py`` is the long one (docs/FUZZING.md)."""

from __future__ import annotations

import os
import random
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import fuzz_seeds as seeds
import pytest
from fuzz_anatomy import resealed, take_apart
from fuzz_bytes import damaged
from fuzz_container import damaged_file
from fuzz_engine import Finding, Report, run
from fuzz_model import damaged_model
from fuzz_payloads import bombs
from fuzz_target import Target, expect
from fuzz_targets import TARGETS, opened
from own_process import in_own_process, peak_bytes
from random_model import write_random_model

from cnncompress.bitstream.container import unpack
from cnncompress.errors import Corrupt

ROOT = Path(__file__).parents[2]
RUNS = {
    "container": 1500, "entropy": 1000, "chunks": 500, "decode-tiny": 300, "decode-base": 100, "pillow": 200,
    "model": 150, "image": 600,
    **{target.name: 1000 for target in TARGETS if target.name.startswith("fields-")},
}  # fmt: skip
MAX_GROWTH = 300 << 20
"""Bytes by which a search may raise the process's peak; inflated metadata may take 16 MiB several times."""


def searched(name: str) -> tuple[Report, int]:
    """A search, and the bytes by which it raised the process's peak over what sound data take."""
    report = Report()
    with opened(name) as target:
        for data in target.starts:
            report.execute(target, data)
        before = peak_bytes()
        run(target, report, seed=1, over=lambda: report.runs >= RUNS[name])
    return report, peak_bytes() - before


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no clock that interrupts")
@pytest.mark.parametrize("name", [target.name for target in TARGETS])
def test_short_search(name: str) -> None:
    report, growth = in_own_process(searched, name)
    assert not report.findings, "\n".join(finding.message for finding in report.findings.values())
    assert growth < MAX_GROWTH
    accepted = sum(count for outcome, count in report.outcomes.items() if outcome.startswith("ok"))
    most = 1.0 if name.startswith("fields-") else 0.9  # there is nothing that a reader of fields refuses
    assert RUNS[name] * 0.02 < accepted < RUNS[name] * most, "the damage does not get through, or does nothing"


def test_sound_data_is_accepted() -> None:
    for name in RUNS:
        with opened(name) as target:
            for data in target.sound:
                assert target.run(data)


@pytest.mark.parametrize("damage", [damaged_file, damaged_model])
def test_damage_can_be_damaged(damage: Callable[[bytes, list[bytes], random.Random], bytes], tmp_path: Path) -> None:
    """The search takes up what it made before, and damages it again."""
    path = tmp_path / "tiny.safetensors"
    write_random_model(path)
    sound = [path.read_bytes()] if damage is damaged_model else [*seeds.golden_files(), *seeds.plain_files()]
    rng = random.Random(2)
    for _ in range(40):
        data = rng.choice(sound)
        for _ in range(20):
            data = damage(data, sound, rng)
    assert isinstance(data, bytes)


def test_checksums_are_repaired() -> None:
    """Else all that the search finds is wrong checksums."""
    rng = random.Random(4)
    files = [*seeds.golden_files(), *seeds.plain_files()]
    assert all(resealed(data) == data for data in files)
    taken_apart = [take_apart(data) for data in files]
    assert [parts and parts.to_bytes() for parts in taken_apart] == files
    messages = []
    for _ in range(300):
        try:
            unpack(resealed(damaged(rng.choice(files), rng)))
        except Corrupt as error:
            messages.append(str(error))
        except Exception:
            continue
    assert sum("checksum" in message for message in messages) < 0.1 * 300


def test_bombs_are_bombs() -> None:
    sizes = [len(zlib.decompressobj(-15).decompress(bomb, 1 << 28)) for bomb in bombs()[:3]]
    assert sizes == [1 << 24, (1 << 24) + 1, 64 << 20] and all(len(bomb) < 1 << 18 for bomb in bombs())


class Strange(Target):
    """Fails in every way."""

    name = "strange"
    allowed = (ValueError,)

    def make_sound(self) -> list[bytes]:
        return [b"\0\0\0\0"]

    def run(self, data: bytes) -> str:
        kind = sum(data) % 5
        if kind == 1:
            raise ValueError("fine")
        if kind == 2:
            raise ValueError("two\nlines")
        if kind == 3:
            struct.unpack("<I", b"")
        expect(kind != 4, "wrong")
        return "fine"


def test_findings_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = Report()
    run(Strange(tmp_path), report, seed=1, over=lambda: report.runs >= 300)
    assert report.runs == 300 == sum(report.outcomes.values())
    assert {"ok: fine", "ValueError"} < set(report.outcomes)
    assert {outcome for outcome in report.outcomes if outcome.startswith("FINDING")} == {
        f"FINDING {key}" for key in ("ValueError at run", "error at run", "Wrong at expect")
    }
    assert all(isinstance(finding, Finding) and "Traceback" in finding.message for finding in report.findings.values())
    monkeypatch.setattr("fuzz_engine.MAX_SECONDS", 0.05)
    monkeypatch.setattr(Strange, "run", lambda self, data: [None for _ in iter(int, 1)])
    assert report.execute(Strange(tmp_path), b"").startswith("FINDING TooSlow")


def test_same_seed_same_data(tmp_path: Path) -> None:
    def search(seed: int) -> dict[str, int]:
        report = Report()
        with opened("entropy") as target:
            run(target, report, seed=seed, over=lambda: report.runs >= 200)
        return dict(report.outcomes)

    assert search(1) == search(1) != search(3)


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / "scripts").is_dir(), reason="no scripts beside the tests")
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the script limits memory as Linux does")
def test_script(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "fuzz.py"), "container", "--runs", "300", "--engine", "generator"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, "--findings", str(tmp_path / "findings")],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "| container | generator | 1 | 300 |" in done.stdout and "Corrupt" in done.stdout
    assert not (tmp_path / "findings").exists()
