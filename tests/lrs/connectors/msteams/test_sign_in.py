"""Somebody signs in with Microsoft, over real sockets: a browser, our server, Microsoft's stand-in."""

import html
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.utils import timezone

from lrs.connectors import connections, sign_in
from lrs.connectors.contract import CheckFailed
from lrs.connectors.providers.msteams import entrance
from lrs.connectors.tokens import StoredTokens
from tests.standins.loopback import Said
from tests.standins.msteams import CURATOR, SCOPES


def page(connection):
    return f"/admin/sign-in/{connection.pk}"


def kept(connection):
    return StoredTokens(connection.pk).current()


def ended(connection):
    """Let the access token be over."""
    tokens = StoredTokens(connection.pk)
    tokens.keep(kept(connection)._replace(ends=timezone.now() - timedelta(seconds=1)))


def standing_of(connection):
    found = sign_in.standing(connection)
    assert found is not None
    return found


def until(holds):
    """Wait for it, for some seconds at most."""
    for _ in range(500):
        if holds():
            return
        time.sleep(0.02)
    raise AssertionError


def access(connection):
    with connections.context(connection) as outside:
        return entrance.access(outside)


def test_somebody_signs_in_and_is_shown(teams, microsoft, browse, settings):
    connection = teams("delegated")
    with browse() as browser:
        shown = browser.get(page(connection)).text
        assert "Nobody has signed in" in shown
        assert "Sign in to Microsoft" in shown
        assert f"{settings.LRS_PUBLIC_URL}/admin/signed-in" in shown
        away = browser.press(page(connection))
        assert away.status_code == 302
        at = httpx.get(away.headers["location"])
        assert at.status_code == 302
        back = browser.get(at.headers["location"])
        assert back.headers["location"] == page(connection)
        shown = browser.get(page(connection)).text
        assert f"Олена Коваль ({CURATOR})" in shown
        assert "not authorised" not in shown
    assert microsoft.grants[0]["grant_type"] == "authorization_code"
    assert connections.check(connection) == (True, f"ok: signed in to Microsoft as Олена Коваль ({CURATOR}).")


def test_microsoft_is_asked_with_a_state_a_challenge_and_the_three_rights(teams, browse, settings):
    connection = teams("delegated")
    with browse() as browser:
        away = urlsplit(browser.press(page(connection)).headers["location"])
        query = {name: values[0] for name, values in parse_qs(away.query).items()}
        again = parse_qs(urlsplit(browser.press(page(connection)).headers["location"]).query)
    assert query["scope"] == f"offline_access {SCOPES}"
    assert query["redirect_uri"] == f"{settings.LRS_PUBLIC_URL}/admin/signed-in"
    assert len(query["state"]) >= 40
    assert len(query["code_challenge"]) == 43
    assert query["state"] != again["state"][0]
    assert query["code_challenge"] != again["code_challenge"][0]


def test_a_state_is_good_once_and_only_in_the_browser_that_began(teams, browse):
    connection = teams("delegated")
    with browse() as browser, browse() as other:
        at = httpx.get(browser.press(page(connection)).headers["location"]).headers["location"]
        forged = other.get(at)
        assert forged.status_code == 400
        assert "not begun here" in forged.text
        assert kept(connection) is None
        assert browser.get(at).status_code == 302
        first = kept(connection)
        assert browser.get(at).status_code == 400
        assert browser.get(at.replace("state=", "state=x")).status_code == 400
        assert browser.get("/admin/signed-in").status_code == 400
    assert kept(connection) == first


def test_a_sign_in_that_took_too_long_is_begun_again(teams):
    connection, now = teams("delegated"), timezone.now()
    session: dict = {}
    state = parse_qs(urlsplit(sign_in.begin(connection, session, now)).query)["state"][0]
    with pytest.raises(sign_in.SignInProblem, match="took too long"):
        sign_in.returned(session, state, now + timedelta(minutes=16))


def test_a_code_without_its_verifier_is_worth_nothing(teams, microsoft):
    connection, now = teams("delegated"), timezone.now()
    session: dict = {}
    at = httpx.get(sign_in.begin(connection, session, now)).headers["location"]
    with pytest.raises(CheckFailed, match="AADSTS501481"):
        sign_in.finish(connection, parse_qs(urlsplit(at).query)["code"][0], "guessed")
    assert kept(connection) is None


