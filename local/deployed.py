"""A stage that is deployed on AWS, as whoever operates it reaches it: with the credentials that AWS libraries find on his machine.

It reads the settings of the stage from the stack and from where the stack has them. Nothing here runs in a function.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from casework.adapters.dynamo import DynamoStore
from casework.adapters.seal import KmsSeal
from casework.audit.note import Key
from casework.ports import Services
from casework.wiring import beside, wired
from local.faults import LocalError
from local.home import QUICK, NoCourier

# A function is waited for as long as it may take, and not invoked a second time meanwhile.
PATIENT = Config(connect_timeout=2, read_timeout=330, retries={"total_max_attempts": 1})


@dataclass(frozen=True)
class Deployed:
    """A stage of an account and a region."""

    stage: str
    region: str

    @property
    def store(self) -> DynamoStore:
        """Its store."""
        self.resource("Trail")  # told better here than by each table
        return DynamoStore(self.stage, region=self.region)

    @property
    def services(self) -> Services:
        """What its sequencer works with, by the very settings that it was deployed with; it pushes nothing."""
        name = self.resource("SequencerLambdaFunction")
        found = self.client("lambda").get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        return wired(NoCourier(), {**found, "AWS_REGION": self.region})

    @property
    def keys(self) -> tuple[Key, Key]:
        """The public keys of its log and of the log of accesses."""
        log = self.client("ssm").get_parameter(Name=f"/giamsat/{self.stage}/log")["Parameter"]["Value"]
        key = self.client("kms").describe_key(KeyId=self.resource("LogKey"))["KeyMetadata"]["Arn"]
        return KmsSeal(log, key).key, KmsSeal(beside(log), key).key

    def resource(self, name: str) -> str:
        """Give the identifier of what the stack calls so.

        Raises:
            LocalError: there is none.
        """
        try:
            found = self.client("cloudformation").describe_stack_resource(StackName=f"giamsat-{self.stage}", LogicalResourceId=name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationError":
                raise
            raise LocalError(
                f"no stack giamsat-{self.stage} with {name} in {self.region}: name another stage or region, or deploy it"
            ) from error
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes a class for each service when it runs
        """Give a client of a service, made once."""
        if service not in self._clients:
            make: Any = boto3.client
            self._clients[service] = make(service, region_name=self.region, config=PATIENT if service == "lambda" else QUICK)
        return self._clients[service]

    @cached_property
    def _clients(self) -> dict[str, Any]:
        return {}
