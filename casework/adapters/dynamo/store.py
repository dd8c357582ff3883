"""The store whole: dossiers, register and connections over one connection to the engine."""

from datetime import datetime

from casework.adapters.dynamo.accesses import AccessTable
from casework.adapters.dynamo.connections import LiveTable
from casework.adapters.dynamo.due import DueTable
from casework.adapters.dynamo.log import LogTable
from casework.adapters.dynamo.models import bind
from casework.adapters.dynamo.reader import Reader
from casework.adapters.dynamo.register import RegisterTable
from casework.adapters.dynamo.subjects import SubjectTables
from casework.ports import Change


class DynamoStore(SubjectTables, AccessTable, DueTable, RegisterTable, LiveTable, LogTable):
    """`ports.Store` on DynamoDB."""

    def __init__(self, stage: str, *, region: str, endpoint: str | None = None) -> None:
        """Bind the process to the tables of a stage; `endpoint` is None in the cloud."""
        engine = bind(stage, region=region, endpoint=endpoint)
        reader = Reader(engine, stage)
        SubjectTables.__init__(self, engine, reader)
        AccessTable.__init__(self, engine)
        DueTable.__init__(self, engine, reader)
        RegisterTable.__init__(self, engine, reader)
        LiveTable.__init__(self, engine, reader)
        LogTable.__init__(self, engine, reader)

    @property
    def consumed(self) -> float:
        """The read units that lists have taken in this process, as the engine counts them."""
        return self._reader.consumed

    def commit(self, change: Change, now: datetime) -> None:
        """See `ports.Dossiers`; what the change brings to the register is read anew in this process."""
        SubjectTables.commit(self, change, now)
        self.forget(change.register)
