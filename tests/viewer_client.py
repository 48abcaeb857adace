"""A browser as the server of the live view sees one: it reads what is shown, and sends what a person does."""

import time
import urllib.request
from typing import Any

import pytest
from websockets.sync.client import connect

# Where the extra `viewer` is not installed, the tests that need a page are skipped; the development group has it.
pytest.importorskip("mjviser")
viser, msgspec, zstandard = map(pytest.importorskip, ("viser", "msgspec", "zstandard"))

_HERE = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy stands between


def status_of(address: str) -> int:
    """The HTTP status of the page."""
    with _HERE.open(address, timeout=60) as response:
        assert b"<html" in response.read()
        return response.status


class Client:
    """One open page.

    Attributes:
        controls: the identifier of every control, by its label.
        options: what a list offers, by its label.
        nodes: the names of what stands in the scene.
        text: the markdown shown last.
    """

    def __init__(self, address: str):
        version = [f"viser-v{viser.__version__}"]
        url, origin = address.replace("http://", "ws://"), address.rpartition("/")[0]
        self._socket = connect(url, origin=origin, subprotocols=version, max_size=None, proxy=None)  # type: ignore[arg-type]
        self.controls: dict[str, str] = {}
        self.options: dict[str, list[str]] = {}
        self.nodes: set[str] = set()
        self.text = ""
        # What a browser says first; before, viser takes no clicks from it.
        self.send(
            "ViewerCameraMessage",
            wxyz=(1.0, 0.0, 0.0, 0.0),
            position=(3.0, 3.0, 3.0),
            look_at=(0.0, 0.0, 0.0),
            up_direction=(0.0, 0.0, 1.0),
            fov=1.0,
            near=0.01,
            far=1000.0,
            image_height=480,
            image_width=640,
        )

    def read_until(self, done) -> None:
        """Takes in what the server sends until `done()`."""
        until = time.monotonic() + 60
        while not done():
            assert time.monotonic() < until, "it was never shown"
            try:
                frame = self._socket.recv(timeout=0.2)
            except TimeoutError:
                continue
            size = int.from_bytes(frame[8:16], "little")
            for message in msgspec.msgpack.decode(zstandard.decompress(frame[16 : 16 + size]))["messages"]:
                self._take(message)

    def _take(self, message: dict[str, Any]) -> None:
        properties = message.get("props", message.get("updates", {}))
        if "label" in properties and "uuid" in message:
            self.controls = {label: uuid for label, uuid in self.controls.items() if uuid != message["uuid"]}
            self.controls[properties["label"]] = message["uuid"]
            self.options[properties["label"]] = properties.get("options", [])
        if "name" in message:
            self.nodes.add(message["name"])
        for name in ("_markdown", "content"):
            self.text = properties.get(name, self.text)

    def set(self, label: str, value: Any) -> None:
        """Gives a control a value; True clicks a button."""
        self.send("GuiUpdateMessage", uuid=self.controls[label], updates={"value": value})

    def drag(self, name: str, *places: tuple[float, float, float]) -> None:
        """Drags the handle of a thing in the scene through some places."""
        self.send("TransformControlsDragStartMessage", name=name, owner="")
        for place in places:
            self.send("TransformControlsUpdateMessage", name=name, wxyz=(1, 0, 0, 0), position=place, owner="")
        self.send("TransformControlsDragEndMessage", name=name, owner="")

    def send(self, kind: str, **content: Any) -> None:
        """Sends any message."""
        self.send_raw(msgspec.msgpack.encode({"type": kind, **content}))

    def send_raw(self, message: str | bytes) -> None:
        """Sends anything at all."""
        self._socket.send(message)

    def close(self) -> None:
        """Leaves the page."""
        self._socket.close()
