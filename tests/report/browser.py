"""A Chromium without a window, driven by Selenium."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
DRIVER = "chromedriver"


class Browser:
    """A page, as a person with mouse, keys or fingers uses it."""

    def __init__(self, chrome: Chrome) -> None:
        self._chrome = chrome

    def open(
        self, page: Path, *, width: int = 1200, height: int = 900, scale: float = 1, scheme: str = "light"
    ) -> None:
        """Loads a page in a window of a size in CSS pixels, and waits until its pictures are there."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600}
        self.command("Emulation.setDeviceMetricsOverride", **metrics)
        self.command("Emulation.setTouchEmulationEnabled", enabled=width < 600)
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.load(page, "document.body.dataset.ready === 'true'")

    def load(self, page: Path, until: str) -> None:
        """Loads a page and waits for a condition in JavaScript."""
        from selenium.webdriver.support.ui import WebDriverWait

        self._chrome.get(page.as_uri())
        WebDriverWait(self._chrome, 30).until(lambda _: self.run(f"return {until}"))

    def command(self, name: str, **arguments: Any) -> None:
        """Gives a command of the Chrome DevTools protocol."""
        self._chrome.execute_cdp_cmd(name, arguments)

    def run(self, script: str, *arguments: Any) -> Any:
        """Runs JavaScript on the page; a promise is waited for."""
        return self._chrome.execute_script(script, *arguments)

    def press(self, *keys: str) -> None:
        """Presses keys, one after the other, and waits for what they cause."""
        from selenium.webdriver import ActionChains

        ActionChains(self._chrome).send_keys(*keys).perform()
        self.settle()

    def settle(self) -> None:
        """Waits until everything that was asked for is drawn."""
        self.run("return new Promise((done) => setTimeout(() => requestAnimationFrame(done), 120))")

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drags with the mouse from one place of the window to another."""
        for kind, (x, y) in (("mousePressed", start), ("mouseMoved", end), ("mouseReleased", end)):
            pressed = 0 if kind == "mouseReleased" else 1
            self.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=pressed, clickCount=1)

    def touch(self, *paths: tuple[tuple[float, float], tuple[float, float]]) -> None:
        """Moves fingers, each from one place of the window to another."""
        for kind, share in (("touchStart", 0.0), ("touchMove", 0.5), ("touchMove", 1.0), ("touchEnd", None)):
            points = [
                {"x": start[0] + share * (end[0] - start[0]), "y": start[1] + share * (end[1] - start[1]), "id": number}
                for number, (start, end) in enumerate(paths)
                if share is not None
            ]
            self.command("Input.dispatchTouchEvent", type=kind, touchPoints=points)

    def complaints(self) -> list[str]:
        """What the browser wrote to its console since the last call."""
        return [str(entry["message"]) for entry in self._chrome.get_log("browser")]

    def requests(self) -> set[str]:
        """Addresses that were asked for since the last call, but for data URLs."""
        messages = (json.loads(entry["message"])["message"] for entry in self._chrome.get_log("performance"))
        urls = (
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        )
        return {url for url in urls if not url.startswith("data:")}


@contextmanager
def started() -> Iterator[Browser]:
    """Starts a browser for the body; skips the test where there is none."""
    pytest.importorskip("selenium", reason="the page is not tried in a browser: selenium is not installed")
    program = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    driver = shutil.which(DRIVER)
    if program is None or driver is None:
        pytest.skip("the page is not tried in a browser: there is no chromium with its chromedriver")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield Browser(chrome)
    finally:
        chrome.quit()
