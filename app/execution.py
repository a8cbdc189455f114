"""Running operations: documents are parsed and validated once, then executed."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from inspect import isawaitable
from time import perf_counter
from typing import Any, Final

import structlog
from graphql import (
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    NonNullTypeNode,
    OperationDefinitionNode,
    OperationType,
    VariableValues,
    execute,
    get_nullable_type,
    get_operation_ast,
    get_variable_values,
    is_enum_type,
    is_list_type,
    parse,
    type_from_ast,
    validate,
)
from strawberry.exceptions import StrawberryInputCoercionError

from app.auth.viewer import Viewer
from app.introspection import Audience, hidden_from, introspects
from app.limits import Limits, Size, measure, most_repeated
from app.planner.collecting import Reason, UnplannedError
from app.planner.disclosure import Disclosure, in_order
from app.planner.errors import RefusedError, too_large
from app.planner.pages import PAGE_SIZE_DEFAULT
from app.planner.planning import Planner
from app.planner.plans import PlanFailedError, Plans
from app.planner.projection import Scope
from app.request import BAD_REQUEST
from app.resolvers.context import Context
from app.trusted import Trusted, faults

_log = structlog.get_logger("bank360.execution")

# A document of 8,000 letters takes some 300 KB parsed: at most 150 MB in all.
_DOCUMENTS_MAX: Final = 500
_DOCUMENT_LENGTH_MAX: Final = 8_000
# Validation compares every two selections of one name.
_REPEATED_MAX: Final = 100
_ERRORS_MAX: Final = 5
# What required variables are taken for in plans that are made before anybody asks.
_PLACEHOLDERS: Final[Mapping[str, Any]] = {
    "Boolean": True,
    "Date": "2000-01-01",
    "DateTime": "2000-01-01T00:00:00Z",
    "Decimal": "0",
    "ID": "",
    "Int": PAGE_SIZE_DEFAULT,
    "String": "",
}


@dataclass(frozen=True)
class Document:
    """A document that was parsed and validated, or the errors that it has."""

    ast: DocumentNode | None
    errors: list[GraphQLError]
    text: str = ""
    plans: Plans = field(default_factory=Plans)
    # Of operations whose size no variable changes, by name.
    _sizes: dict[str | None, Size] = field(default_factory=dict)

    def size(
        self, schema: GraphQLSchema, operation: OperationDefinitionNode, variables: VariableValues
    ) -> Size:
        """Give what an operation asks for."""
        assert self.ast is not None
        name = operation.name.value if operation.name else None
        known = self._sizes.get(name)
        if known is not None:
            return known
        size, varies = measure(schema, self.ast, operation, variables.coerced)
        if not varies:
            self._sizes[name] = size
        return size

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of its text, in hexadecimal."""
        return sha256(self.text.encode()).hexdigest()

    @cached_property
    def fragments(self) -> Mapping[str, FragmentDefinitionNode]:
        """The fragments, by name."""
        assert self.ast is not None
        return {
            node.name.value: node
            for node in self.ast.definitions
            if isinstance(node, FragmentDefinitionNode)
        }

    @cached_property
    def introspects(self) -> bool:
        """Whether it asks for the schema."""
        return self.ast is not None and introspects(self.ast)


@dataclass(frozen=True)
class Prepared:
    """An operation that may run, or the errors that keep it from running."""

    document: Document
    operation: OperationDefinitionNode | None = None
    size: Size = field(default_factory=Size)
    variables: VariableValues | None = None
    errors: Sequence[GraphQLError] = ()

    @property
    def charge(self) -> int:
        """What it counts for in rates: what is refused costs 1."""
        return 1 if self.errors else self.size.cost

    @property
    def look_ups(self) -> int:
        """How many customers and accounts it looks up by a complete value."""
        return 0 if self.errors else self.size.look_ups

    @property
    def is_valid(self) -> bool:
        """Whether the document fits the schema; its operation may still be refused."""
        return self.document.ast is not None and not self.document.errors

    @property
    def kind(self) -> str | None:
        """Whether it is a query, a mutation or a subscription; None where none was found."""
        return self.operation.operation.value if self.operation else None

    @property
    def name(self) -> str | None:
        """The operation's name, where it has one."""
        return self.operation.name.value if self.operation and self.operation.name else None


