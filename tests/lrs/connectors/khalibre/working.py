"""What a worker does with a connection to Khalibre, without waiting for the time at which it would."""

from typing import Any

from django.utils import timezone

from tests.lrs.connectors import archive

SETTINGS = {"host": "khalibre.example", "status_table": {}, "timezone": "UTC"}


def sweep(connection: Any) -> Any:
    """One run of the sweep, and what came of it worked off."""
    from lrs.connectors import schedule, sweeps

    run = schedule.sweep_now(connection, sweeps.silent)
    archive.work_off()
    return run


def reread(connection: Any) -> None:
    """What hints asked for, as if their seconds had passed."""
    from lrs.connectors import sweeps
    from lrs.connectors.models import Reread

    Reread.objects.filter(connection=connection).update(due=timezone.now())
    sweeps.reread(connection)
    archive.work_off()


def told(connection: Any) -> list[tuple[str, str, int | None]]:
    """The statements, in short: learner, verb, progress; in alphabetical order."""
    progress = "https://w3id.org/xapi/cmi5/result/extensions/progress"
    return sorted(
        (
            statement["actor"]["mbox"].removeprefix("mailto:").partition("@")[0],
            statement["verb"]["display"]["en-US"],
            statement.get("result", {}).get("extensions", {}).get(progress),
        )
        for statement in archive.statements(connection)
    )
