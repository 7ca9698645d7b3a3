"""What is known of an Activity, put together from all statements about it (xAPI 1.0.3 Data 2.4.4.1)."""

from collections.abc import Mapping
from typing import Any

# Maps of which each key is a fact of its own: a language, an extension.
_BY_KEY = ("name", "description", "extensions")
COMPONENTS = ("choices", "scale", "source", "target", "steps")
_INTERACTION = ("interactionType", "correctResponsesPattern", *COMPONENTS)


def merge(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The definition after `new` came to `old`: a new Activity definition, neither of the two is changed.

    Names, descriptions and extensions are merged by language or key; everything else is replaced by the newer.
    Where the interactionType changes, the answers and components of the old one go with it.
    """
    kept = dict(old)
    if "interactionType" in old and new.get("interactionType", old["interactionType"]) != old["interactionType"]:
        kept = {name: value for name, value in old.items() if name not in _INTERACTION}
    by_key = {name: {**kept[name], **new[name]} for name in _BY_KEY if name in kept and name in new}
    return {**kept, **new, **by_key}
