"""Who may do what."""

import uuid

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


def test_who_may_not_see_a_page_is_told_why_and_led_home(viewer, store):
    answer = viewer.get(CREDENTIALS)
    page = answer.content.decode()
    assert (answer.status_code, "Your role does not allow you" in page, 'href="/admin/"' in page) == (403, True, True)
    assert f'href="{CREDENTIALS}"' not in page
    german = viewer.get(CREDENTIALS, headers={"accept-language": "de"}).content.decode()
    assert "Ihre Rolle erlaubt Ihnen nicht" in german


def test_what_is_not_there_is_a_page_with_a_way_home(viewer, store):
    for address in ("nope/", f"statements/statement/{uuid.uuid4()}/change/"):
        answer = viewer.get(f"/admin/{address}")
        page = answer.content.decode()
        assert (answer.status_code, "There is nothing here." in page, 'href="/admin/"' in page) == (404, True, True)


def test_a_form_that_was_open_too_long_says_what_to_do(database):
    from django.test import Client as Browser

    answer = Browser(SERVER_NAME="localhost", enforce_csrf_checks=True).post("/admin/login/", {"username": "ann"})
    page = answer.content.decode()
    assert (answer.status_code, "The page was open too long" in page, 'href="/admin/"' in page) == (403, True, True)


def test_a_user_s_page_says_what_roles_may_and_nothing_of_the_password(administrator, database):
    from django.contrib.auth.models import User

    made = User.objects.create_user(f"shown-{uuid.uuid4()}", password="correct horse battery", is_staff=True)
    page = administrator.get(f"{USERS}{made.pk}/change/").content.decode()
    assert "operator: also looks after quarantine, connections and inbox" in page
    assert f'href="{USERS}{made.pk}/password/"' in page
    assert ("pbkdf2" in page, made.password.split("$")[2][:6] in page) == (False, False)
    administrator.post(f"{USERS}{made.pk}/change/", {"username": made.username, "is_active": "on"})
    made.refresh_from_db()
    assert made.check_password("correct horse battery")


def test_the_log_is_in_words_and_narrowed_by_what_was_done(administrator, database):
    from statements import journal

    thing = journal.Thing("lrs.credential", "1", f"logged {uuid.uuid4()}")
    for what in ("rotate", "something new"):
        journal.note(what, thing, by="ann", before={"secret_hash": "a"}, after={"secret_hash": "b"})
    page = administrator.get(LOG).content.decode()
    assert (f"secret renewed: {thing.label}" in page, f"something new: {thing.label}" in page) == (True, True)
    narrowed = administrator.get(LOG, {"what": "rotate"}, headers={"accept-language": "de"}).content.decode()
    assert (f"Geheimnis erneuert: {thing.label}" in narrowed, "something new" in narrowed) == (True, False)
