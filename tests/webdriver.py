"""Drives Debian's Chromium over the W3C WebDriver protocol, which is JSON over HTTP."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx

Found = TypeVar("Found")

PATIENCE_SECONDS: Final = 60
_POLL_SECONDS: Final = 0.02
_ELEMENT: Final = "element-6066-11e4-a52e-4f735466cecf"
_FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1440,960",
    # No name resolves and no address but the server's is reached.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--no-proxy-server",
)


def missing() -> str:
    """Say what is not on this machine; empty when a browser can be driven."""
    absent = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"not on this machine: {', '.join(absent)}" if absent else ""


def poll(condition: Callable[[], Found]) -> Found:
    """Ask until the answer is true, and give it; fails after PATIENCE_SECONDS."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(_POLL_SECONDS)
    return found


class Browser:
    """One browser window."""

    def __init__(self, http: httpx.Client, session: str) -> None:
        self._http = http
        self._path = f"/session/{session}"

    def send(self, path: str, **body: Any) -> Any:
        return _value(self._http.post(self._path + path, json=body))

    def get(self, path: str) -> Any:
        return _value(self._http.get(self._path + path))

    def open(self, url: str) -> None:
        self.send("/url", url=url)

    def script(self, code: str, *arguments: Any) -> Any:
        """Run the body of a function in the page and give what it returns."""
        return self.send("/execute/sync", script=code, args=arguments)

    def _element(self, xpath: str) -> str:
        self.send("/timeouts", implicit=PATIENCE_SECONDS * 1000)
        return str(self.send("/element", using="xpath", value=xpath)[_ELEMENT])

    def click(self, xpath: str) -> None:
        self.send(f"/element/{self._element(xpath)}/click")

    def type(self, xpath: str, text: str) -> None:
        self.send(f"/element/{self._element(xpath)}/value", text=text)

    def windows(self) -> list[str]:
        """Give the open windows, by handles to switch to."""
        return [str(handle) for handle in self.get("/window/handles")]

    def switch(self, handle: str) -> None:
        """Turn to another window."""
        self.send("/window", handle=handle)

    def keys(self, text: str) -> None:
        """Press keys where the cursor is."""
        presses = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        self.send("/actions", actions=[{"type": "key", "id": "keyboard", "actions": presses}])

    def text(self) -> str:
        """Give what the page shows."""
        return str(self.script("return document.body.innerText")).replace("\u00a0", " ")

    def wait_for_text(self, text: str) -> None:
        """Wait until the page shows a text; fails with what it shows instead."""
        try:
            poll(lambda: text in self.text())
        except AssertionError:
            message = f"{text!r} is not on the page, which shows:\n{self.text()}"
            raise AssertionError(message) from None

    def console(self) -> list[str]:
        """Give the warnings and errors of the console, policy violations among them."""
        return [
            f"{line['level']} {line['message']}"
            for line in self.send("/se/log", type="browser")
            if line["level"] in {"WARNING", "SEVERE"}
        ]

    def requested_urls(self, page: str) -> list[str]:
        """Give the addresses that a page asked for, as the DevTools protocol tells them."""
        messages = [
            json.loads(line["message"])["message"]
            for line in self.send("/se/log", type="performance")
        ]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
            and message["params"]["documentURL"] == page
        ]


def _value(response: httpx.Response) -> Any:
    value = response.json()["value"]
    assert response.is_success, value
    return value


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Start Chromium with a new profile in ``folder``; it ends with the block."""
    port = _free_port()
    capabilities = {
        "browserName": "chrome",
        "goog:chromeOptions": {"args": [*_FLAGS, f"--user-data-dir={folder}"]},
        "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
    }
    driver = shutil.which("chromedriver")
    assert driver is not None
    with (
        subprocess.Popen([driver, f"--port={port}", "--log-level=OFF"]) as running,
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=2 * PATIENCE_SECONDS, trust_env=False
        ) as http,
    ):
        try:
            poll(lambda: _is_ready(http))
            asked = {"capabilities": {"alwaysMatch": capabilities}}
            session = _value(http.post("/session", json=asked))["sessionId"]
            try:
                yield Browser(http, session)
            finally:
                http.delete(f"/session/{session}")
        finally:
            running.terminate()


def _is_ready(http: httpx.Client) -> bool:
    try:
        return bool(_value(http.get("/status"))["ready"])
    except httpx.TransportError:
        return False
