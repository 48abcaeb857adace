"""The host side of the native engine: MuJoCo's `Batch` between arrays that JAX lends, without JAX."""

import contextlib
import logging
import threading
from collections import OrderedDict
from typing import NamedTuple

import mujoco
import mujoco.batch
import numpy as np

from envs._fields import AFTER_FORCES, stage
from envs._threads import POOL_IS_WIDE, cpus

_log = logging.getLogger(__name__)
_KEPT_BATCHES = 8  # training, evaluation, a film and single environments each have their own batch size


class _Held(NamedTuple):
    """A batch and live views of its rows, [row, ...]: to bind one anew costs more than to copy it."""

    batch: mujoco.batch.Batch
    state: list[np.ndarray]
    ctrl: np.ndarray
    fields: list[np.ndarray]


class Simulations:
    """The host side: one `Batch` per batch size, one lock, no JAX.

    After a step the caches are cold and every call of NumPy costs ten times what it does in a loop of its own. So the
    common case, in which no row begins and none explodes, is decided by as few of them as possible.
    """

    def __init__(self, model: mujoco.MjModel, frame_skip: int, fields: tuple[str, ...]):
        """Raises RuntimeError where XLA's CPU pool has a single thread, in which callbacks can hang."""
        if not POOL_IS_WIDE:
            raise RuntimeError(
                "JAX started with a pool of one CPU thread, in which the native engine can hang:"
                " import envs before JAX's first computation, or set PJRT_NPROC=2."
            )
        if mujoco.get_mju_user_warning() is None:
            # Left to itself, MuJoCo appends warnings to MUJOCO_LOG.TXT in the working directory, through a link too.
            mujoco.set_mju_user_warning(_log.info)
        self.model = model
        self.frame_skip = frame_skip
        self.fields = fields
        self._batches: OrderedDict[int, _Held] = OrderedDict()
        self._lock = threading.Lock()
        # The fields of the state reached cost one more pass over it: only who asks for them pays.
        self._up_to = {"stage": stage(fields)} if fields else {}
        data = mujoco.MjData(model)
        self.shapes = {name: np.shape(getattr(data, name)) for name in fields}

    def __reduce__(self) -> tuple[type["Simulations"], tuple[mujoco.MjModel, int, tuple[str, ...]]]:
        """A copy or a pickle is built anew from the model: batches and the lock belong to one process."""
        return Simulations, (self.model, self.frame_skip, self.fields)

    def _held(self, size: int) -> _Held:
        if size not in self._batches:
            while len(self._batches) >= _KEPT_BATCHES:
                self._batches.popitem(last=False)
            batch = mujoco.batch.Batch(self.model, size, min(cpus(), size))
            state = [batch.bind(name) for name in ("qpos", "qvel", "qacc_warmstart")]
            # A derived field is filled only by the calls that follow its binding.
            self._batches[size] = _Held(batch, state, batch.bind("ctrl"), [batch.bind(name) for name in self.fields])
        self._batches.move_to_end(size)
        return self._batches[size]

    def __call__(self, context, out, qpos, qvel, warmstart, ctrl, fresh) -> None:
        """Advances all rows. Leading axes are rows; the results have the same, and the type of `qpos`.

        All are buffers of JAX, lent for this call: read and written as NumPy arrays, without a copy. A JAX computation
        here could wait for ever.
        """
        del context
        *before, ctrl = (x.reshape(-1, x.shape[-1]) for x in map(np.asarray, (qpos, qvel, warmstart, ctrl)))
        fresh = np.asarray(fresh).ravel()
        state = [np.asarray(x).reshape(len(fresh), -1) for x in out[0]]
        fields = [np.asarray(out[1][name]) for name in self.fields]
        unstable = np.asarray(out[2]).reshape(-1)
        with self._lock:
            held = self._held(len(fresh))
            for array, values in zip(held.state, before, strict=True):
                array[:] = values
            held.ctrl[:] = ctrl
            unstable[:] = False
            still = self._step(held, before, state, fresh, unstable)
            for name, buffer, values in zip(self.fields, fields, held.fields, strict=True):
                buffer[...] = values.reshape(buffer.shape)
                if name in AFTER_FORCES and still is not None:  # no force has acted in a state that no step led to
                    buffer.reshape(len(fresh), -1)[still] = 0.0

    def _step(
        self,
        held: _Held,
        before: list[np.ndarray],
        after: list[np.ndarray],
        fresh: np.ndarray,
        unstable: np.ndarray,
    ) -> np.ndarray | None:
        """Steps the live rows from `before` to `after`; returns the mask of the others, `None` without any.

        `unstable` is all False and set where a row explodes. Rows that no step moved are evaluated, with no warm start
        where `fresh`.
        """
        batch, now = held.batch, held.state
        begins = fresh.any()
        if begins:
            now[2][fresh] = 0.0
        # A row that is bad already is not stepped: MuJoCo could only say so once more, on the console.
        live = ~fresh if all(map(_small, before)) else ~fresh & ~_bad(*now)
        _run(batch.step, live, nstep=self.frame_skip, **self._up_to)
        for array, values in zip(after, now, strict=True):
            array[:] = values
        if not all(map(_small, after)) or batch.status.any():
            unstable[:] = ~fresh & (~live | _bad(*now) | (batch.status != 0))
            for mine, theirs, values in zip(now, after, before, strict=True):
                mine[unstable] = theirs[unstable] = values[unstable]
        elif not begins:
            return None
        still = fresh | unstable
        if self.fields:
            _run(batch.forward, still, **self._up_to)
        return still


def _small(x: np.ndarray) -> bool:
    """Whether every value is certainly below MuJoCo's bound; False for NaN. One pass, and no array is made."""
    return bool(np.vdot(x, x) < mujoco.mjMAXVAL**2 / 2)


def _bad(*state: np.ndarray) -> np.ndarray:
    """Which rows hold a value beyond MuJoCo's bound or not finite; the comparison is False for NaN."""
    return ~np.all([np.all(np.abs(x) <= mujoco.mjMAXVAL, axis=1) for x in state], axis=0)


def _run(call, rows: np.ndarray, **options) -> None:
    """Calls a method of the batch on some rows; where MuJoCo gives up on one, the batch's `status` says so."""
    if rows.any():
        with contextlib.suppress(mujoco.batch.SimulationError):
            call(**options) if rows.all() else call(ids=np.flatnonzero(rows), **options)
