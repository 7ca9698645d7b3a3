"""manage.py makemessages: as Django's, and with the help texts of providers' settings, which know no Django."""

from django.core.management.commands import makemessages


class Command(makemessages.Command):
    # The second argument of Setting (lrs.connectors.contract) is shown to people.
    xgettext_options = [*makemessages.Command.xgettext_options, "--keyword=Setting:2"]
