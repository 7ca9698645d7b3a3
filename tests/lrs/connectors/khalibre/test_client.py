"""Khalibre's API over real sockets: tokens, refusals, lists that lie, and the limit of calls."""

import os
import subprocess
import sys
import time

import pytest
from django.db import transaction
from django.utils import timezone

from lrs.connectors.providers.khalibre import client, settings
from lrs.connectors.providers.khalibre.shapes import Booking
from lrs.connectors.transport import Later, Refusal, TransportError
from tests.lrs.connectors.conftest import payload
from tests.standins.khalibre import BASE


@pytest.fixture
def outside(connection):
    """What the client is given."""
    from lrs.connectors import connections

    with connections.context(connection) as outside:
        yield outside


def tokens_asked(side):
    return side.asked.count("/o/oauth2/token")


def emails(outside, course=40517, size=100):
    pages = client.pages(lambda page: client.progress_of_course(outside, course, page=page, size=size))
    return [row.email for _, listing in pages for row in listing.items]


def test_courses_are_read_in_pages_and_found_by_keywords(outside, side):
    for id in range(1, 26):
        side.course(id, "Safeguarding" if id % 5 else "First aid")
    first = client.courses(outside, size=10)
    assert ([course.course_id for course in first.items], first.total_count) == (list(range(1, 11)), 25)
    assert [course.course_id for course in client.courses(outside, page=3, size=10).items] == list(range(21, 26))
    found = client.courses(outside, keywords="first AID")
    assert [course.course_id for course in found.items] == [5, 10, 15, 20, 25]


def test_a_course_is_read_in_detail(outside, side):
    side.courses[40517] = payload("khalibre/api/course_detail.json")
    course = client.course(outside, 40517)
    assert (course.title, course.class_title, course.total_activity) == ("Safeguarding", "Batch 7", 5)
    assert course.communities is not None
    assert course.communities[0].name == "Phnom Penh office"
    with pytest.raises(Refusal, match="404"):
        client.course(outside, 1)


def test_progress_is_read_by_course_and_by_email(outside, side):
    side.row("a+b@example.org", 2)
    side.row("other@example.org", 1, course=2)
    side.row("a+b@example.org", 1, course=2)
    assert [row.email for row in client.progress_of_course(outside, 40517).items] == ["a+b@example.org"]
    found = client.progress_of_learner(outside, "a+b@example.org")
    assert [row.course_id for row in found.items] == [40517, 2]


def test_a_booking_is_answered_with_204_and_sent_as_khalibre_describes_it(outside, side):
    client.book(outside, Booking(20121, 40517, "sok.dara@example.org", "Dara", "Sok"))
    client.book(outside, Booking(20121, 40517, "sok.dara@example.org"))
    whole = payload("khalibre/api/book_course_request.json")
    assert side.bookings[0] == whole
    assert set(side.bookings[1]) == {"communityId", "courseId", "learnerEmail"}


def test_a_booking_that_may_have_been_made_is_not_sent_again(outside, side):
    for number, status in enumerate((500, 0), 1):
        side.next("/course/booking", (status, {}))
        with pytest.raises(client.Doubtful, match="booked all the same"):
            client.book(outside, Booking(20121, 40517, "sok.dara@example.org"))
        assert side.asked.count(f"{BASE}/course/booking") == number


@pytest.mark.parametrize(
    ("path", "answers", "raised"),
    [
        ("/course/booking", [(409, {})], Refusal),
        ("/course/booking", [(429, {"retry-after": "30"})], Later),
        ("/o/oauth2/token", [(401, {})], client.NotSignedIn),
        ("/o/oauth2/token", [(500, {})] * 4, Refusal),
    ],
)
def test_a_booking_that_was_not_made_leaves_no_doubt(outside, side, path, answers, raised):
    side.next(path, *answers)
    with pytest.raises(raised):
        client.book(outside, Booking(20121, 40517, "sok.dara@example.org"))
    assert side.bookings == []


def test_a_token_is_kept_until_it_ends(outside, side):
    for _ in range(3):
        client.courses(outside)
    assert tokens_asked(side) == 1


