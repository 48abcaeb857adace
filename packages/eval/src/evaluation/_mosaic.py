"""One frame of a film: a header, and a tile an agent with a border and a strip that tell how it fares."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from evaluation._palette import FALLEN, GOAL, IDLE, MUTED, NIGHT, TEXT

WIDTH = 960  # of a film of three columns
HEADER, STRIP, GAP, BORDER = 64, 42, 12, 4


class Status(NamedTuple):
    """What the strip under a tile says of an agent: is it at its goal, has it fallen, how far is it (m)."""

    at_goal: bool
    fallen: bool
    distance: float


class Mosaic:
    """Lays out tiles and paints what surrounds them.

    Args:
        title: left in the header.
        note: below the title, in small letters.
        size: height and width of a picture, in pixels.
        agents: how many pictures there are.
        frames: how many frames the film has.
    """

    def __init__(self, title: str, note: str, size: tuple[int, int], agents: int, frames: int):
        self.size, self.agents, self.frames = size, agents, frames
        height, width = size
        columns = columns_of(agents)
        rows = math.ceil(agents / columns)
        cell = (height + 2 * BORDER + STRIP + GAP, width + 2 * BORDER + GAP)
        self._corners = [
            (HEADER + BORDER + cell[0] * (i // columns), GAP + BORDER + cell[1] * (i % columns)) for i in range(agents)
        ]
        # H.264 with shared colour samples needs even sides.
        self.shape = (_even(HEADER + rows * cell[0]), _even(columns * cell[1] + GAP))
        self._small, self._big = ImageFont.load_default(20), ImageFont.load_default(30)
        base = Image.new("RGB", (self.shape[1], self.shape[0]), NIGHT)
        pen = ImageDraw.Draw(base)
        pen.text((GAP, HEADER / 2), title, fill=TEXT, font=self._big, anchor="lm")
        left = GAP + pen.textlength(title, font=self._big) + 16
        pen.text((left, HEADER / 2 + 1), note, fill=MUTED, font=self._small, anchor="lm")
        self._canvas = np.array(base)

    def frame(
        self, index: int, seconds: float, pictures: UInt8[np.ndarray, "agent h w rgb"], statuses: list[Status]
    ) -> UInt8[np.ndarray, "height width rgb"]:
        """The frame number `index`, `seconds` into the episode."""
        height, width = self.size
        canvas = self._canvas
        for (top, left), picture, status in zip(self._corners, pictures, statuses, strict=True):
            canvas[top - BORDER : top + height + BORDER, left - BORDER : left + width + BORDER] = _light(status)
            canvas[top : top + height, left : left + width] = picture
            # The strip's bar fills from the left with the film: where it is lit, the agent was at its goal.
            bar = slice(top + height + BORDER + 5, top + height + BORDER + 9)
            past, now = (left + width * i // self.frames for i in (index, index + 1))
            if index == 0:
                canvas[bar, left : left + width] = IDLE
            canvas[bar, past:now] = _light(status) if status.at_goal or status.fallen else MUTED
            canvas[bar.stop : bar.stop + STRIP - 9, left : left + width] = NIGHT
        image = Image.fromarray(canvas)
        pen = ImageDraw.Draw(image)
        right = self.shape[1] - GAP
        pen.rectangle((right - 140, 0, right, HEADER - BORDER - 1), fill=NIGHT)
        pen.text((right, HEADER / 2), f"{seconds:.1f} s", fill=TEXT, font=self._big, anchor="rm")
        for (top, left), status in zip(self._corners, statuses, strict=True):
            middle = top + height + BORDER + 9 + (STRIP - 9) / 2
            word = "fell" if status.fallen else "at goal" if status.at_goal else "on its way"
            colour = _light(status) if status.fallen or status.at_goal else MUTED
            pen.text((left, middle), word, fill=colour, font=self._small, anchor="lm")
            far = f"{status.distance:.2f} m"
            pen.text((left + width, middle), far, fill=MUTED, font=self._small, anchor="rm")
        return np.asarray(image)


def columns_of(agents: int) -> int:
    """How many tiles stand side by side."""
    return min(agents, 3) if agents != 4 else 2


def tile_size(rows_per_column: float, agents: int) -> tuple[int, int]:
    """Height and width of a picture of this ratio, so that a film of three columns is 960 pixels wide."""
    width = (WIDTH - GAP) // 3 - GAP - 2 * BORDER if columns_of(agents) == 3 else 420
    return _even(round(width * min(max(rows_per_column, 0.6), 1.5))), _even(width)


def _even(length: int) -> int:
    return length + length % 2


def _light(status: Status) -> tuple[int, int, int]:
    return GOAL if status.at_goal else FALLEN if status.fallen else IDLE
