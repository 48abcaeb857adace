"""The page of all tasks, generated: what each is, how far luck goes, how fast it runs, what it looks like."""

import inspect
import io
from pathlib import Path
from typing import Any

import gallery
import jax
import jax.numpy as jnp
import luck
import matplotlib
from PIL import Image, ImageDraw, ImageFont

import envs

SIZE = (240, 180)  # pixels of a picture
_COLUMNS, _GAP, _LABEL = 6, 8, 22  # of the gallery; pixels
_PAPER, _INK = (14, 21, 30), (214, 224, 234)
_HEAD = """# All tasks

Written by `python tools/tasks.py`; speeds by `python tools/bench.py physics --json results/physics/summary.json`. Every
task is a file of `configs/env`. Train on one with `python tools/launch.py --gin configs/env/NAME.gin
--gin configs/algo/contrastive.gin --gin configs/train.gin`, look at it with `python tools/show.py --gin
configs/env/NAME.gin`.

*Luck* is what policies that know nothing reach in {n} episodes in the layout agents are tested in: uniform actions,
and zero actions (no torque for a walker, the middle of its range for a servo); the share of episodes that reach their
goal at all, and the mean number of steps at it, with 95 % intervals.

*Speed* is control steps per second of all environments together{where}, observations and
resets included; beside the native engine's, its share of a plain loop of MuJoCo's own batch over the same model; beside
that of a maze in MJX, how many times as fast it is as the same maze with contacts between everything and every wall.

"""
_TABLE = (
    "| | task | observation / goal / action | control step, limit | reached within | ends early | luck: uniform | "
    "luck: nothing | native | MJX on a CPU |\n|---|---|---|---|---|---|---|---|---|---|\n"
)


def facts(env: envs.AbstractEnv) -> dict[str, Any]:
    """What the table says of a task, from its code."""
    what = " ".join((inspect.getdoc(type(env)) or "").split("\n\n")[0].split())
    physics = jax.tree.map(lambda x: jnp.full(x.shape, jnp.nan), jax.eval_shape(env.begin, jax.random.key(0))[0])
    early = bool(env.is_terminal(physics, {}))
    return gallery.numbers(env) | {"what": what, "ends_early": early}


def markdown(tasks: dict[str, dict[str, Any]], physics: dict[str, Any]) -> str:
    """The page, from what is stored of each task and what `tools/bench.py physics` stored, if anything."""
    speeds = physics.get("tasks", {})
    sizes = [f"{rows} in {engine}" for engine in ("native", "mjx") for rows in _rows(speeds, engine)]
    cpus = " or ".join(sorted({str(run["cpus"]) for run in physics.get("run", {}).values()}))
    where = f" ({' and '.join(sizes)}) on {cpus} CPU cores" if sizes else ""
    episodes = sorted({found["uniform"]["eval/success_any"]["n"] for found in tasks.values()})
    head = _HEAD.format(n=" or ".join(map(str, episodes)), where=where)
    rows = [_row(name, tasks[name], speeds.get(name, {})) for name in sorted(tasks)]
    return head + _TABLE + "\n".join(rows) + "\n"


def _rows(speeds: dict[str, dict[str, Any]], engine: str) -> list[int]:
    """How many environments were measured side by side."""
    return sorted({speed[engine]["rows"] for speed in speeds.values() if engine in speed})


def _row(name: str, task: dict[str, Any], speed: dict[str, Any]) -> str:
    sizes = f"{task['observation']} / {task['goal']} / {task['action']}"
    native, mjx = speed.get("native"), speed.get("mjx")
    cells = (
        f"![{name}](tasks/{name}.png)",
        f"**{name}** (`{task['task']}`): {task['what']}" + (f" `{task['maze']}`" if task["maze"] else ""),
        sizes,
        f"{task['control_step']:g} s, {task['episode_length']}",
        f"{task['threshold']:g} m",
        "yes" if task["ends_early"] else "no",
        f"{luck.share(task['uniform'])}; {luck.steps(task['uniform'])}",
        f"{luck.share(task['nothing'])}; {luck.steps(task['nothing'])}",
        f"{native['steps_per_second']:,.0f} ({native['ratio']:.0%})".replace("%", " %") if native else "-",
        f"{mjx['steps_per_second']:,.0f}" + (f" ({mjx['ratio']:.1f} times)" if "ratio" in mjx else "") if mjx else "-",
    )
    return f"| {' | '.join(cells)} |"


def draw(pictures: Path, names: list[str]) -> bytes:
    """One picture of all tasks, named, from those under `pictures`, as a PNG."""
    width, height = SIZE
    rows = -(-len(names) // _COLUMNS)
    cell = (width + _GAP, height + _LABEL + _GAP)
    page = Image.new("RGB", (_COLUMNS * cell[0] + _GAP, rows * cell[1] + _GAP), _PAPER)
    font = ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), 13)
    pen = ImageDraw.Draw(page)
    for i, name in enumerate(names):
        x, y = _GAP + i % _COLUMNS * cell[0], _GAP + i // _COLUMNS * cell[1]
        page.paste(Image.open(pictures / f"{name}.png"), (x, y))
        pen.text((x + 2, y + height + 3), name, _INK, font)
    content = io.BytesIO()
    page.quantize(128).save(content, "png", optimize=True)
    return content.getvalue()
