"""What the service throws away: traces that have served their purpose."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings

from lrs.models import FailedLogin, Token

# No request lasts this long: gunicorn ends it before.
ABANDONED = timedelta(hours=6)


def forget_failed_logins(now: datetime) -> int:
    """Drop the counts of wrong secrets whose window has passed; how many."""
    before = now - timedelta(seconds=settings.LRS_LOGIN_WINDOW)
    return FailedLogin.objects.filter(since__lt=before).delete()[0]


def forget_tokens(now: datetime) -> int:
    """Drop bearer tokens that have expired; how many."""
    return Token.objects.filter(expires__lte=now).delete()[0]


def remove_abandoned_uploads(now: datetime) -> int:
    """Remove what requests left behind when their process was killed; how many files and folders."""
    uploads = Path(settings.FILE_UPLOAD_TEMP_DIR)
    before = (now - ABANDONED).timestamp()
    abandoned = [entry for entry in uploads.iterdir() if entry.stat().st_mtime < before]
    for entry in abandoned:
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
    return len(abandoned)
