"""A live view in a web browser: an agent acts, and whoever watches commands its goal. Needs the extra `viewer`."""

import logging
import signal
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

try:
    import rich
    from viser import ViserServer

    from evaluation._access import Access
    from evaluation._stage import Stage
except ImportError as e:
    raise ImportError(
        f"The live view needs viser and mjviser, and {e.name} is not installed: pip install 'bathyal-eval[viewer]'.",
        name=e.name,
    ) from e

from evaluation._panel import Panel
from evaluation._session import Session

_FRAME = 1 / 30  # s between two pictures
_MOST = 2.0  # control steps that a slow machine may be late
_MOST_ASKED = 10_000  # requests of the page that wait for the next tick


class Viewer:
    """Serves a session as a web page on this machine, and runs it.

    The page shows the environment, the goal with a handle to drag it, whether the agent is there and how far it
    is; it can pause, change speed, start anew, choose a cell of a maze as the goal, and choose who acts.

    What happens in the page is only noted by viser's threads; `tick` does it. So one thread has the session.

    The address holds a secret, without which the server answers nobody: other users of this machine and web pages of
    other origins cannot command the agent.

    Attributes:
        session: what is shown.
        server: viser's server.
        address: of the page.
    """

    def __init__(self, session: Session, port: int = 8080, title: str = ""):
        """Starts serving, to this machine only. Nothing moves before `run` or `tick`.

        Args:
            session: what to show.
            port: of the page; where it is taken the next free one, with 0 any free one.
            title: stands above the controls; the name of the environment where empty.

        Raises:
            ValueError: `port` is no port.
            envs.NoRenderer: the environment has no MuJoCo model to draw.
            NoAccessControl: the installed version of viser leaves no way to check who connects.
        """
        if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port < 2**16:
            raise ValueError(f"`port` of Viewer must be an integer from 0 to 65535; got {port!r}.")
        self.session = session
        self._asked: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._stop = threading.Event()
        self._due = self._undrawn = 0.0  # control steps, s
        # Browsers open connections in advance and close them unused, which websockets reports with tracebacks.
        logging.getLogger("websockets.server").setLevel(logging.CRITICAL)
        # Who reaches the page commands the agent, so it is not for the network.
        access = Access()
        self.server = _serve(access, port, title or type(session.env).__name__)
        self.server.gui.configure_theme(dark_mode=True, show_share_button=False)  # that would put it on the internet
        try:
            self._stage = Stage(self.server, session)
            self._stage.on_drag(lambda: self._ask(self._stage.take_drag))
            self._panel = Panel(self.server.gui, session, self._stage, self._ask)
            self._draw()
        except BaseException:
            self.close()
            raise
        self.address = f"http://localhost:{self.server.get_port()}{access.path}"

    @property
    def speed(self) -> float:
        """Simulated seconds in a second, as chosen in the page."""
        return self._panel.speed

    def tick(self, seconds: float) -> bool:
        """Does what was asked for in the page, and then at most one control step.

        Args:
            seconds: that have passed since the last tick.

        Returns:
            Whether a step was taken.
        """
        asked = self._asked.qsize()  # not what comes meanwhile: a flood of requests would never end
        for _ in range(asked):  # nobody else takes from it
            self._asked.get()()
        stepped = False
        if self._panel.playing:
            # A machine that is too slow shows slow motion, and does not run after the time it has lost.
            steps = seconds * self.speed / self.session.env.control_step
            self._due = min(self._due + steps, _MOST)
            if stepped := self._due >= 1:
                self._due -= 1
                self.session.step()
        self._undrawn += seconds
        if asked or (stepped and self._undrawn >= _FRAME):
            self._draw()
        return stepped

    def run(self) -> None:
        """Ticks in real time until `stop` or, in the main thread, Ctrl-C; then closes the page."""
        main = threading.current_thread() is threading.main_thread()
        # Not an exception: it could come up in the middle of MuJoCo's callback, and then be JAX's to report.
        before = signal.signal(signal.SIGINT, lambda *_: self.stop()) if main else None
        try:
            last = time.perf_counter()
            while not self._stop.is_set():
                now = time.perf_counter()
                if not self.tick(now - last):
                    self._stop.wait(_FRAME / 4)
                last = now
        finally:
            if main:
                signal.signal(signal.SIGINT, before)
            self.close()

    def stop(self) -> None:
        """Makes `run` return; from any thread."""
        self._stop.set()

    def close(self) -> None:
        """Ends the server."""
        self.server.stop()

    def _ask(self, request: Callable[[], None]) -> None:
        if self._asked.qsize() < _MOST_ASKED:
            self._asked.put(request)

    def _draw(self) -> None:
        self._undrawn = 0.0
        self._stage.draw()
        self._panel.show()


def _serve(access: Access, port: int, title: str) -> ViserServer:
    """A server with these access checks, or none."""
    console, server = rich.get_console(), None
    quiet, console.quiet = console.quiet, True  # viser prints an address that lacks the secret
    try:
        with access.installed():
            server = ViserServer("127.0.0.1", port, label=title, verbose=False)
    except BaseException:
        if server is not None:
            server.stop()
        raise
    finally:
        console.quiet = quiet
    return server
