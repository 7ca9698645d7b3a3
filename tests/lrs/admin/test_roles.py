"""Who may do what."""

import pytest
from django.contrib.auth.models import Group

STATEMENTS, TASKS, CREDENTIALS, USERS, LOG = (
    "/admin/statements/statement/", "/admin/lrs/backgroundtask/", "/admin/lrs/credential/", "/admin/auth/user/",
    "/admin/statements/act/",
)  # fmt: skip

PASSWORD = {"password1": "correct horse battery", "password2": "correct horse battery", "usable_password": "true"}


@pytest.mark.parametrize(
    ("role", "seen"),
    [
        ("viewer", {STATEMENTS}),
        ("operator", {STATEMENTS, TASKS, CREDENTIALS}),
        ("administrator", {STATEMENTS, TASKS, CREDENTIALS, USERS, LOG}),
    ],
)
def test_each_role_sees_its_pages_and_is_led_to_no_others(request, store, role, seen):
    browser = request.getfixturevalue(role)
    pages = (STATEMENTS, TASKS, CREDENTIALS, USERS, LOG)
    assert {url for url in pages if browser.get(url).status_code == 200} == seen
    home = browser.get("/admin/").content.decode()
    assert {url for url in pages if f'href="{url}"' in home} == seen


def test_an_operator_makes_no_credentials(operator, store):
    assert operator.get(CREDENTIALS + "add/").status_code == 403


def test_an_administrator_makes_nobody_a_superuser(administrator, database):
    from django.contrib.auth.models import User

    name = f"new-{Group.objects.count()}-{User.objects.count()}"
    administrator.post(
        USERS + "add/",
        {"username": name, **PASSWORD, "groups": [Group.objects.get(name="viewer").pk]},
    )
    made = User.objects.get(username=name)
    assert (made.is_staff, made.is_superuser, [group.name for group in made.groups.all()]) == (True, False, ["viewer"])
    administrator.post(f"{USERS}{made.pk}/change/", {"username": name, "is_active": "on", "is_superuser": "on"})
    made.refresh_from_db()
    assert not made.is_superuser


def test_what_is_done_to_a_user_is_in_the_log_without_the_password(administrator, database):
    from django.contrib.auth.models import User

    from statements.models import Act

    name = f"logged-{User.objects.count()}"
    administrator.post(USERS + "add/", {"username": name, **PASSWORD})
    made = User.objects.get(username=name)
    administrator.post(
        f"{USERS}{made.pk}/change/",
        {"username": name, "first_name": "Ann", "is_active": "on", "groups": [Group.objects.get(name="viewer").pk]},
    )
    added, changed = Act.objects.filter(kind="auth.user", thing=str(made.pk)).order_by("pk")
    assert (added.what, changed.what) == ("add", "change")
    assert made.password not in added.after
    assert ('"first_name": "Ann"' in changed.after, '"groups": ["viewer"]' in changed.after) == (True, True)
    page = administrator.get(f"/admin/statements/act/{changed.pk}/change/").content.decode()
    assert "viewer" in page
