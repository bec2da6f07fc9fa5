"""The browser of the tests of the page: what it notices."""

from __future__ import annotations

from pathlib import Path

from browser import started


def test_errors_and_requests_are_noticed(tmp_path: Path) -> None:
    page, image = tmp_path / "page.html", tmp_path / "missing.png"
    page.write_text(
        f'<body data-ready="true"><img src="{image.as_uri()}"><img src="data:,"><script>throw Error("oops")</script>'
    )
    with started() as browser:
        browser.open(page)
        browser.settle()
        assert any("oops" in line for line in browser.complaints())
        assert browser.requests() == {page.as_uri(), image.as_uri()}
