"""A learner whom Khalibre knows by the address and Adobe by a number."""

from lrs.connectors import connections, sweeps
from statements import people, progress
from statements.models import Progress
from tests.lrs.connectors.archive import deliver, work_off
from tests.lrs.connectors.conftest import payload
from tests.lrs.connectors.khalibre.working import sweep

USER, ANN = "11080928", "ann@example.com"


def test_what_khalibre_and_adobe_say_of_one_address_is_one_persons(connection, side, with_api, alm_side):
    side.row("Ann@example.com", 2)
    sweep(connection)
    adobe = with_api()
    connections.change(adobe, {"store": connection.store.name})
    adobe.refresh_from_db()
    deliver(adobe, payload("alm/events/COURSE_COMPLETED.json"))
    work_off()
    progress.follow(connection.store_id)
    assert len({row.person for row in Progress.objects.filter(store=connection.store_id)}) == 2
    alm_side.user(USER, ANN, "Ann")
    sweeps.look_up(adobe)
    rows = Progress.objects.filter(store=connection.store_id)
    assert {row.platform for row in rows} == {"Khalibre LMS", "Adobe Learning Manager"}
    [person] = {row.person for row in rows}
    assert len(people.identities(connection.store_id, person)) == 2
