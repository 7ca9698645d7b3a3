import json
from io import StringIO

import httpx
import pytest
from django.core.management import CommandError, call_command

from statements import progress
from statements.models import Progress
from tests.statements.test_progress import crowd, standings


def run(*arguments):
    output = StringIO()
    call_command("progress", *arguments, stdout=output)
    return output.getvalue()


def test_it_tells_how_far_behind_a_store_is(store):
    assert run("--store", store.name) == f"{store.name}: up to date.\n"
    crowd(store, 50)
    (told,) = json.loads(run("--store", store.name, "--json"))
    assert (told["store"], told["waiting"], told["more"]) == (store.name, 52, False)
    assert "52 statements wait" in run("--store", store.name)


def test_it_makes_progress_anew(store):
    crowd(store, 50)
    progress.follow(store.pk)
    live = standings(store)
    Progress.objects.filter(store=store.pk).update(status="failed")
    run("--rebuild", "--store", store.name)
    assert standings(store) == live


def test_a_store_that_is_not_there_is_named(database):
    with pytest.raises(CommandError, match="There is no store 'nowhere'"):
        run("--store", "nowhere")


def test_the_worker_folds_what_waits(store):
    crowd(store, 50)
    call_command("worker", "--once")
    assert progress.lag(store.pk) == progress.NONE
    assert sum(row["statements"] for row in standings(store).values()) == 48


def test_the_lag_is_among_the_figures(store, lrs_url):
    crowd(store, 20)
    shown = httpx.get(f"{lrs_url}/metrics", timeout=60).text
    assert f'lrs_progress_waiting{{store="{store.name}"}} 21.0' in shown
    progress.follow(store.pk)
    shown = httpx.get(f"{lrs_url}/metrics", timeout=60).text
    assert f'lrs_progress_waiting{{store="{store.name}"}} 0.0' in shown
    assert f'lrs_progress_lag_seconds{{store="{store.name}"}} 0.0' in shown
