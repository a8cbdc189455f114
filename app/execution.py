"""Running operations: documents are parsed and validated once, then executed."""

from collections import OrderedDict
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, Final

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    OperationType,
    execute,
    get_operation_ast,
    get_variable_values,
    parse,
    validate,
)

from app.limits import Limits, check
from app.planner.errors import RefusedError, too_large
from app.request import BAD_REQUEST
from app.resolvers.context import Context

# A document of 8,000 letters takes some 300 KB parsed: at most 150 MB in all.
_DOCUMENTS_MAX: Final = 500
_DOCUMENT_LENGTH_MAX: Final = 8_000
_VALIDATION_ERRORS_MAX: Final = 5


@dataclass(frozen=True)
class Document:
    """A document that was parsed and validated, or the errors that it has."""

    ast: DocumentNode | None
    errors: list[GraphQLError]


@dataclass(frozen=True)
class Executor:
    """Executes operations against one schema; keeps the documents that came last."""

    schema: GraphQLSchema
    tokens_max: int
    limits: Limits
    _documents: OrderedDict[str, Document] = field(default_factory=OrderedDict)

    def document(self, text: str) -> Document:
        """Parse and validate a document, or give what is known of it."""
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
                return Document(None, [too_large(f"the document has {what}")])
            return Document(None, [error])
        return Document(ast, validate(self.schema, ast, max_errors=_VALIDATION_ERRORS_MAX))

    async def run(
        self,
        text: str,
        variables: dict[str, Any] | None,
        operation_name: str | None,
        context: Context,
    ) -> tuple[ExecutionResult, str | None]:
        """Execute one operation; gives the result and the operation's name."""
        document = self.document(text)
        if document.ast is None or document.errors:
            return ExecutionResult(None, document.errors), None
        operation = get_operation_ast(document.ast, operation_name)
        if operation is None:
            message = (
                f"the document has no operation named '{operation_name}'"
                if operation_name
                else "the document has not exactly one operation: name one in 'operationName'"
            )
            return ExecutionResult(None, [RefusedError(message, BAD_REQUEST)]), None
        name = operation.name.value if operation.name else None
        if operation.operation is not OperationType.QUERY:
            message = f"this endpoint answers queries, not a {operation.operation.value}"
            return ExecutionResult(None, [RefusedError(message, BAD_REQUEST)]), name
        coerced = get_variable_values(
            self.schema, operation.variable_definitions or (), variables or {}
        )
        if isinstance(coerced, list):
            return ExecutionResult(None, coerced), name
        refusal = check(self.schema, document.ast, operation, coerced.coerced, self.limits)
        if refusal is not None:
            return ExecutionResult(None, [refusal]), name
        result = execute(
            self.schema,
            document.ast,
            context_value=context,
            variable_values=variables,
            operation_name=operation_name,
        )
        executed = await result if isawaitable(result) else result
        assert isinstance(executed, ExecutionResult)
        return executed, name
