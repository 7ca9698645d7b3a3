"""What the repairs do, in words for those who switch them on."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy

from statements.admin.page import Text
from statements.profiles.repairs import REPAIRS

WORDS: Mapping[str, Text] = {
    "missing-object-type": gettext_lazy("says what an actor or object is where the statement does not"),
    "numeric-string": gettext_lazy("reads numbers of a score that are written as text"),
    "bare-collection-type": gettext_lazy("gives the bare types course and Collection their IRIs"),
    "sumtotal-relative-id": gettext_lazy("puts an address in front of an id that is no IRI"),
    "scaled-0-100-to-extension": gettext_lazy("takes 0 to 100 in a learning path's score.scaled for a percentage"),
    "other-content-type": gettext_lazy("takes statements of another Content-Type, or of none, for JSON"),
    "other-version": gettext_lazy("takes requests of another version of xAPI for the default version"),
    "other-parameter": gettext_lazy("passes over parameters in the address that xAPI does not know"),
}


def choices() -> list[tuple[str, str]]:
    """Name and words of each, for boxes to tick."""
    return [(name, f"{name}: {WORDS[name]}") for name in REPAIRS]
