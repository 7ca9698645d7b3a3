"""What commands print that are tried as the README has them."""

import json
from typing import Any


def documents(text: str) -> list[Any]:
    """The JSON documents that stand one after the other."""
    found = []
    while text := text.lstrip():
        document, end = json.JSONDecoder().raw_decode(text)
        found.append(document)
        text = text[end:]
    return found
