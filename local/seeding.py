"""Loads the register that one machine starts with. What stands in the store already is left as it is."""

from pathlib import Path

import yaml

from casework.model.packing import unpacked
from casework.model.procedure import ProcedureVersion
from casework.model.unit import Officer, ReceptionPoint, Unit
from casework.model.workdays import Override
from casework.ports import Services

Thing = Unit | ReceptionPoint | Officer | ProcedureVersion | Override
REGISTER = Path(__file__).with_name("register.yml")


def seed(services: Services, file: Path = REGISTER) -> int:
    """Load a register; gives how many things it holds."""
    raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    things: list[Thing] = [
        *(unpacked(Unit, row) for row in raw["units"]),
        *(unpacked(ReceptionPoint, row) for row in raw["points"]),
        *(unpacked(Officer, row) for row in raw["officers"]),
        *(unpacked(ProcedureVersion, row) for row in raw["procedures"]),
        *(unpacked(Override, row) for row in raw["overrides"]),
    ]
    services.store.register(things, raw["province"])
    return len(things)
