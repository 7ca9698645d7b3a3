"""Who may do what in the administration: three groups, each with all that the one before it may.

They are made and brought up to date with every migration; whoever needs another mixture makes a group beside them.
"""

from typing import Any, NamedTuple

from django.apps import apps
from django.contrib.auth.management import create_permissions

VIEWER, OPERATOR, ADMINISTRATOR = "viewer", "operator", "administrator"

# Models that hold how the service is run, and not what it has to tell: for those who run it.
_OPERATED = ("connectors.", "webinars.", "lrs.refusal", "lrs.refusalkind", "lrs.shape", "lrs.backgroundtask")
_ADMINISTERED = ("lrs.credential", "lrs.token", "lrs.failedlogin", "statements.act", "auth.", "statements.store")


class Right(NamedTuple):
    """What may be done (view, add, change, delete) with models whose label begins so."""

    doing: tuple[str, ...]
    with_: tuple[str, ...]


_ALL = ("view", "add", "change", "delete")
RIGHTS: dict[str, tuple[Right, ...]] = {
    VIEWER: (Right(("view",), ("statements.",)),),
    OPERATOR: (
        Right(_ALL, _OPERATED),
        # To merge and to split learners; to void a statement; to rebuild progress.
        Right(("change",), ("statements.person", "statements.statement", "statements.progress")),
        Right(("view",), ("lrs.credential",)),
    ),
    # To erase a learner is to delete a person.
    ADMINISTRATOR: (Right(_ALL, _ADMINISTERED), Right(("delete",), ("statements.person",))),
}
# What nobody but a superuser has: to see these is to see what an administrator did.
_NOT_FOR = {VIEWER: ("statements.act",), OPERATOR: ("statements.act",), ADMINISTRATOR: ()}
_NEVER = {"statements.add_act", "statements.change_act", "statements.delete_act"}


def make(sender: Any, using: str = "default", **_: Any) -> None:
    """Make the groups, and give them their permissions. For post_migrate."""
    from django.contrib.auth.models import Group, Permission

    for label in ("auth", "statements", "lrs", "connectors", "webinars"):
        # Django makes permissions after each app; the groups need those of apps that come later, too.
        create_permissions(apps.get_app_config(label), verbosity=0, using=using)
    there = {
        (permission.content_type.app_label, permission.codename): permission
        for permission in Permission.objects.using(using).select_related("content_type")
    }
    held: set[int] = set()
    for name in (VIEWER, OPERATOR, ADMINISTRATOR):
        group, _made = Group.objects.using(using).get_or_create(name=name)
        granted = {
            permission.pk
            for (app, codename), permission in there.items()
            if any(_grants(right, app, codename, _NOT_FOR[name]) for right in RIGHTS[name])
        }
        held |= granted
        if set(group.permissions.values_list("pk", flat=True)) != held:
            group.permissions.set(held)


def _grants(right: Right, app: str, codename: str, withheld: tuple[str, ...]) -> bool:
    doing, _, model = codename.partition("_")
    label = f"{app}.{model}"
    if f"{app}.{codename}" in _NEVER or label in withheld:
        return False
    # A name that ends in a dot stands for all of its app.
    return doing in right.doing and any(
        label.startswith(name) if name.endswith(".") else label == name for name in right.with_
    )