@dataclass(frozen=True)
class Executor:
    """Executes operations against one schema; keeps the documents that came last.

    ``suggestions`` says whether errors may name what the client may have meant, ``introspection``
    who may ask for the schema. ``observe`` is told of every query whether it was planned, or why
    the reference executor answered.
    """

    schema: GraphQLSchema
    planner: Planner
    tokens_max: int
    limits: Limits
    suggestions: bool
    introspection: Audience
    observe: Callable[[str], None] = lambda _path: None
    _documents: OrderedDict[str, Document] = field(default_factory=OrderedDict)
    # These are kept as long as the server runs.
    _trusted: dict[str, Document] = field(default_factory=dict)

    def trust(self, documents: Sequence[Trusted]) -> None:
        """Parse, validate and keep trusted documents; raises ManifestError where one has errors."""
        found = []
        for each in documents:
            made = self._made(each.text)
            if made.errors:
                found.append(each.fault(made.errors))
            self._trusted[each.text] = made
        if found:
            raise faults(found)

    async def plan_trusted(self, viewers: Mapping[Viewer, Scope]) -> None:
        """Plan the trusted queries for some viewers, beside whatever else the server does."""
        if not self._trusted:
            return
        made, started = 0, perf_counter()
        for document in self._trusted.values():
            assert document.ast is not None
            for operation in document.ast.definitions:
                if not isinstance(operation, OperationDefinitionNode):
                    continue
                variables = placeholders(self.schema, operation)
                if operation.operation is not OperationType.QUERY or variables is None:
                    continue
                for viewer, scope in viewers.items():
                    made += await self.planner.plan_ahead(
                        document.plans,
                        operation,
                        document.fragments,
                        variables,
                        viewer=viewer,
                        scope=scope,
                    )
        seconds = round(perf_counter() - started, 3)
        _log.info("trusted documents", documents=len(self._trusted), plans=made, seconds=seconds)

    def document(self, text: str) -> Document:
        """Parse and validate a document, or give what is known of it."""
        known = self._trusted.get(text)
        if known is not None:
            return known
        known = self._documents.get(text)
        if known is not None:
            self._documents.move_to_end(text)
            return known
        made = self._made(text)
        # Neither refused documents nor padded ones are worth their memory.
        if not made.errors and len(text) <= _DOCUMENT_LENGTH_MAX:
            self._documents[text] = made
            if len(self._documents) > _DOCUMENTS_MAX:
                self._documents.popitem(last=False)
        return made

    def _made(self, text: str) -> Document:
        try:
            ast = parse(text, max_tokens=self.tokens_max)
        except GraphQLError as error:
            if error.message.endswith("Parsing aborted."):
                what = f"more than {self.tokens_max} tokens"
                if "tokens" not in error.message:
                    what = "selections or values that are nested too deeply"
                return Document(None, [too_large(f"the document has {what}")], text)
            return Document(None, [error], text)
        repeated = most_repeated(ast)
        if repeated > _REPEATED_MAX:
            what = (
                f"one field with selections {repeated} times; at most {_REPEATED_MAX} are allowed"
            )
            return Document(None, [too_large(f"the document has {what}")], text)
        hide = not self.suggestions
        errors = validate(self.schema, ast, max_errors=_ERRORS_MAX, hide_suggestions=hide)
        return Document(ast, errors, text)

    def prepare(
        self, text: str, variables: dict[str, Any] | None, operation_name: str | None
    ) -> Prepared:
        """Find and measure the operation that is to run, or what keeps it from running."""
        document = self.document(text)
        if document.ast is None or document.errors:
            return Prepared(document, errors=document.errors)
        operation = get_operation_ast(document.ast, operation_name)
        if operation is None:
            message = (
                f"the document has no operation named '{operation_name}'"
                if operation_name
                else "the document has not exactly one operation: name one in 'operationName'"
            )
            return Prepared(document, errors=[RefusedError(message, BAD_REQUEST)])
        coerced = get_variable_values(
            self.schema,
            operation.variable_definitions or (),
            variables or {},
            _ERRORS_MAX,
            hide_suggestions=not self.suggestions,
        )
        if isinstance(coerced, list):
            return Prepared(document, operation, errors=coerced)
        size = document.size(self.schema, operation, coerced)
        refusal = self.limits.refusal(size)
        if refusal is not None:
            return Prepared(document, operation, size, errors=[refusal])
        return Prepared(document, operation, size, coerced)

    async def execute(
        self,
        prepared: Prepared,
        variables: dict[str, Any] | None,
        operation_name: str | None,
        context: Context,
        root: Any = None,
    ) -> ExecutionResult:
        """Execute an operation that was prepared without errors.

        ``root`` is what a subscription tells of: it is executed anew for each event.
        """
        assert prepared.document.ast is not None
        assert prepared.operation is not None
        assert prepared.variables is not None
        hidden = hidden_from(context.viewer, self.introspection)
        if hidden is not None and prepared.document.introspects:
            return ExecutionResult(None, [hidden])
        if prepared.operation.operation is OperationType.QUERY:
            planned = await self._planned(prepared, context)
            if planned is not None:
                return _disclosed(planned, context)
        result = execute(
            self.schema,
            prepared.document.ast,
            root,
            context,
            variable_values=variables,
            operation_name=operation_name,
            hide_suggestions=not self.suggestions,
        )
        executed = await result if isawaitable(result) else result
        assert isinstance(executed, ExecutionResult)
        return _disclosed(executed, context)

    async def _planned(self, prepared: Prepared, context: Context) -> ExecutionResult | None:
        """Answer by a plan; None where the reference executor has to."""
        assert prepared.operation is not None
        assert prepared.variables is not None
        document = prepared.document
        try:
            planned = await self.planner.execute(
                document.plans, prepared.operation, document.fragments, prepared.variables, context
            )
        except UnplannedError as error:
            reason = error.reason
        except (GraphQLError, StrawberryInputCoercionError):
            # What is refused is told by the path that says where.
            reason = Reason.REFUSED
        except PlanFailedError as failure:
            self.observe("failed")
            return _failed(failure)
        else:
            self.observe("planned")
            return planned
        self.observe(reason.value)
        # What a plan noted before it gave up is noted again.
        context.disclosure = Disclosure()
        return None


