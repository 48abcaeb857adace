"""How many files a run has open at once, and whether it may."""

import resource

_ONE_RUN, _ANOTHER = 256, 64  # measured: 64 are too few for a run and 128 suffice on two cores; more cores open more


def refuse_too_few_files(seeds: int = 1) -> None:
    """Raises `ValueError` where this process may not open as many files as a run of so many seeds does.

    What opens one too many says so from deep inside of a library, and amid a save.
    """
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = _ONE_RUN + _ANOTHER * (seeds - 1)
    if allowed != resource.RLIM_INFINITY and allowed < needed:
        raise ValueError(
            f"This process may have {allowed} files open at once and this run needs {needed}: raise the limit, for "
            f"example with `ulimit -n {needed}`."
        )
