"""For those who keep the service running: is it alive, is it ready, what does it do (Prometheus)."""

import hmac
import logging
import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from http import HTTPMethod, HTTPStatus

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from lrs import watch
from statements import progress
from statements.models import Store

log = logging.getLogger(__name__)

_METHODS = frozenset(HTTPMethod)
_TOOK = Histogram(
    "lrs_request_seconds",
    "Time from a request's head to the head of its answer.",
    ["method", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30),
)
_series = cache(_TOOK.labels)


class Measured:
    """Middleware: how many requests of which kind were answered how, and how long it took."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The answer, counted."""
        begun = time.perf_counter()
        response = self.get_response(request)
        # Neither an address that does not exist nor an invented method makes a series of its own.
        route = request.resolver_match.route if request.resolver_match else "none"
        method = request.method if request.method in _METHODS else "other"
        _series(method, route, str(response.status_code)).observe(time.perf_counter() - begun)
        return response


@require_safe
@never_cache
def alive(request: HttpRequest) -> JsonResponse:
    """GET /healthz: 200 while the process answers; asks nobody else."""
    return JsonResponse({"alive": True})


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """GET /readyz: 200 when the database answers and has this release's tables, else 503 with the reason."""
    try:
        _reach_database()
        missing = _missing_migrations()
    except DatabaseError as problem:
        return _not_ready(f"The database does not answer: {str(problem).strip().splitlines()[0]}")
    if missing:
        return _not_ready(f"The database lacks {len(missing)} migrations, {missing[0]} first: run manage.py migrate.")
    return JsonResponse({"ready": True, "database": connection.vendor})


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """GET /metrics: all processes' figures in Prometheus' text format; 401 without LRS_METRICS_TOKEN if set."""
    wanted = f"Bearer {settings.LRS_METRICS_TOKEN}"
    given = request.headers.get("Authorization", "")
    if settings.LRS_METRICS_TOKEN and not hmac.compare_digest(given.encode(), wanted.encode()):
        return JsonResponse(
            {"error": "Send the metrics token as a bearer token.", "errors": []},
            status=HTTPStatus.UNAUTHORIZED,
            headers={"WWW-Authenticate": "Bearer"},
        )
    return HttpResponse(generate_latest(_registry()), content_type=CONTENT_TYPE_LATEST)


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(REGISTRY)
    registry.register(_Watched())
    registry.register(_Behind())
    return registry


class _Watched:
    """The figures of credentials, asked of the database when somebody looks; none while it does not answer."""

    def collect(self) -> Iterator[Metric]:
        """One sample of each for each credential that is not disabled."""
        try:
            yield from _watched()
        except DatabaseError:
            log.exception("The figures of credentials cannot be read.")


class _Behind:
    """How far progress is behind the statements, by store, asked of the database like the figures of credentials."""

    def collect(self) -> Iterator[Metric]:
        """A sample of each for each store."""
        try:
            yield from _behind()
        except DatabaseError:
            log.exception("How far progress is behind cannot be read.")


_MOST_LAGS = 20


def _behind() -> list[Metric]:
    amount = GaugeMetricFamily("lrs_progress_waiting", "Statements that progress lacks.", labels=["store"])
    waited = GaugeMetricFamily("lrs_progress_lag_seconds", "How long the oldest of them has waited.", labels=["store"])
    # Of the first of them alone: a lag costs three queries, and where so many are behind the worker stands still.
    behind = set(progress.stores_behind()[:_MOST_LAGS])
    for store in Store.objects.all():
        lag = progress.lag(store.pk) if store.pk in behind else progress.NONE
        amount.add_metric([store.name], lag.statements)
        waited.add_metric([store.name], lag.waited.total_seconds())
    return [amount, waited]


def _watched() -> list[Metric]:
    gauges = {
        name: GaugeMetricFamily(f"lrs_credential_{name}", text, labels=["credential"])
        for name, text in _OF_CREDENTIALS.items()
    }
    for brief in watch.briefs(timezone.now()):
        for name, gauge in gauges.items():
            value = getattr(brief, name)
            seconds = value.timestamp() if isinstance(value, datetime) else value
            gauge.add_metric([brief.credential], float(seconds or 0))
    return list(gauges.values())


_OF_CREDENTIALS = {
    "last_statement": "When the newest statement was stored, as a Unix time; 0 for never.",
    "last_refusal": "When a request was last refused, as a Unix time; 0 for never.",
    "silent": "1 where no statement came for longer than the credential's silence_hours.",
    "statements_today": "Statements stored today (UTC).",
    "findings_today": "Deviations from the sender's profile today (UTC).",
    "retried_today": "Statements that were kept before and came again, today (UTC) last.",
    "open_refusals": "Refused requests that nobody has replayed or dismissed.",
    "new_refusal_kinds": "Reasons of refusal first seen in the last 24 hours, without dismissed ones.",
}


def _not_ready(reason: str) -> JsonResponse:
    return JsonResponse({"ready": False, "error": reason}, status=HTTPStatus.SERVICE_UNAVAILABLE)


def _reach_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


_migrated = False


def _missing_migrations() -> list[str]:
    # Asked until the answer is "none": migrations are added while a process runs, never taken away.
    global _migrated
    if _migrated:
        return []
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    _migrated = not plan
    return [str(migration) for migration, _ in plan]