def test_only_staff_who_may_change_connections_sign_in(teams, browse, allowed_url):
    connection = teams("delegated")
    stranger = httpx.get(f"{allowed_url}{page(connection)}")
    assert stranger.status_code == 302
    assert "/admin/login/" in stranger.headers["location"]
    back = httpx.get(f"{allowed_url}/admin/signed-in?code=secret&state=s")
    assert back.status_code == 302
    assert "secret" not in back.headers["location"]
    with browse(may=False) as browser:
        assert browser.get(page(connection)).status_code == 403
        assert browser.get("/admin/signed-in?code=c&state=s").status_code == 403
    with browse() as browser:
        assert browser.http.post(page(connection)).status_code == 403


def test_what_microsoft_refuses_is_shown(teams, browse, microsoft):
    connection = teams("delegated")
    with browse() as browser:
        state = parse_qs(urlsplit(browser.press(page(connection)).headers["location"]).query)["state"][0]
        refused = "error=access_denied&error_description=AADSTS65004%3A+The+user+declined+to+consent."
        assert browser.get(f"/admin/signed-in?{refused}&state={state}").status_code == 302
        assert "AADSTS65004: The user declined to consent." in browser.get(page(connection)).text
    assert kept(connection) is None


def test_a_permission_that_was_not_given_is_named(teams, browse, microsoft):
    connection = teams("delegated")
    microsoft.scopes = "https://graph.microsoft.com/User.Read https://graph.microsoft.com/OnlineMeetings.Read"
    with browse() as browser:
        at = httpx.get(browser.press(page(connection)).headers["location"]).headers["location"]
        browser.get(at)
        assert "the permission OnlineMeetingArtifact.Read.All:" in browser.get(page(connection)).text
    assert kept(connection) is None


def test_nobody_has_to_sign_in_for_an_application(teams, browse):
    connection = teams("application")
    assert sign_in.standing(connection) is None
    with browse() as browser:
        assert "Nobody has to sign in" in browser.get(page(connection)).text


def test_a_refresh_token_is_used_once_and_the_new_one_kept(signed_in, microsoft):
    connection = signed_in()
    for _ in range(3):
        ended(connection)
        access(connection)
    used = [form["refresh_token"] for form in microsoft.grants if form["grant_type"] == "refresh_token"]
    assert used == ["refresh-0", "refresh-1", "refresh-2"]
    assert kept(connection).refresh == "refresh-3"
    assert kept(connection).account == f"Олена Коваль ({CURATOR})"


def test_workers_that_renew_at_once_use_the_refresh_token_once(signed_in, microsoft):
    from django import db

    connection = signed_in()
    ended(connection)
    microsoft.pause.clear()

    together = Barrier(4)

    def renew(_):
        try:
            together.wait(10)
            return access(connection)
        finally:
            db.connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        tokens = pool.map(renew, range(4))
        until(lambda: microsoft.waiting)
        # The others had the time to come, too.
        time.sleep(0.5)
        microsoft.pause.set()
        assert set(tokens) == {"access-1"}
    assert len(microsoft.grants) == 2


def test_a_renewal_under_way_does_not_undo_a_new_sign_in(signed_in, microsoft):
    from django import db

    connection = signed_in()
    ended(connection)
    session: dict = {}
    at = httpx.get(sign_in.begin(connection, session, timezone.now())).headers["location"]
    query = httpx.URL(at).params

    def renew():
        try:
            return access(connection)
        finally:
            db.connections.close_all()

    def finish():
        try:
            begun = sign_in.returned(session, query["state"], timezone.now())
            return sign_in.finish(connection, query["code"], begun.verifier)
        finally:
            db.connections.close_all()

    microsoft.pause.clear()
    with ThreadPoolExecutor(2) as pool:
        renewing = pool.submit(renew)
        until(lambda: microsoft.waiting)
        microsoft.me = {**microsoft.me, "displayName": "Петро"}
        signing = pool.submit(finish)
        until(lambda: sum("/v1.0/me" in one for one in microsoft.asked) == 2)
        time.sleep(0.5)
        microsoft.pause.set()
        renewing.result()
        assert signing.result().startswith("Петро")
    assert kept(connection).account.startswith("Петро")


