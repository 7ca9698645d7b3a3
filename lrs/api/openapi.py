"""The OpenAPI document: how every operation is refused, and operations that say themselves what they take and give."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, cast

import msgspec
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent

_ERROR = {
    "type": "object",
    "required": ["error", "errors"],
    "properties": {
        "error": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("pointer", "rule", "problem")},
            },
        },
    },
}
REFUSALS = {
    "400": "a parameter is wrong, or a filter is needed",
    "401": "nobody is named",
    "403": "this is not for the caller",
    "404": "there is no such person or store",
    "406": "none of the accepted formats is there",
    "429": "too many wrong secrets",
    "503": "the query took too long",
}
TEXT: Mapping[str, Any] = {"type": "string", "minLength": 1}
COUNT: Mapping[str, Any] = {"type": "integer", "minimum": 0, "maximum": 10**9}
TIME: Mapping[str, Any] = {"type": "string", "format": "date-time"}
UUID: Mapping[str, Any] = {"type": "string", "format": "uuid"}


def refusals(texts: Mapping[str, str]) -> dict[str, Any]:
    """The answers with these statuses: a sentence, and every fault with its place and rule."""
    return {
        status: {"description": text, "content": {"application/json": {"schema": _ERROR}}}
        for status, text in texts.items()
    }


class Parameter(NamedTuple):
    """A parameter: its JSON Schema, and what it says."""

    schema: Mapping[str, Any]
    says: str
    required: bool = False


STORE = Parameter(TEXT, "name of the store, for those who may read several")


class Operation(NamedTuple):
    """What a method takes and gives. `gives` is by status; a shape of None: no body."""

    says: str
    gives: Mapping[int, type[msgspec.Struct] | None]
    query: Mapping[str, Parameter] = {}
    takes: type[msgspec.Struct] | None = None
    # Statuses that say something else than elsewhere, or that others do not have.
    refusals: Mapping[str, str] = {}


class Describing(Protocol):
    """A view that says what its OPERATIONS are, by method, what the PLACES in its path, and under which TAG."""

    OPERATIONS: Mapping[str, Operation]
    PLACES: Mapping[str, Parameter]
    TAG: str


class Described(AutoSchema):
    """An operation of a view that describes itself (Describing)."""

    @property
    def _operation(self) -> Operation:
        return self._describing.OPERATIONS[self.method.lower()]

    @property
    def _describing(self) -> "Describing":
        view: Any = self.view
        return cast(Describing, view)

    def get_operation_id(self) -> str:
        """The view's name, with the method where that is not GET."""
        name = type(self.view).__name__.lower()
        return name if self.method == "GET" else f"{name}_{self.method.lower()}"

    def get_description(self) -> str:  # type: ignore[override]
        """What the operation says of itself."""
        return self._operation.says

    def get_tags(self) -> list[str]:
        """The view's."""
        return [self._describing.TAG]

    def _get_parameters(self) -> list[dict[str, Any]]:
        places = self._describing.PLACES
        query = {**self._operation.query, "store": STORE}
        return [
            *(_parameter("path", name, one._replace(required=True)) for name, one in places.items()),
            *(_parameter("query", name, one) for name, one in query.items()),
        ]

    def _get_request_body(self, direction: str = "request") -> dict[str, Any] | None:
        shape = self._operation.takes
        return None if shape is None else {"required": True, "content": self._content(shape)}

    def _get_response_bodies(self, direction: str = "response") -> dict[str, Any]:
        given = {
            str(status): {"description": "done"} if shape is None else self._answer(shape)
            for status, shape in self._operation.gives.items()
        }
        return {**given, **refusals({**REFUSALS, **self._operation.refusals})}

    def _answer(self, shape: type[msgspec.Struct]) -> dict[str, Any]:
        return {"description": (shape.__doc__ or "").partition("\n")[0], "content": self._content(shape)}

    def _content(self, shape: type[msgspec.Struct]) -> dict[str, Any]:
        template = "#/components/schemas/{name}"
        (schema,), components = msgspec.json.schema_components([shape], ref_template=template)
        for name, made in components.items():
            self.registry.register_on_missing(
                ResolvedComponent(  # type: ignore[no-untyped-call]
                    name=name, type=ResolvedComponent.SCHEMA, schema=made, object=name
                )
            )
        return {"application/json": {"schema": schema}}


def _parameter(where: str, name: str, one: Parameter) -> dict[str, Any]:
    return {
        "in": where,
        "name": name,
        "required": one.required,
        "schema": dict(one.schema),
        "description": one.says,
    }
