"""A person as BigBlueButton knows them."""

from lrs.connectors.webinars.attendance import Attendee, Role


def attendee(external: str, internal: str, name: str, role: str) -> Attendee:
    """Who joined as `external`; where nobody gave a userID on joining, the server made one up for that joining."""
    made_up = external == internal or external.startswith("w_")
    presenter = role.upper() == "MODERATOR"
    return Attendee("" if made_up else external, "", name, Role.PRESENTER if presenter else Role.ATTENDEE)
