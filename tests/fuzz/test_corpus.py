"""The kept inputs are refused for what they were kept for, and not for something else that has come in between."""

from __future__ import annotations

import fuzz_seeds as seeds
import pytest
from fuzz_targets import opened

CAUSES = {
    "chunks/stored-nothing": "stored original cannot be read",
    "chunks/stored-script": "stored original cannot be read",
    "container/a-million-tiles": "1048576 tiles, expected at most 65535",
    "container/65535-chunks-missing": "the file ends in its chunk table, after 19 bytes",
    "container/payloads-of-16-gib": "17179869180 payload bytes are missing",
    "model/deep-configuration": "recursion",
    "model/huge-lambdas": "too large to convert to float",
    "model/many-blocks": "blocks_8 is 4096",
    "model/metadata-that-are-null": "not a model of this program",
    "model/name-of-two-lines": r"'a\nb'",
    "model/true-width": "scale_width is True",
    "model/type-without-torch": "type 'F4'",
    "pillow/metadata-of-4-gib": "cannot identify",
}


def test_every_input_has_a_cause() -> None:
    found = {f"{path.parent.name}/{path.name}" for path in seeds.CORPUS.glob("*/*")}
    assert found == set(CAUSES)


@pytest.mark.parametrize("name", CAUSES)
def test_cause(name: str) -> None:
    folder, _, _ = name.partition("/")
    with opened(folder) as target, pytest.raises(target.allowed) as caught:
        target.run((seeds.CORPUS / name).read_bytes())
    assert CAUSES[name] in str(caught.value)
