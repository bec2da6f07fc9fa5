"""Brings the documents that lie outside of docs/ into the web site; a hook of MkDocs, named in mkdocs.yml.

README is the home page. Links between documents are those of the repository, so that they work there as well; here they
are turned into links between pages.
"""

from __future__ import annotations

import posixpath  # paths of URLs, on every system
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]

PAGES = {"README.md": "index.md", "models/base.md": "base.md", "CHANGELOG.md": "changes.md"}
"""Documents outside of docs/, and the pages that they become."""

_LINK = re.compile(r"(?<=\]\()([^)\s#:]+)(?=[)#])")


def on_files(files: Files, config: Any, **_: Any) -> Files:
    """Adds the pages; called by MkDocs before it reads any."""
    for document, page in PAGES.items():
        content = (ROOT / document).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turns the links of a page; called by MkDocs before it renders it."""
    return with_page_links(markdown, page.file.src_uri)


def with_page_links(markdown: str, page: str) -> str:
    """Turns links between documents into links between pages.

    Args:
        markdown: Text of the document.
        page: Path of its page in the site.

    Returns:
        The text; links to what is no page are as they were, and MkDocs warns of them.
    """
    documents = {page: document for document, page in PAGES.items()}
    document = documents.get(page, f"docs/{page}")

    def turned(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(document), match[1]))
        if target not in PAGES and not target.startswith("docs/"):
            return match[1]
        return posixpath.relpath(PAGES.get(target, target.removeprefix("docs/")), posixpath.dirname(page) or ".")

    return _LINK.sub(turned, markdown)