def test_a_token_that_has_ended_is_renewed(outside, side):
    side.lasts = 1
    client.courses(outside)
    time.sleep(1.1)
    client.courses(outside)
    # Before it is refused, not after.
    assert (tokens_asked(side), len(side.asked)) == (2, 4)


def test_a_token_that_was_withdrawn_is_renewed_at_once_and_only_once(outside, side):
    client.courses(outside)
    side.tokens.clear()
    side.tokens["another"] = 0
    client.courses(outside)
    assert tokens_asked(side) == 2
    side.next("/courses", (401, {}), (401, {}))
    with pytest.raises(Refusal, match="401"):
        client.courses(outside)


def test_429_and_500_and_silence_are_asked_again_after_a_while(outside, side):
    side.next("/courses", (429, {"retry-after": "1"}), (500, {}), (0, {}))
    begun = time.monotonic()
    client.courses(outside)
    # One second as it was asked for, 0.2 of silence, and at least half of 80 and of 160 ms.
    assert time.monotonic() - begun > 1.3
    assert sum(one.startswith(f"{BASE}/courses") for one in side.asked) == 4


def test_a_refusal_that_stays_is_told(outside, side):
    side.next("/courses", (403, {}))
    with pytest.raises(Refusal, match="403"):
        client.courses(outside)
    side.lie = lambda page: page.update(items="none")
    with pytest.raises(TransportError, match="not what it describes"):
        client.courses(outside)


