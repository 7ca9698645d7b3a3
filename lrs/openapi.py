"""What every operation of the OpenAPI document says: how it is refused."""

from collections.abc import Mapping
from typing import Any

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


def refusals(texts: Mapping[str, str]) -> dict[str, Any]:
    """The answers with these statuses: a sentence, and every fault with its place and rule."""
    return {
        status: {"description": text, "content": {"application/json": {"schema": _ERROR}}}
        for status, text in texts.items()
    }
