"""The providers that connections can be made to. A provider imports neither Django nor statements."""

from collections.abc import Mapping

from lrs.connectors.contract import Provider
from lrs.connectors.providers import alm, attendance, bigbluebutton, khalibre, zoom

PROVIDERS: Mapping[str, Provider] = {
    provider.name: provider
    for provider in (
        alm.PROVIDER,
        khalibre.PROVIDER,
        attendance.PROVIDER,
        attendance.also(bigbluebutton.PROVIDER),
        attendance.also(zoom.PROVIDER),
    )
}
