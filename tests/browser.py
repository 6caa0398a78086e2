"""Chromium, for looking at pages as people do."""

import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
]


class Browser:
    """Chromium by its debugging pipe: no port, no driver. JSON messages end in a zero byte."""

    def __init__(self, home: Path) -> None:
        requests, answers = home / "requests", home / "answers"
        os.mkfifo(requests)
        os.mkfifo(answers)
        command = [
            "sh",
            "-c",
            'exec "$@" 3<"$0/requests" 4>"$0/answers" 2>/dev/null',
            str(home),
            CHROMIUM or "",
            *QUIET,
        ]
        self.process = subprocess.Popen([*command, f"--user-data-dir={home / 'profile'}"])
        self.out, self.incoming = open(requests, "wb", buffering=0), open(answers, "rb", buffering=0)  # noqa: SIM115
        self.count, self.rest, self.events = 0, b"", []  # type: ignore[var-annotated]

    def ask(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        self.out.write(json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        while (answer := self.hear()).get("id") != self.count:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def hear(self) -> dict[str, Any]:
        deadline = time.monotonic() + 30
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.incoming], [], [], max(0, deadline - time.monotonic()))
            assert ready, "chromium does not answer"
            read = os.read(self.incoming.fileno(), 1 << 16)
            assert read, "chromium ended"
            self.rest += read
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def close(self) -> None:
        self.out.close()
        self.incoming.close()
        self.process.terminate()
        self.process.wait(20)

    def open(self, url: str, width: int, **features: str) -> str:
        """A new page at a width in pixels, with features of its media; the session to ask it by, once it is loaded."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        session: str = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable", session)
        media = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.ask("Emulation.setEmulatedMedia", session, features=media)
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
        self.ask("Emulation.setDeviceMetricsOverride", session, **size)
        self.events.clear()
        self.ask("Page.navigate", session, url=url)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.hear())
        return session

    def tell(self, session: str, expression: str) -> Any:
        """What an expression of the page comes to."""
        answer = self.ask("Runtime.evaluate", session, expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, session: str, key: str, code: int) -> None:
        text = {"text": "\r"} if key == "Enter" else {"text": " "} if key == " " else {}
        for kind in ("keyDown", "keyUp"):
            how = {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code}
            self.ask("Input.dispatchKeyEvent", session, **how, **(text if kind == "keyDown" else {}))

    def complaints(self) -> list[Any]:
        """What the page has complained of since it was opened."""
        bad = ("Log.entryAdded", "Runtime.exceptionThrown", "Page.javascriptDialogOpening")
        return [event for event in self.events if event.get("method") in bad]

    def requests(self) -> list[str]:
        """What the page has asked for since it was opened, but for data inside it."""
        asked = [e["params"]["request"]["url"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        return [url for url in asked if not url.startswith("data:")]
