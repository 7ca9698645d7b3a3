"""What properties and kinds of things are called that are kept by their names: in the audit log, in results of tasks.

Like the audit log's verbs, those of the service above are here, too; it adds the settings of its connections.
"""

from collections.abc import Mapping
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.utils.translation import gettext_lazy

from statements.admin.page import Text

# By the label of the model.
KINDS: Mapping[str, Text] = {
    "auth.user": gettext_lazy("User"),
    "connectors.connection": gettext_lazy("Connection"),
    "connectors.delivery": gettext_lazy("Delivery"),
    "connectors.inboxevent": gettext_lazy("Event"),
    "lrs.backgroundtask": gettext_lazy("Task"),
    "lrs.credential": gettext_lazy("Credential"),
    "lrs.refusal": gettext_lazy("Refused request"),
    "lrs.refusalkind": gettext_lazy("Reason of refusals"),
    "statements.person": gettext_lazy("Learner"),
    "statements.statement": gettext_lazy("Statement"),
    "statements.store": gettext_lazy("Store"),
    "webinars.session": gettext_lazy("Webinar"),
}
NAMES: dict[str, Text] = {
    "accepted": gettext_lazy("Accepted"),
    "account": gettext_lazy("Account"),
    "activity": gettext_lazy("Activity"),
    "base": gettext_lazy("Address in front of an id that is no IRI"),
    "body": gettext_lazy("Body"),
    "by statement": gettext_lazy("By the statement"),
    "bytes": gettext_lazy("Bytes"),
    "community_id": gettext_lazy("Number of the community"),
    "connection": gettext_lazy("Connection"),
    "content_ids": gettext_lazy("Recognise repeats of statements without an id"),
    "count": gettext_lazy("Times"),
    "course_id": gettext_lazy("Number of the course"),
    "created": gettext_lazy("Made"),
    "credential": gettext_lazy("Credential"),
    "default_version": gettext_lazy("Version of requests that name none"),
    "digest": gettext_lazy("Hash"),
    "disabled": gettext_lazy("Disabled"),
    "dismissed": gettext_lazy("Dismissed"),
    "dismissed requests": gettext_lazy("Dismissed requests"),
    "documents": gettext_lazy("Documents"),
    "documents of others": gettext_lazy("Documents of others"),
    "dry": gettext_lazy("Only try: nothing is kept"),
    "due": gettext_lazy("Due at"),
    "edited": gettext_lazy("Edited body"),
    "email": gettext_lazy("E-mail"),
    "end": gettext_lazy("Ends"),
    "errors": gettext_lazy("Errors"),
    "events": gettext_lazy("Events"),
    "everywhere": gettext_lazy("In every session of this connection"),
    "examples of shapes": gettext_lazy("Examples of shapes"),
    "expected": gettext_lazy("People on the roster"),
    "external": gettext_lazy("Number at the provider"),
    "external users": gettext_lazy("Users of providers"),
    "file": gettext_lazy("File"),
    "fingerprint": gettext_lazy("Hash"),
    "first": gettext_lazy("First"),
    "format": gettext_lazy("Format"),
    "groups": gettext_lazy("Roles"),
    "handle": gettext_lazy("Known in the room by"),
    "headers": gettext_lazy("Headers"),
    "id": gettext_lazy("Number"),
    "identifiers": gettext_lazy("Identifiers"),
    "ids": gettext_lazy("IDs"),
    "inbox": gettext_lazy("Inbox"),
    "instructors": gettext_lazy("Instructors"),
    "key": gettext_lazy("Key"),
    "kind": gettext_lazy("Reason of refusals"),
    "last": gettext_lazy("Last"),
    "learner_email": gettext_lazy("E-mail of the learner"),
    "learner_firstname": gettext_lazy("First name"),
    "learner_lastname": gettext_lazy("Last name"),
    "link": gettext_lazy("Page of the result"),
    "looked": gettext_lazy("Last asked"),
    "mentions": gettext_lazy("Also statements of others that name this learner"),
    "mentions by others": gettext_lazy("Statements of others"),
    "method": gettext_lazy("Method"),
    "mode": gettext_lazy("Mode"),
    "moved": gettext_lazy("Moved identifiers"),
    "name": gettext_lazy("Name"),
    "note": gettext_lazy("Note"),
    "notes": gettext_lazy("Notes"),
    "opened requests": gettext_lazy("Requests opened again"),
    "operation": gettext_lazy("Number of the change"),
    "parent": gettext_lazy("IRI of the course it belongs to"),
    "path": gettext_lazy("Path"),
    "people": gettext_lazy("Learners"),
    "person": gettext_lazy("Learner"),
    "problem": gettext_lazy("Problem"),
    "profile": gettext_lazy("Profile"),
    "provider": gettext_lazy("Provider"),
    "quarantine": gettext_lazy("Quarantine"),
    "query": gettext_lazy("Query"),
    "rate_limit": gettext_lazy("Requests a minute"),
    "read from providers": gettext_lazy("Read from providers"),
    "reading the file": gettext_lazy("The file is read"),
    "reason": gettext_lazy("Reason"),
    "received": gettext_lazy("Received"),
    "refused again": gettext_lazy("Refused again"),
    "repairs": gettext_lazy("Repairs"),
    "replace": gettext_lazy("Nobody else stays on the roster"),
    "report": gettext_lazy("Report"),
    "result": gettext_lazy("Result"),
    "rows": gettext_lazy("Rows"),
    "scopes": gettext_lazy("It may"),
    "secret_hash": gettext_lazy("Secret"),
    "sentence": gettext_lazy("What was answered"),
    "sessions": gettext_lazy("Sessions"),
    "shapes": gettext_lazy("Note the JSON shapes that it sends"),
    "silence_hours": gettext_lazy("Hours without a statement until it counts as silent"),
    "start": gettext_lazy("Begins"),
    "state": gettext_lazy("State"),
    "statements": gettext_lazy("Statements"),
    "status": gettext_lazy("Status"),
    "stop": gettext_lazy("To be stopped"),
    "store": gettext_lazy("Store"),
    "task": gettext_lazy("Task"),
    "times": gettext_lazy("Times"),
    "title": gettext_lazy("Title"),
    "titles": gettext_lazy("Titles"),
    "to": gettext_lazy("To"),
    "told": gettext_lazy("Somebody was told"),
    "tries": gettext_lazy("Tries"),
    "use_proxy": gettext_lazy("Use the proxy"),
    "voided": gettext_lazy("Voided"),
    "webinars": gettext_lazy("Webinars"),
    "what": gettext_lazy("What"),
    "wrong": gettext_lazy("Rows that are wrong"),
}


def called(name: str, kind: str = "") -> Text:
    """What a property is called; what is only Django's, such as those of users, by Django."""
    if name in NAMES:
        return NAMES[name]
    try:
        field: Any = apps.get_model(kind)._meta.get_field(name)
    except (LookupError, ValueError, FieldDoesNotExist):
        return name
    return str(field.verbose_name)
