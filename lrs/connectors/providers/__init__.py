"""The providers that connections can be made to. A provider imports neither Django nor statements."""

from collections.abc import Mapping

from lrs.connectors.contract import Provider
from lrs.connectors.providers import (
    alm,
    attendance,
    bigbluebutton,
    digitalsamba,
    etutorium,
    khalibre,
    msteams,
    vatra,
    zoom,
)

PROVIDERS: Mapping[str, Provider] = {
    provider.name: provider
    for provider in (
        alm.PROVIDER,
        khalibre.PROVIDER,
        attendance.PROVIDER,
        attendance.also(bigbluebutton.PROVIDER),
        attendance.also(zoom.PROVIDER),
        attendance.also(msteams.PROVIDER),
        attendance.also(digitalsamba.PROVIDER),
        attendance.also(etutorium.PROVIDER),
        attendance.also(vatra.PROVIDER),
    )
}