def test_changed_settings_make_a_sign_in_stale_until_they_are_as_before(signed_in, microsoft):
    connection = signed_in()
    connections.change(connection, {"client_secret": "another"})
    standing = standing_of(connection)
    assert standing.account == f"Олена Коваль ({CURATOR})"
    assert "Config was changed" in standing.alert
    ok, sentence = connections.check(connection)
    assert not ok
    assert sentence.startswith("failed: The super-user is not authorised: Config was changed")
    assert f"/admin/sign-in/{connection.pk}" in sentence
    assert len(microsoft.grants) == 1
    connections.change(connection, {"client_secret": microsoft.secret})
    assert standing_of(connection).alert == ""
    assert connections.check(connection)[0]


def test_the_alert_is_in_the_reader_s_language_and_says_that_config_was_changed(teams, signed_in, microsoft, operator):
    def alert(connection, path):
        shown = operator.get(path.format(connection.pk), headers={"accept-language": "uk"}).content.decode()
        assert "Вхід у Microsoft" in shown
        found = re.search(r'role="alert">(.*?)</p>', shown)
        return html.unescape(found[1]) if found else ""

    pages = "/admin/sign-in/{}", "/admin/connectors/connection/{}/change/"
    nobody, somebody = teams("delegated"), signed_in()
    connections.change(somebody, {"client_secret": "another"})
    said = 'Суперкористувач неавторизований. Натисніть кнопку "Вхід у Microsoft".'
    for page in pages:
        assert alert(nobody, page) == f"{said} Ніхто ще не увійшов."
        assert alert(somebody, page).startswith(f"{said} Config was changed: після входу Олена Коваль")
    connections.change(somebody, {"client_secret": microsoft.secret})
    assert [alert(somebody, page) for page in pages] == ["", ""]
    StoredTokens(somebody.pk).keep(kept(somebody)._replace(refresh=""))
    for page in pages:
        assert alert(somebody, page).endswith("більше не діє.")


def test_settings_that_have_nothing_to_do_with_microsoft_leave_the_sign_in(signed_in):
    connection = signed_in()
    connections.change(connection, {"credit_minutes": "30"})
    assert standing_of(connection).alert == ""


def test_a_sign_in_that_microsoft_ended_is_said_and_not_tried_again(signed_in, microsoft):
    connection = signed_in()
    ended(connection)
    microsoft.refresh.clear()
    ok, sentence = connections.check(connection)
    assert not ok
    assert f"the sign-in of Олена Коваль ({CURATOR}) has ended" in sentence
    assert "AADSTS700082: The refresh token has expired." in sentence
    assert "Trace" not in sentence
    asked = len(microsoft.grants)
    assert not connections.check(connection)[0]
    assert len(microsoft.grants) == asked
    assert "has ended" in standing_of(connection).alert


def test_a_secret_that_expired_does_not_cost_the_sign_in(signed_in, microsoft):
    connection = signed_in()
    ended(connection)
    microsoft.secret = "renewed at Microsoft"
    ok, sentence = connections.check(connection)
    assert not ok
    assert "make a new one in Certificates & secrets" in sentence
    assert kept(connection).refresh == "refresh-0"


def test_a_busy_token_endpoint_does_not_cost_the_sign_in(signed_in, microsoft):
    connection = signed_in()
    ended(connection)
    microsoft.next("/token", Said(503, {}))
    assert not connections.check(connection)[0]
    assert standing_of(connection).alert == ""
    assert connections.check(connection)[0]


def test_the_command_shows_who_is_signed_in_and_what_to_register(signed_in, teams, capsys, settings):
    import json

    from django.core.management import call_command

    connection = signed_in()
    call_command("connection", "show", connection.name, "--json")
    shown = json.loads(capsys.readouterr().out)["signed_in"]
    assert shown == {
        "account": f"Олена Коваль ({CURATOR})",
        "alert": "",
        "page": f"{settings.LRS_PUBLIC_URL}/admin/sign-in/{connection.pk}",
        "redirect_uri": f"{settings.LRS_PUBLIC_URL}/admin/signed-in",
    }
    call_command("connection", "show", teams("application").name, "--json")
    assert "signed_in" not in json.loads(capsys.readouterr().out)
