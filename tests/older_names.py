"""What bathyal-crl 0.1 and 0.2 stored, in the names of 0.3: the same values, so that records can be compared."""

import re

from configuration import Configuration

_RENAMED = {
    r"crl\.ContrastiveRL": "crl.algorithms.contrastive.ContrastiveRL",
    r"crl\.GeometricGoals": "crl.goals.geometric.Geometric",
    r"crl\.infonce": "crl.losses.infonce.infonce",
    r"crl\.l2": "crl.energies.l2.l2",
    r"crl\.Trainer\.(num_envs|unroll)$": r"crl.data.online.Online.\1",
    r"crl\.Trainer\.(capacity|prefill)$": r"crl.data.online.Online.\1_per_env",
    r"crl\.Trainer\.updates$": "crl.Trainer.updates_per_collect",
}
_ENTROPY = "crl.algorithms.contrastive.ContrastiveRL.{}"


def bindings(configuration: Configuration) -> dict[str, str]:
    """Every binding as text, by its name."""
    return {str(key): repr(binding.value) for key, binding in configuration.bindings.items()}


def in_names_of_today(record: dict[str, str]) -> dict[str, str]:
    """The bindings of a record of 0.1 or 0.2 by the names of 0.3."""
    found = {_renamed(name): _renamed(value) for name, value in record.items()}
    target = found.pop(_ENTROPY.format("entropy_target"))  # its sign was the opposite of SAC's
    found[_ENTROPY.format("target_entropy_per_action")] = repr(-float(target) + 0.0)
    found["crl.Trainer.data"] = "@crl.data.online.Online()"
    return found


def _renamed(text: str) -> str:
    for old, new in _RENAMED.items():
        text = re.sub(rf"(?<![\w.]){old}(?!\w)", new, text)
    return text
