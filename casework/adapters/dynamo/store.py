"""The store whole: dossiers, register and connections over one connection to the engine."""

from casework.adapters.dynamo.connections import LiveTable
from casework.adapters.dynamo.models import bind
from casework.adapters.dynamo.register import RegisterTable
from casework.adapters.dynamo.subjects import SubjectTables


class DynamoStore(SubjectTables, RegisterTable, LiveTable):
    """`ports.Store` on DynamoDB."""

    def __init__(self, stage: str, *, region: str, endpoint: str | None = None) -> None:
        """Bind the process to the tables of a stage; `endpoint` is None in the cloud."""
        engine = bind(stage, region=region, endpoint=endpoint)
        SubjectTables.__init__(self, engine)
        RegisterTable.__init__(self)
        LiveTable.__init__(self, engine)
