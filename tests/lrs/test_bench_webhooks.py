"""The benchmark of the webhooks, over the tests' own server and with a worker of its own."""

from lrs.bench import webhooks


def test_every_event_is_worked_off_once_and_the_times_are_told(lrs_url):
    steps = []
    options = webhooks.Options(url=lrs_url, rate=20, seconds=1.0, events=4, workers=1, seed=3)
    result = webhooks.run(options, lambda *step: steps.append(step))
    assert result.whole
    assert result.deliveries == 20
    assert result.worked_off == 2 * result.events
    assert 0 < result.p50_ms <= result.p99_ms <= result.max_ms
    assert result.worked_off_per_second > 0
    assert result.backlog_per_second > 0
    assert steps
    assert "each once" in webhooks.as_text(result)
