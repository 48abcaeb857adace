"""What a program costs, read off its jaxpr: no compilation, so a run can be refused before it starts one."""

import math
from typing import Any

from jax.extend import core


def matmul_flops(jaxpr: core.Jaxpr) -> int:
    """Floating-point operations of all matrix products, a multiply-add counted as two; bodies of scans counted
    once for every turn, those of while loops once, and the dearest branch of those of which one runs."""
    total = 0
    for eqn in jaxpr.eqns:
        if eqn.primitive.name == "dot_general":
            (contracted, _), _ = eqn.params["dimension_numbers"]
            inner = math.prod(_shape(eqn.invars[0])[axis] for axis in contracted)
            total += 2 * inner * math.prod(_shape(eqn.outvars[0]))
        turns = eqn.params["length"] if eqn.primitive.name == "scan" else 1
        together = max if eqn.primitive.name == "cond" else sum
        total += turns * together([matmul_flops(body) for body in _bodies(eqn)] or [0])
    return total


def peak_bytes(jaxpr: core.Jaxpr) -> int:
    """Bytes alive at the worst moment if every operation ran in order and wrote its result out, inputs included.

    An estimate from above: XLA fuses most element-wise results away.
    """
    last_use = {var: i for i, eqn in enumerate(jaxpr.eqns) for var in _variables(eqn.invars)}
    last_use |= {var: len(jaxpr.eqns) for var in _variables(jaxpr.outvars)}
    alive = {var: _bytes(var) for var in (*jaxpr.invars, *jaxpr.constvars)}
    held = peak = sum(alive.values())
    for i, eqn in enumerate(jaxpr.eqns):
        made = {var: _bytes(var) for var in _variables(eqn.outvars)}
        if eqn.primitive.name == "jit":  # runs in place: what is not used again is free inside it already
            dying = {var for var in _variables(eqn.invars) if var in alive and last_use[var] == i}
            (body,) = _bodies(eqn)
            inside = peak_bytes(body) - sum(alive[var] for var in dying) - sum(made.values())
        else:
            inside = max((peak_bytes(body) - _input_bytes(body) for body in _bodies(eqn)), default=0)
        alive |= made
        held += sum(made.values())
        peak = max(peak, held + inside)
        for var in {*_variables(eqn.invars), *made}:
            if var in alive and last_use.get(var, i) <= i:
                held -= alive.pop(var)
    return peak


def _bodies(eqn: core.JaxprEqn) -> list[core.Jaxpr]:
    """The jaxprs inside one operation: bodies of loops, branches, calls."""
    bodies = []
    for value in eqn.params.values():
        for item in value if isinstance(value, tuple | list) else (value,):
            if isinstance(item, core.ClosedJaxpr):
                bodies.append(item.jaxpr)
            elif isinstance(item, core.Jaxpr):
                bodies.append(item)
    return bodies


def _variables(atoms) -> list[core.Var]:
    return [atom for atom in atoms if isinstance(atom, core.Var)]


def _shape(atom: Any) -> tuple[int, ...]:
    return getattr(atom.aval, "shape", ())


def _bytes(var: core.Var) -> int:
    dtype = getattr(var.aval, "dtype", None)
    return math.prod(_shape(var)) * dtype.itemsize if dtype is not None else 0


def _input_bytes(jaxpr: core.Jaxpr) -> int:
    return sum(_bytes(var) for var in (*jaxpr.invars, *jaxpr.constvars))
