"""Who reaches the live view, and what its page may send: whole requests and messages to a real server."""

import http.client
import logging
import socket
import time

import jax.random as jr
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from viewer_client import Client, msgspec, status_of, viser
from websockets.exceptions import ConnectionClosedError, InvalidStatus

import envs
import evaluation
from evaluation import Session, Viewer, _access
from evaluation._page_messages import is_accepted

GOAL = "/fixed_bodies/goal"
NAN, INF = float("nan"), float("inf")
WEBSOCKET = (
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Protocol", f"viser-v{viser.__version__}"),
)
NAME = "The live view is served under the name localhost only.\n"
PAGE = "The live view is served to its own page only.\n"
ADDRESS = "Open the whole address that the live view printed.\n"


@pytest.fixture(scope="module")
def session() -> Session:
    """A ball in a maze of two goals."""
    env = envs.PointMaze("11111/1R0G1/111G1/11111")
    return Session(env, evaluation.baselines(env), jr.key(0))


@pytest.fixture(scope="module")
def served(session):
    """Its live view, for tests that leave it as it is."""
    viewer = Viewer(session, port=0)
    yield viewer
    viewer.close()


@pytest.fixture
def viewer(session):
    """A live view of its own."""
    viewer = Viewer(session, port=0)
    yield viewer
    viewer.close()


def opened(viewer: Viewer) -> Client:
    """A page that has been loaded."""
    client = Client(viewer.address)
    client.read_until(lambda: "Goal cell" in client.controls and GOAL in client.nodes)
    return client


def answer(viewer: Viewer, path: str | None = None, *headers: tuple[str, str]) -> tuple[int, str]:
    """Status and text of the answer to a request with exactly these headers."""
    port, own = viewer.address.removeprefix("http://localhost:").split("/")
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=60)
    connection.putrequest("GET", f"/{own}" if path is None else path, skip_host=True, skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value.format(port=port))
    connection.endheaders()
    response = connection.getresponse()
    text = "" if response.status in (101, 200) else response.read().decode()
    connection.close()
    return response.status, text


@pytest.mark.parametrize("kind", [(), WEBSOCKET], ids=["page", "websocket"])
@pytest.mark.parametrize(
    ("host", "origin", "refusal"),
    [
        ("localhost:{port}", None, None),
        ("localhost:{port}", "http://localhost:{port}", None),
        ("127.0.0.1:{port}", "http://127.0.0.1:{port}", None),
        ("[::1]:{port}", "http://[::1]:{port}", None),
        ("LOCALHOST:{port}", None, None),
        ("localhost", "http://localhost", None),  # a tunnel from port 80
        ("localhost:9000", "http://localhost:9000", None),  # a tunnel from another port
        ("evil.example:{port}", None, NAME),
        ("evil.example:{port}", "http://evil.example:{port}", NAME),  # DNS rebinding
        ("evil.example:{port}", "http://localhost:{port}", NAME),
        ("localhost.evil.example:{port}", None, NAME),
        ("127.0.0.1.evil.example", None, NAME),
        ("127.0.0.2:{port}", None, NAME),
        ("localhost@evil.example", None, NAME),
        ("evil.example@localhost", None, NAME),
        ("[::1", None, NAME),
        ("", None, NAME),
        (None, None, NAME),
        ("localhost:{port}", "http://evil.example", PAGE),
        ("localhost:{port}", "http://evil.example:{port}", PAGE),
        ("localhost:{port}", "http://localhost:1", PAGE),  # another server of this machine
        ("localhost:{port}", "http://localhost", PAGE),
        ("localhost:{port}", "https://localhost:{port}", PAGE),
        ("localhost:{port}", "http://127.0.0.1:{port}", PAGE),
        ("localhost:{port}", "http://localhost:{port}.evil.example", PAGE),
        ("localhost:{port}", "null", PAGE),  # a file, or a frame in a sandbox
        ("localhost:{port}", "", PAGE),
    ],
)
def test_host_and_origin(served, kind, host, origin, refusal):
    headers = [(name, value) for name, value in (("Host", host), ("Origin", origin)) if value is not None]
    expected = (403, refusal) if refusal else (101 if kind else 200, "")
    assert answer(served, None, *headers, *kind) == expected


@pytest.mark.parametrize("kind", [(), WEBSOCKET], ids=["page", "websocket"])
def test_headers_given_twice(served, kind):
    host, origin = ("Host", "localhost:{port}"), ("Origin", "http://localhost:{port}")
    assert answer(served, None, host, ("Host", "evil.example"), *kind) == (403, NAME)
    assert answer(served, None, host, origin, ("Origin", "http://evil.example"), *kind) == (403, PAGE)


@pytest.mark.parametrize("kind", [(), WEBSOCKET], ids=["page", "websocket"])
def test_the_address_holds_a_secret(served, kind):
    own, host = served.address.rpartition("/")[2], ("Host", "localhost:{port}")
    for path in (f"/{own}", f"/{own}/", f"/{own}?darkMode"):
        assert answer(served, path, host, *kind) == (101 if kind else 200, "")
    wrong = ["/", "/index.html", f"/{own[:-1]}", f"/{own}x", f"/x/{own}", f"/{own}/../", f"/?{own}", "/%C3%A4", "*"]
    for path in wrong:
        assert answer(served, path, host, *kind) == (403, ADDRESS), path


