"""Forty kills at random moments, start-up and saves included: the end has the bits of a run that was never killed."""

from pathlib import Path

import pytest
from test_resume import stop_kill_and_resume


@pytest.mark.proof
@pytest.mark.parametrize("seed", [17, 170, 1700, 17000])
def test_ten_of_forty_kills(tmp_path: Path, seed: int):
    stop_kill_and_resume(tmp_path, kills=10, seed=seed)
