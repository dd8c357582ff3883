"""The store on DynamoDB: tables as pynamodb models, and the queries over them. The only user of pynamodb."""

from casework.adapters.dynamo.store import DynamoStore

__all__ = ["DynamoStore"]
