import subprocess
import sys
import threading
import time
from contextlib import ExitStack

from lrs.connectors import budget

# A worker that asks whenever it is told to.
ASKS = """
import sys
import django
django.setup()
from lrs.connectors import budget
from lrs.connectors.models import Connection
spend = budget.spender(Connection.objects.get(pk=sys.argv[1]))
for _ in sys.stdin:
    print(spend("calls:20/600", 0.0) == 0.0, flush=True)
"""


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


def test_several_processes_in_turn_take_no_more_than_the_window_holds(connect):
    connection = connect()
    with ExitStack() as stack:
        workers = []
        for _ in range(4):
            worker = subprocess.Popen(
                [sys.executable, "-c", ASKS, str(connection.pk)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            workers.append(stack.enter_context(worker))
        answers = [ask(worker) for _ in range(8) for worker in workers]
    assert answers == ["True"] * 20 + ["False"] * 12
    [shown] = budget.state(connection)
    assert (shown["bucket"], shown["spent"], shown["of"]) == ("calls", 20, 20)


def ask(worker):
    worker.stdin.write("\n")
    worker.stdin.flush()
    return worker.stdout.readline().strip()


def test_a_call_is_free_again_when_the_oldest_leaves_the_window(connect):
    spend = budget.spender(connect())
    assert spend("calls:1/0.5", 0.0) == 0.0
    wait = spend("calls:1/0.5", 0.0)
    time.sleep(wait + 0.01)
    assert spend("calls:1/0.5", 0.0) == 0.0
