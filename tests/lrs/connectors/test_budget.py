import threading
import time

from lrs.connectors import budget


def test_many_workers_together_take_no_more_than_the_window_holds(connect):
    from django.db import connections as databases

    connection = connect()
    taken: list[int] = []

    def take():
        spend = budget.spender(connection)
        taken.extend(1 for _ in range(8) if spend("calls:20/60", 0.0) == 0.0)
        databases.close_all()

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 20
    assert 50 < budget.spender(connection)("calls:20/60", 0.0) <= 61.1
    [shown] = budget.state(connection)
    assert (shown["bucket"], shown["spent"], shown["of"]) == ("calls", 20, 20)


def test_a_call_is_free_again_when_the_oldest_leaves_the_window(connect):
    spend = budget.spender(connect())
    assert spend("calls:1/0.5", 0.0) == 0.0
    wait = spend("calls:1/0.5", 0.0)
    time.sleep(wait + 0.01)
    assert spend("calls:1/0.5", 0.0) == 0.0
