"""What stays in memory of the checkpoints that were written: nothing that grows with their number."""

import gc
import sys
import threading
from pathlib import Path

import numpy as np

import crl


def test_checkpoints_leave_nothing_in_memory(tmp_path: Path):
    """TensorStore's `to_json` never frees its result; by way of Orbax it left 4 objects for each array written."""
    checkpoints = crl.Checkpoints(crl.Folder(tmp_path), "run", keep=2)
    tree = {f"array{i}": np.zeros(3, np.float32) for i in range(20)}

    def left(steps: range) -> tuple[int, int]:
        """How many objects Python holds, and how many threads there are, after some more checkpoints."""
        for step in steps:
            checkpoints.save(step, tree, wait=True)
        gc.collect()
        return sys.getallocatedblocks(), threading.active_count()

    try:
        objects, threads = left(range(20))  # caches fill up
        objects_after, threads_after = left(range(20, 60))
    finally:
        checkpoints.close()
    assert objects_after - objects < 40 * 20, "not one object for each array"
    assert threads_after <= threads
