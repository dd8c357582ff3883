"""What a document may ask for, counted before it is executed: tokens, levels, root fields, fields, aliases, nodes, pages.

Fragments count wherever they are spread. Nodes are what the pages asked for may hold at most: `first` or `last` of each, times those of the
pages around it. Limits stand in one block; `docs/limits.md` explains them. It executes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    ValidationRule,
    ValueNode,
    VariableNode,
)
from graphql.language import SelectionSetNode

LONGEST_DOCUMENT = 32 * 1024  # characters; comments count, which are no tokens
MOST_TOKENS = 4000
MOST_DEPTH = 15
MOST_ROOT_FIELDS = 30
MOST_FIELDS = 1000
MOST_ALIASES = 100
MOST_NODES = 5000
MOST_PAGES = 250  # each may be a request to the engine

MOST_INT = 2**31  # GraphQL's Int holds less
PAGING = ("first", "last")
SECRET = "secret"  # noqa: S105 - an argument's name


@dataclass(frozen=True, slots=True)
class Paged:
    """A page that is asked for: how many (a number, or a variable's name), and the pages inside of each of its nodes."""

    count: int | str
    inside: tuple["Paged", ...] = ()


@dataclass(frozen=True, slots=True)
class Size:
    """How large a selection is."""

    depth: int = 0
    width: int = 0  # fields of its first level
    fields: int = 0
    aliases: int = 0
    pages: tuple[Paged, ...] = ()

    def beside(self, other: "Size") -> "Size":
        """Put two selections side by side."""
        fields = self.fields + other.fields
        # Fragments that spread each other double with each level: what has too many fields is refused, whatever its pages are.
        pages = self.pages + other.pages if fields <= MOST_FIELDS else ()
        return Size(max(self.depth, other.depth), self.width + other.width, fields, self.aliases + other.aliases, pages)


@dataclass(frozen=True, slots=True)
class Sized:
    """An operation's size, and the values its variables have unless they are given."""

    size: Size
    defaults: Mapping[str, int] = field(default_factory=dict)

    def nodes(self, variables: Mapping[str, Any]) -> int:
        """Count the nodes that the operation may give with these variables."""
        return _counted(self.size.pages, {**self.defaults, **variables})[0]

    def pages(self, variables: Mapping[str, Any]) -> int:
        """Count the pages that have to be read for them: one inside of a page counts once for each of its nodes."""
        return _counted(self.size.pages, {**self.defaults, **variables})[1]


def sized(document: DocumentNode) -> dict[str | None, Sized]:
    """Measure each operation of a valid document, by name."""
    fragments = {d.name.value: d.selection_set for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    known: dict[str, Size] = {}
    return {
        d.name.value if d.name else None: Sized(_size(d.selection_set, fragments, known), _defaults(d))
        for d in document.definitions
        if isinstance(d, OperationDefinitionNode)
    }


def exceeded(size: Size) -> str | None:
    """Say which limit an operation exceeds, whatever its variables; None when it exceeds none."""
    for what, limit, tell in (
        (size.depth, MOST_DEPTH, f"a document is at most {MOST_DEPTH} levels deep"),
        (size.width, MOST_ROOT_FIELDS, f"an operation has at most {MOST_ROOT_FIELDS} root fields"),
        (size.fields, MOST_FIELDS, f"an operation selects at most {MOST_FIELDS} fields"),
        (size.aliases, MOST_ALIASES, f"an operation has at most {MOST_ALIASES} aliases"),
    ):
        if what > limit:
            return tell
    return None


def holds_secret(document: DocumentNode) -> bool:
    """Whether a document has an argument that is a secret: such a one is sent by POST."""
    return any(_secrets(getattr(d, "selection_set", None)) for d in document.definitions)


class SecretRule(ValidationRule):
    """A secret stands in no document: documents are logged, cached and shared. It comes as a variable, and that has no default."""

    def enter_argument(self, node: Any, *_: object) -> None:  # noqa: ANN401 - the visitor's own
        """Refuse a literal."""
        if node.name.value == SECRET and not isinstance(node.value, VariableNode):
            self.report_error(GraphQLError("`secret` must come as a variable, never in the document", node))

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: object) -> None:
        """Refuse a default value of the variable that a secret comes in."""
        used = {name for definition in self.context.document.definitions for name in _secrets(getattr(definition, "selection_set", None))}
        for variable in node.variable_definitions or ():
            if variable.variable.name.value in used and variable.default_value is not None:
                self.report_error(GraphQLError("the variable of `secret` has no default value", variable))


def _secrets(selections: SelectionSetNode | None) -> set[str]:
    """Name the variables that stand for a secret in a selection."""
    found: set[str] = set()
    for node in selections.selections if selections else ():
        if isinstance(node, FieldNode):
            found |= {_named(argument.value) for argument in node.arguments or () if argument.name.value == SECRET}
        if isinstance(node, FieldNode | InlineFragmentNode):
            found |= _secrets(node.selection_set)
    return found


def _named(value: ValueNode) -> str:
    return value.name.value if isinstance(value, VariableNode) else ""


def _size(selections: SelectionSetNode | None, fragments: dict[str, SelectionSetNode], known: dict[str, Size]) -> Size:
    total = Size()
    for node in selections.selections if selections else ():
        match node:
            case FieldNode(selection_set=inner):
                total = total.beside(_field(node, _size(inner, fragments, known)))
            case InlineFragmentNode(selection_set=inner):
                total = total.beside(_size(inner, fragments, known))
            case FragmentSpreadNode(name=name):
                if name.value not in known:
                    known[name.value] = _size(fragments[name.value], fragments, known)  # A valid document has no cycle.
                total = total.beside(known[name.value])
    return total


def _field(node: FieldNode, below: Size) -> Size:
    counts = [_count(argument.value) for argument in node.arguments or () if argument.name.value in PAGING]
    pages = tuple(Paged(count, below.pages) for count in counts if count is not None) or below.pages
    return replace(
        below, depth=below.depth + 1, width=1, fields=below.fields + 1, aliases=below.aliases + (node.alias is not None), pages=pages
    )


def _count(value: ValueNode) -> int | str | None:
    if isinstance(value, VariableNode):
        return value.name.value
    return int(value.value) if isinstance(value, IntValueNode) else None


def _defaults(operation: OperationDefinitionNode) -> dict[str, int]:
    return {
        d.variable.name.value: int(d.default_value.value)
        for d in operation.variable_definitions or ()
        if isinstance(d.default_value, IntValueNode)
    }


def _counted(pages: tuple[Paged, ...], variables: Mapping[str, Any]) -> tuple[int, int]:
    """Count the nodes that pages may hold, and the pages themselves."""
    nodes = read = 0
    for page in pages:
        count = variables.get(page.count) if isinstance(page.count, str) else page.count
        if isinstance(count, int | float):  # GraphQL reads 100.0 as 100; anything else is null, or is refused when it is read.
            rows = int(min(max(count, 0), MOST_INT))
            nodes_inside, read_inside = _counted(page.inside, variables)
            nodes += rows * (1 + nodes_inside)
            read += 1 + rows * read_inside
    return nodes, read
