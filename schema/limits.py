"""What a document may ask for: levels, root fields, fields in all, counted through fragments as if they stood where they are spread."""

from dataclasses import dataclass

from graphql import DocumentNode, FieldNode, FragmentDefinitionNode, FragmentSpreadNode, InlineFragmentNode, OperationDefinitionNode
from graphql.language import SelectionSetNode

MOST_TOKENS = 4000
MOST_DEPTH = 15
MOST_ROOT_FIELDS = 30
MOST_FIELDS = 1000


@dataclass(frozen=True, slots=True)
class Size:
    """How large a selection is."""

    depth: int = 0
    width: int = 0  # fields of its first level
    fields: int = 0

    def beside(self, other: "Size") -> "Size":
        """Put two selections side by side."""
        return Size(max(self.depth, other.depth), self.width + other.width, self.fields + other.fields)


def exceeded(document: DocumentNode) -> str | None:
    """Say which limit a valid document exceeds; None when it exceeds none."""
    fragments = {d.name.value: d.selection_set for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    known: dict[str, Size] = {}
    for definition in document.definitions:
        if not isinstance(definition, OperationDefinitionNode):
            continue
        size = _size(definition.selection_set, fragments, known)
        if size.depth > MOST_DEPTH:
            return f"a document is at most {MOST_DEPTH} levels deep"
        if size.width > MOST_ROOT_FIELDS:
            return f"an operation has at most {MOST_ROOT_FIELDS} root fields"
        if size.fields > MOST_FIELDS:
            return f"an operation selects at most {MOST_FIELDS} fields"
    return None


def _size(selections: SelectionSetNode | None, fragments: dict[str, SelectionSetNode], known: dict[str, Size]) -> Size:
    total = Size()
    for node in selections.selections if selections else ():
        match node:
            case FieldNode(selection_set=inner):
                below = _size(inner, fragments, known)
                total = total.beside(Size(below.depth + 1, 1, below.fields + 1))
            case InlineFragmentNode(selection_set=inner):
                total = total.beside(_size(inner, fragments, known))
            case FragmentSpreadNode(name=name):
                if name.value not in known:
                    known[name.value] = _size(fragments[name.value], fragments, known)  # A valid document has no cycle.
                total = total.beside(known[name.value])
    return total
