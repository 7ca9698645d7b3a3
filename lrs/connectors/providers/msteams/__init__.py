"""Microsoft Teams: attendance reports of Microsoft Graph v1.0, with the application's rights or a signed-in person's.

Facts: Microsoft's reference of onlineMeeting, meetingAttendanceReport and attendanceRecord, and of its authorisation
endpoints. Teams sends no event when a report is ready: it is asked for.
"""

from lrs.connectors.contract import Provider, Webinars
from lrs.connectors.providers import silent
from lrs.connectors.providers.msteams import entrance, meetings, settings

PROVIDER = Provider(
    name="msteams",
    title="Microsoft Teams",
    settings=settings.SETTINGS,
    problem=settings.problem,
    verify=silent.verify,
    cut=silent.cut,
    read=silent.read,
    check=meetings.check,
    webinars=Webinars(attendance=meetings.attendance, meeting=meetings.meeting),
    sign_in=entrance.SIGN_IN,
)
