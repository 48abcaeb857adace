"""Models: Gymnasium's packaged MJCF, maze walls, and the options every model is compiled with."""

import importlib.util
from pathlib import Path

import mujoco

from envs._maze import Maze

_WALL_COLOUR = (0.45, 0.5, 0.58, 1.0)
_SKY_COLOUR = (0.04, 0.07, 0.11)


def gymnasium_spec(name: str) -> mujoco.MjSpec:
    """The editable model `name` (`"ant"`, `"humanoid"`, ...) of Gymnasium's MuJoCo environments.

    Raises FileNotFoundError where the installed Gymnasium does not hold it.
    """
    found = importlib.util.find_spec("gymnasium")  # finds the folder without importing Gymnasium
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError(f"Gymnasium, which holds the model {name!r}, is not installed.")
    path = Path(found.submodule_search_locations[0], "envs", "mujoco", "assets", f"{name}.xml")
    if not path.is_file():
        raise FileNotFoundError(f"The installed Gymnasium holds no model {name!r} at {path}.")
    return mujoco.MjSpec.from_file(str(path))


def add_walls(spec: mujoco.MjSpec, maze: Maze, friction: float = 1.0, condim: int = 3) -> None:
    """Adds one box per wall cell, named `wall_0`, `wall_1`, ..., in the order of `maze.walls`.

    A box fills its cell and stands on the ground; its top is at the maze's wall height. The contact bits are set
    here because the models' defaults switch some of them off.
    """
    half, height = maze.cell_size / 2, maze.wall_height
    for k, (x, y) in enumerate(maze.walls):
        spec.worldbody.add_geom(
            name=f"wall_{k}",
            type=mujoco.mjtGeom.mjGEOM_BOX,
            pos=(x, y, height / 2),
            size=(half, half, height / 2),
            contype=1,
            conaffinity=1,
            condim=condim,
            friction=(friction, 0.005, 0.0001),
            rgba=_WALL_COLOUR,
        )


def spread_floor(spec: mujoco.MjSpec, maze: Maze) -> None:
    """Moves and sizes the drawn part of the plane `floor` to the maze; for contacts a plane is infinite."""
    floor = spec.geom("floor")
    floor.pos = (*maze.centre, 0)
    floor.size = (*(maze.size / 2), floor.size[2])


def add_checks(spec: mujoco.MjSpec, floor: str, side: float) -> None:
    """Gives the plane `floor` a pattern of squares of `side` m, and no end: pictures then show depth and motion.

    The colours are those of the pictures' style; for contacts every plane is infinite.
    """
    dark, light = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    checker, flat = mujoco.mjtBuiltin.mjBUILTIN_CHECKER, mujoco.mjtTexture.mjTEXTURE_2D
    spec.add_texture(name="checks", type=flat, builtin=checker, width=64, height=64, rgb1=dark, rgb2=light)
    material = spec.add_material(name="checks", texuniform=True, texrepeat=(1 / (2 * side), 1 / (2 * side)))
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "checks"
    plane = spec.geom(floor)
    plane.material = "checks"
    plane.size = (0, 0, plane.size[2])


def cap_contacts(spec: mujoco.MjSpec) -> None:
    """Bounds the contacts that MJX computes in a maze, where it would try every pair of a body and a wall.

    16 pairs of geoms and 16 contacts are the fewest that miss none of an ant that leans on walls and corners;
    with 8 pairs one such state in twenty lost a contact. MuJoCo itself ignores the bounds. The numbers must be
    the model's first: MJX 3.17 misreads them when others come before.
    """
    for numeric in list(spec.numerics):
        raise ValueError(f"The numeric {numeric.name!r} would stand before the contact caps and corrupt them in MJX.")
    spec.add_numeric(name="max_contact_points", size=1, data=[16])
    spec.add_numeric(name="max_geom_pairs", size=1, data=[16])


def compile_model(spec: mujoco.MjSpec, timestep: float) -> mujoco.MjModel:
    """Compiles a model with the options that make the engines one simulator.

    Newton's method run to convergence: with few iterations MuJoCo and MJX are different simulators in
    contact. Euler integration with implicit joint damping. No silent reset of an unstable simulation.
    `timestep` is that of a substep, s.
    """
    if not any(texture.type == mujoco.mjtTexture.mjTEXTURE_SKYBOX for texture in spec.textures):
        spec.add_texture(
            name="sky",
            type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
            builtin=mujoco.mjtBuiltin.mjBUILTIN_FLAT,
            rgb1=_SKY_COLOUR,
            width=8,
            height=48,
        )
    spec.option.timestep = timestep
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_EULER
    spec.option.solver = mujoco.mjtSolver.mjSOL_NEWTON
    spec.option.iterations = 100
    spec.option.ls_iterations = 50
    spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
    return spec.compile()