LIES = {
    "lastPage is always 1": lambda page: page.update(lastPage=1),
    "lastPage is far away": lambda page: page.update(lastPage=10**9),
    "lastPage is missing": lambda page: page.pop("lastPage"),
    "lastPage and totalCount are far away": lambda page: page.update(lastPage=10**9, totalCount=10**9),
    "lastPage is always the next": lambda page: page.update(lastPage=page["page"] + 1, totalCount=10**9),
    "lastPage is null and totalCount far away": lambda page: page.update(lastPage=None, totalCount=10**9),
    "neither lastPage nor totalCount": lambda page: (page.pop("lastPage"), page.pop("totalCount")),
    "both are null, and the page's size too": lambda page: page.update(lastPage=None, totalCount=None, pageSize=None),
    "lastPage is always 1, totalCount missing": lambda page: (page.update(lastPage=1), page.pop("totalCount")),
    "both are 0": lambda page: page.update(lastPage=0, totalCount=0),
    "totalCount is that of the page": lambda page: page.update(lastPage=1, totalCount=len(page["items"])),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_list_is_read_to_its_end_whatever_last_page_says(outside, side, lie):
    wanted = [side.row(f"l{number}@example.org")["emailAddress"] for number in range(35)]
    side.lie = lie
    assert emails(outside, size=10) == wanted
    assert len(side.pages_asked("/progress/course/40517")) <= 5


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_list_is_read_from_its_middle_to_its_end_whatever_last_page_says(outside, side, lie):
    wanted = [side.row(f"l{number}@example.org")["emailAddress"] for number in range(35)]
    side.lie = lie
    pages = client.pages(lambda page: client.progress_of_course(outside, 40517, page=page, size=10), 3)
    assert [row.email for _, listing in pages for row in listing.items] == wanted[20:]


def test_a_refusal_of_the_token_is_not_taken_for_one_of_what_was_asked_for(connection, side):
    from lrs.connectors import sweeps, worker
    from lrs.connectors.models import Reread

    side.row("a@example.org", 2)
    with transaction.atomic():
        worker.hint([(connection.pk, "course:40517")], timezone.now() - worker.JOIN)
    for status in (400, 404):
        side.next("/o/oauth2/token", (status, {}))
        assert "token" in sweeps.reread(connection).problem
        # Nobody said that there is no such course.
        assert Reread.objects.filter(connection=connection).update(due=timezone.now()) == 1
    sweeps.reread(connection)
    assert not Reread.objects.filter(connection=connection).exists()


def test_a_list_whose_last_page_comes_again_and_again_ends(outside, side):
    wanted = [side.row(f"l{number}@example.org")["emailAddress"] for number in range(10)]

    def lie(page):
        page["items"] = page["items"] or side.rows[:10]
        page.update(lastPage=10**9, totalCount=10**9)

    side.lie = lie
    assert emails(outside, size=10) == wanted
    assert side.pages_asked("/progress/course/40517") == [1, 2]


def test_a_list_ends_where_the_service_says_that_a_page_is_not_there(outside, side):
    wanted = [side.row(f"l{number}@example.org")["emailAddress"] for number in range(10)]
    side.lie = lambda page: page.update(lastPage=7)
    side.meanwhile = lambda path, page: side.next("/progress", (404, {}))
    assert emails(outside, size=10) == wanted


CALLS = """
import django, sys
django.setup()
from lrs.connectors import connections
from lrs.connectors.providers.khalibre import client
from lrs.connectors.transport import Later
client.PATIENCE = 0.0
with connections.context(connections.named(sys.argv[1])) as outside:
    done = 0
    try:
        for _ in range(40):
            client.courses(outside, size=1)
            done += 1
    except Later as problem:
        assert 0 < problem.seconds < 3600, problem.seconds
    print(done)
"""


def test_four_workers_together_never_pass_100_calls_in_60_seconds(connection, side):
    from lrs.connectors.models import Budget

    # A minute is not waited for here, and then the budget says when the next call is free.
    command = [sys.executable, "-c", CALLS, connection.name]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ}) for _ in range(4)]
    done = [int(worker.communicate(timeout=120)[0]) for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * 4
    assert max(side.at) - min(side.at) < 60
    # One of the hundred was for the token, which all share.
    assert (sum(done), len(side.at), tokens_asked(side)) == (99, 100, 1)
    # Half a second before the minute is over it is still spent; after the minute there are a hundred more.
    budget = Budget.objects.get(connection=connection)
    moments = budget.calls
    for passed, free in ((59.5 - (time.time() - min(moments)), False), (62.0, True)):
        budget.calls = [moment - passed for moment in moments]
        budget.save(update_fields=["calls"])
        assert could_ask(connection) is free


def could_ask(connection):
    from lrs.connectors import budget

    return budget.spender(connection)(client.BUDGET, 0.0) == 0.0


def test_check_signs_in_and_reads_a_page_of_courses(connection, connect_khalibre, side):
    from lrs.connectors import connections

    side.course(1)
    side.course(2)
    assert connections.check(connection) == (
        True,
        "ok: signed in at khalibre.example; 2 courses are visible to its API.",
    )
    ok, sentence = connections.check(connect_khalibre(client_secret="wrong"))
    assert not ok
    assert "client_id and client_secret" in sentence
    ok, sentence = connections.check(connect_khalibre(api_url=f"{side.url}/o/kh-gateway/lms/v9"))
    assert "api_version" in sentence


@pytest.mark.parametrize(
    ("given", "about"),
    [
        ({"host": "https://khalibre.example"}, "host"),
        ({"username": "u"}, "username and password"),
        ({"status_table": '{"3": "done"}'}, "status_table"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"sweep_minutes": "99999999999999"}, "sweep_minutes"),
        ({"api_version": "2.0"}, "api_version"),
    ],
)
def test_settings_that_do_not_fit_are_refused_with_a_sentence(connect_khalibre, given, about):
    from lrs.connectors.connections import ConnectionProblem

    with pytest.raises(ConnectionProblem, match=about):
        connect_khalibre(**given)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_the_addresses_are_made_of_the_host_and_the_version(version):
    given = {"host": "LMS.example", "api_version": version, "api_url": "", "token_url": ""}
    assert settings.api_url(given) == f"https://lms.example/o/kh-gateway/lms/v{version}"
    assert settings.token_url(given) == "https://lms.example/o/oauth2/token"
    # The activity is the same in both.
    assert settings.course_iri(given, 7) == "https://lms.example/o/kh-gateway/lms/course/7"