def test_no_two_addresses_are_alike(served, viewer):
    assert served.address.rpartition("/")[2] != viewer.address.rpartition("/")[2]


def test_pages_are_limited(viewer, monkeypatch):
    monkeypatch.setattr(_access, "_MOST_PAGES", 2)
    clients = [opened(viewer), opened(viewer)]
    with pytest.raises(InvalidStatus) as refused:
        Client(viewer.address)
    assert refused.value.response.status_code == 503
    assert refused.value.response.body == b"The live view is open in 2 pages, which is its limit.\n"
    assert status_of(viewer.address) == 200
    clients.pop().close()
    opened(viewer).close()


def test_messages_are_limited(viewer):
    first, second = opened(viewer), opened(viewer)
    first.send_raw(bytes(2**16 + 1))
    with pytest.raises(ConnectionClosedError, match="1009"):
        first.read_until(lambda: False)
    second.drag(GOAL, (1.0, 2.5, 0.0))
    effect(viewer, lambda: np.allclose(viewer.session.goal, [1.0, 2.5]))


def effect(viewer: Viewer, done) -> None:
    """Ticks, without time passing, until what a client did has had its effect."""
    until = time.monotonic() + 60
    while not done():
        assert time.monotonic() < until, "it had no effect"
        viewer.tick(0.0)


CAMERA = {
    "wxyz": (1, 0, 0, 0),
    "position": (3, 3, 3),
    "look_at": (0, 0, 0),
    "up_direction": (0, 0, 1),
    **dict.fromkeys(("fov", "near", "far", "image_height", "image_width"), 1),
}
MOVE = {"name": GOAL, "wxyz": (1, 0, 0, 0), "position": (1.0, 2.0, 0.0), "owner": ""}
HOSTILE = [
    ("ShareUrlRequest", {}),  # would put the page on the internet
    ("ShareUrlDisconnect", {}),
    ("FileTransferStartUpload", {"source_component_uuid": "{Speed}", "transfer_uuid": "x", "filename": "x"}),
    ("GuiFormDirtyMessage", {"uuid": "x"}),
    ("GuiButtonHoldMessage", {"uuid": "{Pause}", "frequency": 1.0}),
    ("Nonsense", {}),
    ("GuiUpdateMessage", {"uuid": "{Speed}", "updates": {"value": NAN}}),
    ("GuiUpdateMessage", {"uuid": "{Speed}", "updates": {"value": -INF}}),
    ("GuiUpdateMessage", {"uuid": "{Speed}", "updates": {"value": 2**63}}),
    ("GuiUpdateMessage", {"uuid": "{Speed}", "updates": {"value": None}}),
    ("GuiUpdateMessage", {"uuid": "{Speed}", "updates": {"value": [1.0]}}),
    ("GuiUpdateMessage", {"uuid": "{Who acts}", "updates": {"value": "x" * 10_000}}),
    ("GuiUpdateMessage", {"uuid": "{Speed}", "updates": {"update_cb": 3}}),
    ("GuiUpdateMessage", {"uuid": "{Pause}", "updates": {"sync_cb": "x"}}),
    ("GuiUpdateMessage", {"uuid": "{Who acts}", "updates": {"value": "zero", "removed": True}}),
    ("GuiUpdateMessage", {"uuid": "{Goal cell}", "updates": {"gui_api": 0}}),
    ("GuiUpdateMessage", {"uuid": 3, "updates": {"value": True}}),
    ("GuiUpdateMessage", {"uuid": "{Speed}", "updates": {"value": 1.0}, "more": 1}),
    ("GuiUpdateMessage", {"uuid": "{Speed}"}),
    ("TransformControlsUpdateMessage", MOVE | {"position": (NAN, 0.0, 0.0)}),
    ("TransformControlsUpdateMessage", MOVE | {"position": (INF, 0.0, 0.0)}),
    ("TransformControlsUpdateMessage", MOVE | {"position": (1e300, 0.0, 0.0)}),
    ("TransformControlsUpdateMessage", MOVE | {"position": (1.0, 2.0)}),
    ("TransformControlsUpdateMessage", MOVE | {"position": (1.0, 2.0, 0.0, 0.0)}),
    ("TransformControlsUpdateMessage", MOVE | {"position": "xyz"}),
    ("TransformControlsUpdateMessage", MOVE | {"position": ("1", "2", "3")}),
    ("TransformControlsUpdateMessage", MOVE | {"position": ((1.0,), (2.0,), (3.0,))}),
    ("TransformControlsUpdateMessage", MOVE | {"position": None}),
    ("TransformControlsUpdateMessage", MOVE | {"wxyz": (NAN, 0.0, 0.0, 0.0)}),
    ("TransformControlsUpdateMessage", MOVE | {"name": None}),
    ("TransformControlsDragStartMessage", {"name": [GOAL]}),
    ("ViewerCameraMessage", CAMERA | {"position": (NAN, 0.0, 0.0)}),
    ("ViewerCameraMessage", CAMERA | {"image_height": "\x1b[2J"}),
    ("ViewerCameraMessage", {"wxyz": (1, 0, 0, 0)}),
]