def placeholders(
    schema: GraphQLSchema, operation: OperationDefinitionNode
) -> VariableValues | None:
    """Give variables as most clients would: required ones and defaults; None where none fit."""
    given = {}
    for definition in operation.variable_definitions or ():
        if isinstance(definition.type, NonNullTypeNode) and definition.default_value is None:
            type_ = type_from_ast(schema, definition.type)
            given[definition.variable.name.value] = _placeholder(get_nullable_type(type_))
    found = get_variable_values(schema, operation.variable_definitions or (), given)
    return found if isinstance(found, VariableValues) else None


def _placeholder(type_: Any) -> Any:
    if is_list_type(type_):
        return []
    if is_enum_type(type_):
        return next(iter(type_.values))
    return _PLACEHOLDERS.get(type_.name, {})


def _failed(failure: PlanFailedError) -> ExecutionResult:
    """Tell of a failure at every root field, as the reference executor does."""
    cause = failure.__cause__
    assert isinstance(cause, Exception)
    errors = [GraphQLError(str(cause), path=[key], original_error=cause) for key in failure.keys]
    return ExecutionResult(dict.fromkeys(failure.keys), errors)


def _disclosed(executed: ExecutionResult, context: Context) -> ExecutionResult:
    """Add to an answer what was denied and what was shown masked."""
    disclosure = context.disclosure
    executed.errors = in_order([*(executed.errors or ()), *disclosure.errors()]) or None
    if disclosure.masked:
        executed.extensions = {"masked": disclosure.masked}
    return executed
