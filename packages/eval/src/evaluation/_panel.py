"""The controls of the live view, and the line that says how the agent does."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from evaluation._session import Session
from evaluation._stage import Stage

if TYPE_CHECKING:
    from viser import GuiApi

_NO_CELL = "choose"
_SLOWEST, _FASTEST = 0.1, 4.0  # simulated seconds in a second


class Panel:
    """Buttons, sliders and lists beside the scene of a session.

    viser does not check the values that a page sends: a slider's may lie outside its range, a list's not be in it.

    Attributes:
        playing: whether time is to go on.
    """

    def __init__(self, gui: "GuiApi", session: Session, stage: Stage, later: Callable[[Callable[[], None]], None]):
        """Builds the controls.

        Args:
            gui: of viser's server.
            session, stage: what the controls act on.
            later: takes what a control does, from a thread of viser's, for the thread that has the session.
        """
        self._session, self.playing = session, True
        self._status = gui.add_markdown("")
        self._play = gui.add_button("Pause")
        self._speed = gui.add_slider("Speed", min=_SLOWEST, max=_FASTEST, step=0.1, initial_value=1.0)
        again = gui.add_button("New start and goal")
        self._acting = gui.add_dropdown("Who acts", list(session.policies), initial_value=session.acting)
        follow = gui.add_checkbox("Follow the agent", False)
        self._play.on_click(lambda _: later(self._pause_or_play))
        again.on_click(lambda _: later(session.reset))
        self._acting.on_update(lambda _: later(self._choose_policy))
        follow.on_update(lambda _: later(lambda: stage.follow(follow.value)))
        maze = session.env.maze
        self._cells = {} if maze is None else {f"({x:g}, {y:g})": np.array([x, y]) for x, y in maze.goals}
        self._chosen = _NO_CELL
        if self._cells:
            self._cell = gui.add_dropdown("Goal cell", [_NO_CELL, *self._cells])
            self._cell.on_update(lambda event: later(partial(self._choose, event.target.value)))

    @property
    def speed(self) -> float:
        """Simulated seconds in a second."""
        return min(max(self._speed.value, _SLOWEST), _FASTEST)

    def show(self) -> None:
        """Says how the agent does now."""
        session = self._session
        where = "**At the goal**" if session.at_goal else "On the way"
        fallen = ", fallen" if bool(session.state.terminated) else ""
        seconds = session.steps * session.env.control_step
        self._status.content = f"{where}{fallen}: {session.distance:.2f} m from the goal after {seconds:.1f} s"
        if self._chosen != _NO_CELL and not np.allclose(session.goal_position[:2], self._cells[self._chosen]):
            self._cell.value = self._chosen = _NO_CELL  # so that the same cell can be chosen again

    def _pause_or_play(self) -> None:
        self.playing = not self.playing
        self._play.label = "Pause" if self.playing else "Play"

    def _choose_policy(self) -> None:
        if self._acting.value in self._session.policies:
            self._session.acting = self._acting.value
        else:
            self._acting.value = self._session.acting

    def _choose(self, cell: str) -> None:
        if cell in self._cells:
            self._session.move_goal(np.append(self._cells[cell], self._session.goal_position[2]))
            self._chosen = cell
        elif cell != _NO_CELL:
            self._cell.value = self._chosen = _NO_CELL
