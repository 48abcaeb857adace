"""The colours of films and curves: deep water, an amber light for the agent, teal for the goal."""

Colour = tuple[int, int, int]

NIGHT: Colour = (8, 17, 27)
FLOOR: Colour = (17, 32, 48)
GRID: Colour = (25, 44, 63)
WALL: Colour = (49, 73, 98)
WALL_EDGE: Colour = (84, 114, 143)
AGENT: Colour = (255, 180, 84)
GOAL: Colour = (45, 212, 178)
TEXT: Colour = (226, 234, 242)
MUTED: Colour = (128, 148, 168)
IDLE: Colour = (38, 56, 75)
FALLEN: Colour = (240, 106, 106)
