"""Executing documents: parse, validate and limit once, execute often; and what subscriptions need of it.

`executed` serves HTTP and operations over a socket, `compiled` tells the protocol what an operation is, `rendered` executes one event for
one cohort and decision. Handlers hand these to `casework`, which knows no GraphQL.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import orjson
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    get_operation_ast,
    parse,
    print_ast,
    separate_operations,
    specified_rules,
    validate,
    visit,
)
from graphql.execution import execute
from graphql.execution.execute import assume_not_awaitable
from graphql.execution.values import get_argument_values, get_variable_values
from graphql.language import Visitor
from graphql.utilities import strip_ignored_characters

from casework.audit.canonical import canonical
from casework.correlation import current
from casework.live.cohorts import Cohort, role_of
from casework.model.access import Decision, pushed
from casework.model.errors import Invalid
from casework.model.parties import Viewer
from casework.ports import Services
from casework.watching import Event
from schema.context import Context
from schema.errors import TopLevel, top_level
from schema.lean import LeanExecutor
from schema.limits import (
    LONGEST_DOCUMENT,
    MOST_DEPTH,
    MOST_NODES,
    MOST_PAGES,
    MOST_TOKENS,
    SecretRule,
    Sized,
    exceeded,
    holds_secret,
    sized,
)
from schema.live import event_shown
from schema.root import core

CACHED = 256
RULES = (*specified_rules, SecretRule)
PER_CLIENT = ("after", "secret")  # arguments that are no part of a cohort


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that may be executed, or why it may not."""

    document: DocumentNode | None
    errors: tuple[GraphQLError, ...] = ()
    sizes: Mapping[str | None, Sized] = field(default_factory=dict)
    secret: bool = False

    def costly(self, operation: str | None, variables: Mapping[str, Any] | None) -> GraphQLError | None:
        """Say that an operation asks for more nodes or pages than there may be, with these variables; None when it does not."""
        size = self.sizes.get(operation) if operation or len(self.sizes) > 1 else next(iter(self.sizes.values()), None)
        if size is None:
            return None
        nodes, pages = size.nodes(variables or {}), size.pages(variables or {})
        if nodes > MOST_NODES:
            return _costly(f"the pages asked for hold up to {nodes} nodes, and {MOST_NODES} are the most: ask for less a page")
        if pages > MOST_PAGES:
            return _costly(f"{pages} pages are asked for, those inside of others among them, and {MOST_PAGES} are the most")
        return None


@dataclass(frozen=True, slots=True)
class Compiled:
    """A subscription's operation: its root field and arguments, and what its cohort executes."""

    field: str
    arguments: Mapping[str, Any]
    document: str
    variables: str
    operation: str | None


def prepared(query: str) -> Prepared:
    """Parse and validate a document, once, and hold it to the limits. One that is too long is not even kept."""
    if len(query) > LONGEST_DOCUMENT:
        return Prepared(None, (_costly(f"a document has at most {LONGEST_DOCUMENT} characters: send what varies as variables"),))
    return _prepared(query)


@lru_cache(maxsize=CACHED)
def _prepared(query: str) -> Prepared:
    try:
        document = parse(query, max_tokens=MOST_TOKENS)
        errors = validate(core, document, RULES, max_errors=20)
    except GraphQLError as error:
        if "tokens" in error.message:
            return Prepared(None, (_costly(f"a document has at most {MOST_TOKENS} tokens"),))
        return Prepared(None, (error,))
    except RecursionError:
        return Prepared(None, (_costly(f"a document is at most {MOST_DEPTH} levels deep"),))
    if errors:
        return Prepared(None, tuple(errors))
    sizes = sized(document)
    for size in sizes.values():
        if too_much := exceeded(size.size):
            return Prepared(None, (_costly(too_much),))
    return Prepared(document, sizes=sizes, secret=holds_secret(document))


def operation_kind(query: str, operation: str | None) -> OperationType | None:
    """Tell what kind of operation is asked for; None when the document does not say."""
    document = prepared(query).document
    found = get_operation_ast(document, operation) if document else None
    return found.operation if found else None


def by_post_alone(query: str) -> bool:
    """Whether a document holds a secret: addresses are logged on the way, so such a one is not sent in an address."""
    return prepared(query).secret


def executed(query: str, variables: Mapping[str, Any] | None, operation: str | None, context: Context) -> ExecutionResult:
    """Execute a query or a mutation."""
    ready = prepared(query)
    if ready.document is None:
        return ExecutionResult(None, [top_level(error, context.correlation) for error in ready.errors])
    if operation_kind(query, operation) is None:
        unclear = GraphQLError("name the operation: `operationName` is none of the document's")
        return ExecutionResult(None, [top_level(unclear, context.correlation)])
    if too_much := ready.costly(operation, variables):
        return ExecutionResult(None, [top_level(too_much, context.correlation)])
    result = execute(
        core,
        ready.document,
        context_value=context,
        variable_values=dict(variables or {}),
        operation_name=operation,
        is_awaitable=assume_not_awaitable,  # resolvers are synchronous
        executor_class=LeanExecutor,
    )
    assert isinstance(result, ExecutionResult), "resolvers are synchronous"
    if result.errors:
        result.errors = [top_level(error, context.correlation) for error in result.errors]
    return result


