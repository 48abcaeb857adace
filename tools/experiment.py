"""A run before its first step: everything is built and sized, and then written down."""

from pathlib import Path
from typing import Any

import composition
import devices
import provenance
import run_directory
import trust
from configuration import Configuration
from exits import UserError

import crl
import evaluation

_USED = "Every value in use."
_SCHEDULE = ("env_steps", "updates", "eval_every", "seed", "checkpoint_minutes", "call_seconds", "seeds")


class Experiment:
    """What a configuration describes.

    Attributes:
        devices: what JAX runs on.
        trainer: the task, the algorithm and the sizes of a training step.
        arguments: the other arguments of `crl.train`, except `run`.
        plan: parameters, work, memory and disk.
        used: every value in use, defaults included.
    """

    def __init__(self, configuration: Configuration, device: str):
        """Builds everything but arrays.

        Raises:
            UserError: a name or value is wrong, a binding is not used, or JAX does not find the kind of `device`.
        """
        self.configuration = configuration
        self.devices = devices.check(device)
        composition.load(configuration)
        self.arguments = composition.build_arguments(configuration, crl.train, given=("run", "config", "callbacks"))
        self.trainer: crl.Trainer = self.arguments.pop("trainer")
        self._check_types()
        with composition.building(configuration):
            crl.check_schedule(**{name: self.arguments[name] for name in _SCHEDULE})
            sizes = {name: self.arguments[name] for name in ("env_steps", "updates", "eval_every")}
            self.plan = crl.plan(self.trainer, **sizes, seeds=len(self.arguments["seeds"]) or 1)
        self.used = composition.operative(configuration, crl.train)
        composition.refuse_unused(configuration, self.used)
        self.arguments["config"] = {str(key): _plain(binding.value) for key, binding in self.used.bindings.items()}

    def refuse_if_too_large(self, directory: Path) -> None:
        """Raises `UserError` where this machine has too few devices or memory, or too little disk under `directory`."""
        with composition.building(self.configuration):
            self.plan.refuse_if_too_large(directory)

    def _check_types(self) -> None:
        trainer, evaluate, trackers = self.trainer, self.arguments["evaluate"], self.arguments["trackers"]
        if not isinstance(trainer, crl.Trainer):
            raise UserError(f"`trainer` of train must be a trainer (in gin: @crl.Trainer()); got {trainer!r}.")
        if evaluate is not None and not callable(evaluate):
            raise UserError(
                f"`evaluate` of train must be an evaluator (in gin: @evaluation.Evaluator()); got {evaluate!r}."
            )
        if not isinstance(trackers, tuple | list) or not all(map(callable, trackers)):
            raise UserError(
                f"`trackers` of train must be a tuple of trackers (in gin: (@wandb.Wandb(),)); got {trackers!r}."
            )

    @property
    def by_updates(self) -> bool:
        """Whether the run is counted in updates instead of environment steps."""
        return run_directory.by_updates(self.configuration)

    def step(self, state: crl.TrainState) -> int:
        """Where a state is by the run's clock: environment steps, or updates where the run is counted in those."""
        return int(state.updates) if self.by_updates else int(state.collects) * self.trainer.steps_per_collect

    @property
    def evaluator(self) -> evaluation.Evaluator:
        """The evaluator of the configuration, or one of the training environment."""
        evaluate = self.arguments["evaluate"]
        if isinstance(evaluate, evaluation.Evaluator):
            return evaluate
        return evaluation.Evaluator(self.trainer.env)


def _plain(value: Any) -> Any:
    """A value of gin as trackers can store it: what is no number, bool or text as gin writes it."""
    return value if isinstance(value, bool | int | float | str | None) else repr(value)


class Record:
    """Writes down what a run is: before step 1 of a new run, at the first new line of a continued one.

    So a run that refuses to go on (a damaged checkpoint, say) leaves its directory as it was. It is one of
    the trackers of `crl.train`.

    Attributes:
        meta: the content of `meta.json`.
        started: whether the run has written a line.
    """

    def __init__(self, experiment: Experiment, directory: Path, seed: int | None, name: str, argv: list[str]):
        """`seed`: of several seeds, the one whose run this is; `None` for a run alone."""
        self._directory, self._seed = directory, seed
        self._given, self._used = experiment.configuration, experiment.used
        if seed is not None:
            self._given, self._used = self._given.of_seed(seed), self._used.of_seed(seed)
        self.meta: dict[str, Any] = provenance.meta(
            name,
            argv,
            experiment.arguments["seed"] if seed is None else seed,
            experiment.trainer.env,
            experiment.plan.parameters,
            experiment.devices,
        )
        self.started = False

    def __call__(self, line: dict[str, float]) -> None:
        if not self.started and line.get("seed", self._seed) == self._seed:
            self.started = True
            crl.Folder(self._directory).remove(run_directory.REPORT)  # it is of a shorter run
            self.write()

    def write(self) -> None:
        """Writes `config.gin`, `operative_config.gin` and, once for a run, `meta.json`."""
        header = f"{self.meta['command']}\nWritten by tools/launch.py: every file, include and --set put together."
        # The configuration first: a directory that holds anything else without it is taken for no run.
        folder, given, used = crl.Folder(self._directory), self._given.text(header), self._used.text(_USED)
        trust.remember(self._given, (given, used))
        folder.write(run_directory.CONFIG, given)
        folder.write(run_directory.OPERATIVE, used)
        if not folder.has(run_directory.META):
            folder.write_json(run_directory.META, self.meta)
