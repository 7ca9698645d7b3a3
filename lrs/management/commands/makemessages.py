"""manage.py makemessages: as Django's, and with the help texts of providers' settings, which know no Django."""

import re
from pathlib import Path

from django.core.management.commands import makemessages

# What is another line each time, for two people's texts to collide in.
_CHANGING = re.compile(r'^"(POT-Creation-Date|Report-Msgid-Bugs-To):.*\n', re.MULTILINE)


class Command(makemessages.Command):
    # The second argument of Setting (lrs.connectors.contract) is shown to people.
    xgettext_options = [*makemessages.Command.xgettext_options, "--keyword=Setting:2"]

    def write_po_file(self, potfile: str, locale: str) -> None:
        """As Django's, without the time."""
        super().write_po_file(potfile, locale)
        written = Path(potfile).parent / locale / "LC_MESSAGES" / f"{self.domain}.po"
        written.write_text(_CHANGING.sub("", written.read_text(encoding="utf-8")), encoding="utf-8")