def compiled(query: str, variables: Mapping[str, Any], operation: str | None, correlation: str) -> Compiled | list[dict[str, Any]]:
    """Compile a subscription; a list of formatted errors when it cannot be."""
    ready = prepared(query)
    found = get_operation_ast(ready.document, operation) if ready.document else None
    if ready.document is None or found is None:
        errors = ready.errors or (GraphQLError("name the operation: `operationName` is none of the document's"),)
        return [_formatted(error, correlation) for error in errors]
    if too_much := ready.costly(operation, variables):
        return [_formatted(too_much, correlation)]
    coerced = get_variable_values(core, found.variable_definitions or (), dict(variables))
    if isinstance(coerced, list):
        return [_formatted(error, correlation) for error in coerced]
    root = next(node for node in found.selection_set.selections)
    assert core.subscription_type is not None
    if not isinstance(root, FieldNode) or root.name.value not in core.subscription_type.fields:
        return [_formatted(GraphQLError("a subscription selects one field of Subscription, not through a fragment"), correlation)]
    try:
        arguments = get_argument_values(core.subscription_type.fields[root.name.value], root, coerced)
        stripped, names = _stripped(ready.document, found, root)
        kept = canonical({name: value for name, value in variables.items() if name in names}).decode()
    except (GraphQLError, Invalid, TypeError) as error:
        told = error if isinstance(error, GraphQLError) else GraphQLError(str(error))
        return [_formatted(told, correlation)]
    again = prepared(stripped)  # Written out anew it may be longer, as by escapes; what could not be executed at an event is refused now.
    if again.document is None:
        return [_formatted(error, correlation) for error in again.errors]
    return Compiled(root.name.value, arguments, stripped, kept, found.name.value if found.name else None)


def _stripped(document: DocumentNode, operation: OperationDefinitionNode, root: FieldNode) -> tuple[str, frozenset[str]]:
    """Take cursor, secret and all other operations out of a document, and name the variables that are left.

    Raises:
        Invalid: a variable of these that is used elsewhere too.
    """
    gone: set[str] = set()
    kept = []
    for argument in root.arguments or ():
        name = argument.name.value
        if name not in PER_CLIENT:
            kept.append(argument)
        elif isinstance(argument.value, VariableNode):
            gone.add(argument.value.name.value)
    alone = separate_operations(document)[operation.name.value if operation.name else ""]
    new_root = FieldNode(
        name=root.name, alias=root.alias, arguments=tuple(kept), directives=root.directives, selection_set=root.selection_set
    )
    left = tuple(d for d in operation.variable_definitions or () if d.variable.name.value not in gone)
    new_operation = OperationDefinitionNode(
        operation=operation.operation, name=operation.name, variable_definitions=left, directives=operation.directives,
        selection_set=type(operation.selection_set)(selections=(new_root,)),
    )  # fmt: skip
    stripped = DocumentNode(definitions=tuple(new_operation if d is operation else d for d in alone.definitions))
    used = _Variables()
    visit(stripped, used)
    if used.names & gone:
        raise Invalid("the variable of `after` or `secret` is for that alone")
    return strip_ignored_characters(print_ast(stripped)), frozenset(d.variable.name.value for d in left)


class _Variables(Visitor):
    """Collects the variables that a document uses, fragments included."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_variable(self, node: VariableNode, *_: object) -> None:
        self.names.add(node.name.value)


def rendered(services: Services, cohort: Cohort, decision: Decision, event: Event) -> bytes:
    """Execute one event for one cohort and decision; gives the payload of a `next` message, encoded."""
    context = Context(services, Viewer(role_of(cohort.scope)), correlation=current() or event.cursor)
    decision = pushed(decision)
    if event.held is not None:
        context.decide_once(event.held, decision)
    ready = prepared(cohort.document)
    assert ready.document is not None, "a cohort's document was compiled when it was subscribed to"
    result = execute(
        core, ready.document, root_value=event_shown(event, decision), context_value=context,
        variable_values=orjson.loads(cohort.variables), operation_name=cohort.operation, is_awaitable=assume_not_awaitable,
        executor_class=LeanExecutor,
    )  # fmt: skip
    assert isinstance(result, ExecutionResult), "resolvers are synchronous"
    return encoded(result, context.correlation)


def encoded(result: ExecutionResult, correlation: str) -> bytes:
    """Encode a result; its errors get their closed codes."""
    body: dict[str, Any] = {"data": result.data}
    if result.errors:
        body["errors"] = [_formatted(error, correlation) for error in result.errors]
    return orjson.dumps(body)


def _formatted(error: GraphQLError, correlation: str) -> dict[str, Any]:
    told = error if error.extensions and "correlationId" in error.extensions else top_level(error, correlation)
    return dict(told.formatted)


def _costly(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": TopLevel.COST_EXCEEDED.value})
