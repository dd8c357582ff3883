"""Takes the machinery for each single field out of the way of reads, since a page has thousands of fields.

Strawberry builds the schema. `lighten` replaces the function that resolves a field wherever nothing is lost by it: a plain attribute is
read as one, and a method whose arguments are all leaves is called as it stands, with graphql-core's own info, which has `context` too.
Inputs, mutations and subscriptions stay with Strawberry, which converts what they are given. `LeanExecutor` then answers a field that is
a leaf and needs nothing but its object without the library's bookkeeping; whatever is out of the ordinary it leaves to the library.
benchmarks/page measures both.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from operator import attrgetter
from typing import Any

from graphql import GraphQLField, GraphQLNonNull, GraphQLObjectType, GraphQLSchema, get_named_type, get_nullable_type, is_leaf_type
from graphql.execution.collect_fields import FieldDetailsList
from graphql.execution.executor_throwing_on_incremental import ExecutorThrowingOnIncremental
from graphql.pyutils import Path
from strawberry.schema.schema_converter import CustomGraphQLEnumType, GraphQLCoreConverter
from strawberry.types.field import StrawberryField

Resolve = Callable[..., Any]
Read = Callable[[Any], Any]
LEAVES: dict[tuple[str, str], tuple[Read, Read, bool]] = {}  # (type, field): how it is read, how written, whether it may be null


def lighten(core: GraphQLSchema) -> None:
    """Lighten every field of every object type but the mutations and subscriptions."""
    roots = {core.mutation_type, core.subscription_type}
    for kind in core.type_map.values():
        if isinstance(kind, CustomGraphQLEnumType):
            _named_at_once(kind)
    for kind in core.type_map.values():
        if isinstance(kind, GraphQLObjectType) and kind not in roots:
            for name, field in kind.fields.items():
                _lighten(kind.name, name, field)


class LeanExecutor(ExecutorThrowingOnIncremental):
    """Executes as the library does, with a short way for leaves."""

    def execute_field(  # its arguments and answers are the library's own
        self,
        parent_type: GraphQLObjectType,
        source: object,
        field_details_list: FieldDetailsList,
        path: Path,
        position_context: None,
    ) -> object:
        """See the base class, which is asked for all but plain leaves, and for those that fail."""
        leaf = LEAVES.get((parent_type.name, field_details_list[0].node.name.value))
        if leaf is not None:
            read, write, nullable = leaf
            try:
                value = read(source)
                if value is not None:
                    return write(value)
                if nullable:
                    return None
            except Exception:  # noqa: BLE001, S110 - the library meets it again, and tells where it arose
                pass
        return super().execute_field(parent_type, source, field_details_list, path, position_context)


def _lighten(kind: str, name: str, field: GraphQLField) -> None:
    definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if not isinstance(definition, StrawberryField) or definition.extensions or definition.permission_classes:
        return
    if definition.is_basic_field:
        read: Read | None = attrgetter(definition.python_name)
        field.resolve = lambda source, _info, read=read: read(source)
    else:
        read = _method(field, definition)
    leaf = get_nullable_type(field.type)
    if read is not None and is_leaf_type(leaf):
        LEAVES[kind, name] = (read, leaf.coerce_output_value, not isinstance(field.type, GraphQLNonNull))


def _method(field: GraphQLField, definition: StrawberryField) -> Read | None:
    """Lighten a field that is a method; gives the method where it needs nothing but its object."""
    resolver = definition.base_resolver
    if resolver is None or resolver.is_async or not all(is_leaf_type(get_named_type(arg.type)) for arg in field.args.values()):
        return None
    function: Any = resolver.wrapped_func
    informed = resolver.info_parameter is not None
    if field.args:
        names = {name: definition.arguments[place].python_name for place, name in enumerate(field.args)}
        kinds = {name: get_named_type(arg.type) for name, arg in field.args.items()}
        enums = {name: kind.wrapped_cls for name, kind in kinds.items() if isinstance(kind, CustomGraphQLEnumType)}
        field.resolve = _called(function, names, enums, informed=informed)
        return None
    if informed:
        field.resolve = function
        return None
    field.resolve = lambda source, _info: function(source)
    return function  # type: ignore[no-any-return] # a method of one argument


def _called(function: Resolve, names: Mapping[str, str], enums: Mapping[str, Any], *, informed: bool) -> Resolve:
    def resolve(source: Any, info: Any, **given: Any) -> Any:  # noqa: ANN401 - whatever the field has
        kept = {names[name]: enums[name](value) if name in enums and value is not None else value for name, value in given.items()}
        return function(source, info, **kept) if informed else function(source, **kept)

    return resolve


def _named_at_once(kind: CustomGraphQLEnumType) -> None:
    """Find a value's name by a look-up, where the library walks through all of them."""
    names: dict[Enum, str] = {kind.wrapped_cls(value.value): name for name, value in kind.values.items()}
    slow: Callable[[Any], str] = kind.coerce_output_value

    def named(output_value: Any) -> str:  # noqa: ANN401 - a value of the enum, or its text
        return names[output_value] if isinstance(output_value, kind.wrapped_cls) else slow(output_value)

    setattr(kind, "coerce_output_value", named)  # noqa: B010 - a method of this one object
