"""The dialect of the docstrings: Google style, entries as sentences, and references in single backticks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "cnncompress"

_ROLE = re.compile(r":[a-z]+:`")
_SECTION = re.compile(r"^( *)(Args|Attributes|Raises|Warns):\n((?:\1 {4}.*\n|\n(?=\1 {4}))+)", re.MULTILINE)
_DTYPE = re.compile(r"(bool|uint8|u?int(16|32|64)|float(32|64))\b")
_ENTRY = re.compile(r"[\w.*, ]+: (?=\S)(.*)", re.DOTALL)


def docstrings(source: str) -> Iterator[tuple[int, str]]:
    """Yields line and text of each string that stands as a statement: docstrings, and those behind constants."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value


def offences(docstring: str) -> Iterator[str]:
    """Yields what breaks the dialect."""
    yield from _ROLE.findall(docstring)
    if not docstring.strip().partition("\n\n")[0].endswith((".", ":")):
        yield "summary without a full stop"
    for _, name, body in _SECTION.findall(f"{docstring.rstrip()}\n"):
        indent = len(body) - len(body.lstrip(" "))
        for text in re.split(rf"\n(?= {{{indent}}}\S)", body.strip()):
            entry = _ENTRY.fullmatch(text)
            if entry is None or not (entry[1][0].isupper() or entry[1][0] in "`0123456789" or _DTYPE.match(entry[1])):
                yield f"{name}: {text!r} does not begin with a capital"
            if not text.rstrip().endswith("."):
                yield f"{name}: {text!r} does not end with a full stop"


def test_dialect() -> None:
    checked, found = 0, []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        for line, text in docstrings(path.read_text(encoding="utf-8")):
            checked += 1
            found += [f"{name}:{line}: {offence}" for offence in offences(text)]
    assert checked > 900 and not found, "\n".join(found)


def test_offences_are_found() -> None:
    text = "Summary.\n\nArgs:\n    a: Fine.\n    b: lower.\n    c: No stop\n\nRaises:\n    E: :class:`X`.\n"
    assert len(list(offences(text))) == 4
