"""What desktops and file(1) are told of .cnc files, and the manual pages."""

from __future__ import annotations

import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import click
import pytest

from cnncompress.bitstream.container import MAGIC, Chunk, ChunkType, Container, Header, Layout, pack
from cnncompress.cli.main import COMMANDS, program
from cnncompress.pillow import MIME_TYPE
from cnncompress.units import Hundredths

ROOT = Path(__file__).parents[2]
DESKTOP = ROOT / "scripts" / "desktop"

pytestmark = pytest.mark.skipif(not DESKTOP.is_dir(), reason="no scripts beside the tests")


def test_mime_type_and_magic() -> None:
    space = "{http://www.freedesktop.org/standards/shared-mime-info}"
    (kind,) = ElementTree.parse(DESKTOP / "cnncompress.xml").getroot().findall(f"{space}mime-type")
    assert kind.get("type") == MIME_TYPE
    match = kind.find(f"{space}magic/{space}match")
    assert match is not None and match.get("offset") == "0"
    assert str(match.get("value")).encode().decode("unicode_escape").encode("latin-1") == MAGIC


@pytest.mark.skipif(shutil.which("file") is None, reason="no file(1) here")
@pytest.mark.parametrize("layout", list(Layout))
def test_file_knows_a_cnc_file(layout: Layout, tmp_path: Path) -> None:
    chunks = [Chunk(ChunkType.LATENTS, b"")] + [Chunk(ChunkType.ALPHA, b"")] * layout.has_alpha
    (tmp_path / "x").write_bytes(pack(Container(Header(layout, 640, 480, Hundredths(60_00), bytes(4)), tuple(chunks))))
    command = ["file", "-b", "-m", str(DESKTOP / "cnncompress.magic"), str(tmp_path / "x")]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert text.startswith("cnncompress image data, version 1, 640 x 480, "), text
    described = {
        Layout.RGB: "RGB\n",
        Layout.GRAY: "gray\n",
        Layout.BILEVEL: "black and white\n",
        Layout.EQUAL_RGB: "gray as RGB\n",
    }
    assert text.endswith(described.get(layout, "with alpha\n"))
    kind = subprocess.run(
        [*command[:1], "--mime-type", *command[1:]], capture_output=True, text=True, check=True
    ).stdout
    assert kind.strip() == MIME_TYPE


@pytest.mark.parametrize("name", COMMANDS)
def test_manual_pages_have_every_option(name: str) -> None:
    command = program.get_command(click.Context(program), name)
    assert command is not None
    page = (ROOT / "docs" / "man" / f"cnncompress-{name}.1").read_text(encoding="utf-8").replace("\\-", "-")
    missing = [
        option
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
        if option not in page
    ]
    assert missing == [], "python scripts/make_man.py writes them anew"
    assert f"cnncompress-{name}" in (ROOT / "docs/man/cnncompress.1").read_text(encoding="utf-8").replace("\\-", "-")
