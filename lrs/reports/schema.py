"""The OpenAPI document: parameters from the filters, answers from the columns."""

from collections.abc import Mapping
from typing import Any

import django_filters
from drf_spectacular.openapi import AutoSchema

from lrs.api import openapi
from lrs.reports import exports
from lrs.reports.columns import Column, Type

_TYPES: Mapping[Type, dict[str, Any]] = {
    Type.TEXT: {"type": ["string", "null"]},
    Type.UUID: {"type": ["string", "null"], "format": "uuid"},
    Type.TIME: {"type": ["string", "null"], "format": "date-time"},
    Type.NUMBER: {"type": ["number", "null"]},
    Type.WHOLE: {"type": ["integer", "null"]},
    Type.BOOLEAN: {"type": ["boolean", "null"]},
}
_FILTER_TYPES: Mapping[str, dict[str, Any]] = {
    "TimeFilter": {"type": "string", "format": "date-time"},
    "NumberFilter": {"type": "number"},
    "UuidFilter": {"type": "string", "format": "uuid"},
    "YesNoFilter": {"type": "boolean"},
}


class Schema(AutoSchema):
    """An operation of the query API."""

    def get_operation_id(self) -> str:
        """The view's name."""
        return type(self.view).__name__.lower()

    def get_description(self) -> str:  # type: ignore[override]
        """The view's docstring."""
        return type(self.view).__doc__ or ""

    def get_tags(self) -> list[str]:
        """One for all."""
        return ["reports"]

    def _get_parameters(self) -> list[dict[str, Any]]:
        known = {**_shape(self.view), **_filters(self.view)}
        given = [
            {"in": "query", "name": name, "schema": schema, "description": text}
            for name, (schema, text) in known.items()
        ]
        path = [
            {"in": "path", "name": name, "required": True, "schema": {"type": "string", "format": "uuid"}}
            for name in ("person",)
            if f"{{{name}}}" in self.path
        ]
        return [*path, *given]

    def _get_request_body(self, direction: str = "request") -> None:
        return None

    def _get_response_bodies(self, direction: str = "response") -> dict[str, Any]:
        view: Any = self.view
        page: dict[str, Any] = {
            "type": "object",
            "required": ["results"],
            "properties": {
                "results": {"type": "array", "items": _row(view.columns)},
                **_place(self.view),
            },
        }
        streamed = {
            each.media_type: {"schema": {"type": "string"}} for each in exports.FORMATS.values() if _streams(self.view)
        }
        answer = {"description": "rows", "content": {"application/json": {"schema": page}, **streamed}}
        return {"200": answer, **openapi.refusals(openapi.REFUSALS)}


def _row(columns: tuple[Column, ...]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {column.name: {**_TYPES[column.type], "description": column.meaning} for column in columns},
    }


def _streams(view: Any) -> bool:
    return hasattr(view, "orders")


def _place(view: Any) -> dict[str, Any]:
    if _streams(view):
        return {"next": {"type": ["string", "null"], "description": "address of the next page"}}
    return {
        "after": {"type": ["string", "null"], "description": "what to ask for next"},
        "more": {"type": "boolean", "description": "whether there are more already"},
        "through": {"type": "string", "format": "date-time", "description": "nothing can appear before this any more"},
    }


def _shape(view: Any) -> dict[str, tuple[dict[str, Any], str]]:
    text = {"type": "string", "minLength": 1}
    names = [column.name for column in view.columns]
    found = {
        "store": (text, "name of the store, for those who may read several"),
        "fields": (text, f"columns, parted by commas, of {', '.join(names)}"),
        "limit": ({"type": "integer", "minimum": 0, "maximum": 10**9}, "rows on a page"),
    }
    if not _streams(view):
        return {
            **found,
            "after": (text, "the cursor of the last answer; nothing for the beginning"),
            "wait": ({"type": "integer", "minimum": 0, "maximum": 10**9}, "seconds to wait for news, at most 60"),
        }
    return {
        **found,
        "cursor": (text, "where a page begins, as `next` says"),
        "ordering": ({"type": "string", "enum": list(view.orders)}, "the first is the default"),
        "format": ({"type": "string", "enum": ["json", *exports.FORMATS]}, "those but json give everything at once"),
        "bom": ({"type": "boolean"}, "whether CSV begins with a byte order mark, for spreadsheets"),
    }


def _filters(view: Any) -> dict[str, tuple[dict[str, Any], str]]:
    if not _streams(view):
        return {}
    return {
        name: (_of(each), str(each.label or each.field_name or name).replace("_", " "))
        for name, each in view.filters.base_filters.items()
        if name not in view.said_by_address
    }


def _of(filter: django_filters.Filter) -> dict[str, Any]:
    if isinstance(filter, django_filters.ChoiceFilter):
        return {"type": "string", "enum": [value for value, _ in filter.extra["choices"]]}
    return _FILTER_TYPES.get(type(filter).__name__, {"type": "string", "minLength": 1})