def test_nothing_but_sound_messages_is_accepted():
    encode = msgspec.msgpack.encode
    for kind, content in (
        ("ViewerCameraMessage", CAMERA),
        ("TransformControlsDragStartMessage", {"name": GOAL, "owner": ""}),
        ("TransformControlsUpdateMessage", MOVE),
        ("TransformControlsDragEndMessage", {"name": GOAL, "owner": ""}),
        *(("GuiUpdateMessage", {"uuid": "x", "updates": {"value": value}}) for value in (True, 1, 0.5, "zero")),
    ):
        assert is_accepted(encode({"type": kind, **content})), (kind, content)
    for kind, content in HOSTILE:
        assert not is_accepted(encode({"type": kind, **content})), (kind, content)
    nonsense = ["text", b"", b"\xc1", b"\x91" * 60_000, encode([]), encode(3), encode({}), encode({"type": 3})]
    nonsense += [b"\x81\xa4type\xa1\xff", b"\x81\xa1\xff\xa1\xff"]  # no UTF-8
    for message in nonsense:
        assert not is_accepted(message), message[:9]


@given(at=st.integers(0, 10**6), byte=st.integers(0, 255), cut=st.booleans())
@settings(max_examples=500)
def test_no_damaged_message_is_an_error(at, byte, cut):
    message = bytearray(msgspec.msgpack.encode({"type": "TransformControlsUpdateMessage", **MOVE}))
    message[at % len(message)] = byte
    assert is_accepted(bytes(message[: at % len(message)] if cut else message)) in (True, False)


def test_a_hostile_page_changes_nothing(viewer, caplog, capsys):
    session, client, watcher = viewer.session, opened(viewer), opened(viewer)
    session.acting = "random"
    before, steps = session.goal, session.steps
    for message in ("text", b"", b"\xc1", msgspec.msgpack.encode(3)):
        client.send_raw(message)
    for kind, content in HOSTILE:
        uuid = str(content.get("uuid", ""))
        client.send(kind, **content | ({"uuid": client.controls[uuid.strip("{}")]} if uuid.startswith("{") else {}))
    # Of the right types, and values that no control offers.
    for label, value in (
        ("Who acts", "nobody"),
        ("Goal cell", "(7, 7)"),
        ("Goal cell", 3.0),
        ("Speed", "fast\x1b[2J"),
        ("Speed", -1e6),
    ):
        client.set(label, value)
    effect(viewer, lambda: viewer.speed == 0.1)
    client.set("Speed", 1e6)
    effect(viewer, lambda: viewer.speed == 4.0)
    assert session.acting == "random" and np.array_equal(session.goal, before)
    assert viewer.tick(0.05) and viewer.tick(0.05) and session.steps == steps + 2, "time goes on"
    # Both pages work as before.
    client.drag(GOAL, (1.0, 2.5, 0.0))
    effect(viewer, lambda: np.allclose(session.goal, [1.0, 2.5]))
    watcher.set("Who acts", "zero")
    effect(viewer, lambda: session.acting == "zero")
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert capsys.readouterr() == ("", "")


def test_requests_of_a_flood_are_dropped(viewer, monkeypatch):
    monkeypatch.setattr("evaluation._viewer._MOST_ASKED", 5)
    resets = []
    monkeypatch.setattr(viewer.session, "reset", lambda: resets.append(1))
    client = opened(viewer)
    for _ in range(50):
        client.set("New start and goal", True)
    client.set("Speed", 2.0)
    client.read_until(lambda: viewer.speed == 2.0)  # the server has handled them all
    client.read_until(lambda: viewer._asked.qsize() == 5)
    viewer.tick(0.0)
    assert len(resets) == 5


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


SENTENCE = (
    r"^The installed version of viser leaves no way to check who connects to its server, so the live view is not "
    r"served; constraints\.txt names a version that does\.$"
)


def test_a_viser_that_starts_its_server_otherwise_is_not_served(session, monkeypatch):
    monkeypatch.setattr(_access, "_Changed", lambda module, **_: module)  # it does not see the changed name
    port = free_port()
    with pytest.raises(evaluation.NoAccessControl, match=SENTENCE):
        Viewer(session, port=port)
    with pytest.raises(OSError):
        status_of(f"http://localhost:{port}")


def test_a_viser_without_the_name_is_not_started(session, monkeypatch):
    monkeypatch.delattr("viser.infra._infra.websockets")
    monkeypatch.setattr("evaluation._viewer.ViserServer", None)
    with pytest.raises(evaluation.NoAccessControl, match=SENTENCE):
        Viewer(session, port=0)


def test_other_servers_of_the_process_are_left_alone(viewer):
    import websockets
    from viser.infra import _infra

    assert _infra.websockets is websockets
