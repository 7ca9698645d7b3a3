"""Django's settings, from the environment. The README has a table of the variables."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from corsheaders.defaults import default_headers
from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

from config.environment import Environment

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment(os.environ)

# Where things are ---------------------------------------------------------------------------------

LRS_DATA_DIR = env.folder("LRS_DATA_DIR", BASE_DIR / "var")
LRS_PUBLIC_URL = env.address("LRS_PUBLIC_URL", "http://localhost:8000")
SECRET_KEY = env.secret("LRS_SECRET_KEY", LRS_DATA_DIR / "secret-key")
# Keys that were replaced: what they signed or sealed can still be read.
SECRET_KEY_FALLBACKS = env.words("LRS_SECRET_KEY_FALLBACKS")
# What this service asks of others: the proxy of connections that are to use one, and private targets that are meant.
LRS_OUTBOUND_PROXY = env.text("LRS_OUTBOUND_PROXY")
LRS_OUTBOUND_ALLOW = env.words("LRS_OUTBOUND_ALLOW")
# Seconds without an answer, and the milliseconds before the same is asked again for the first time.
LRS_OUTBOUND_TIMEOUT = env.count("LRS_OUTBOUND_TIMEOUT", 20)
LRS_OUTBOUND_BACKOFF = env.count("LRS_OUTBOUND_BACKOFF", 1000)
DEBUG = env.flag("LRS_DEBUG")

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
# A sender's address is taken literally; a redirect would lose the body of a POST.
APPEND_SLASH = False

# Limits -------------------------------------------------------------------------------------------

LRS_MAX_BODY = env.size("LRS_MAX_BODY", 32 * 2**20)
LRS_MAX_ATTACHMENT = env.size("LRS_MAX_ATTACHMENT", 100 * 2**20)
LRS_MAX_WEBHOOK = env.size("LRS_MAX_WEBHOOK", 8 * 2**20)
LRS_WEBHOOK_RATE = env.count("LRS_WEBHOOK_RATE", 600, least=0)
LRS_INBOX_LEASE = env.count("LRS_INBOX_LEASE", 20)
LRS_MAX_BATCH = env.count("LRS_MAX_BATCH", 5000)
LRS_MAX_NESTING = env.count("LRS_MAX_NESTING", 64)
LRS_STALL_TIMEOUT = env.count("LRS_STALL_TIMEOUT", 20)
LRS_QUERY_TIMEOUT = env.count("LRS_QUERY_TIMEOUT", 30)
LRS_PAGE_DEFAULT = env.count("LRS_PAGE_DEFAULT", 100)
LRS_PAGE_MAX = env.count("LRS_PAGE_MAX", 1000)
LRS_LOGIN_ATTEMPTS = env.count("LRS_LOGIN_ATTEMPTS", 20)
LRS_LOGIN_WINDOW = env.count("LRS_LOGIN_WINDOW", 60)
LRS_CREDENTIAL_TTL = env.count("LRS_CREDENTIAL_TTL", 10, least=0)
LRS_TOKEN_TTL = env.count("LRS_TOKEN_TTL", 3600)
LRS_QUARANTINE_BODY = env.size("LRS_QUARANTINE_BODY", 4 * 2**20)
LRS_QUARANTINE_SIZE = env.size("LRS_QUARANTINE_SIZE", 128 * 2**20)
LRS_QUARANTINE_DAYS = env.count("LRS_QUARANTINE_DAYS", 90)
LRS_METRICS_TOKEN = env.text("LRS_METRICS_TOKEN")
DATA_UPLOAD_MAX_MEMORY_SIZE = LRS_MAX_BODY

# Database -----------------------------------------------------------------------------------------

DATABASES = {"default": env.database("DATABASE_URL", f"sqlite:///{LRS_DATA_DIR / 'lrs.sqlite3'}")}
DATABASES["default"] |= {
    # gunicorn's threads live as long as their process, so each keeps its connection: 130 us of CPU for a request
    # with one query, against 170 with a pool or a health check, and 900 with a connection of its own. Connections
    # that broke meanwhile are noticed without asking (lrs.connections).
    "CONN_MAX_AGE": None,
    # Where transactions begin and end is decided where the writing is done.
    "ATOMIC_REQUESTS": False,
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"].setdefault("OPTIONS", {}).update(
        {
            # A transaction that reads first and writes then cannot wait for another writer; it fails at once.
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            # FULL: a statement that was acknowledged survives a power cut.
            "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA temp_store=MEMORY;"
            f"PRAGMA cache_size=-4096;PRAGMA mmap_size={64 * 2**20}",
        }
    )
else:
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault("application_name", "lrs")
    # Seconds for a host that does not even refuse; each thread that waits for it answers nobody else.
    DATABASES["default"]["OPTIONS"].setdefault("connect_timeout", 5)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Files --------------------------------------------------------------------------------------------

_bucket = env.bucket("LRS_ATTACHMENTS")
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": LRS_DATA_DIR / "files"},
    },
    "attachments": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": LRS_DATA_DIR / "attachments"},
    }
    if _bucket is None
    else {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": _bucket},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Attachments on their way in; on the disk where they are to stay, and not in a /tmp that is held in memory.
FILE_UPLOAD_TEMP_DIR = env.subfolder("LRS_DATA_DIR", LRS_DATA_DIR, "uploads")
STATIC_URL = "/static/"
# Found in the packages at start, so that there is nothing to collect.
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 3600

# Hosts and browsers -------------------------------------------------------------------------------

_public = urlsplit(LRS_PUBLIC_URL)
ALLOWED_HOSTS = env.words("LRS_ALLOWED_HOSTS", ("localhost", "127.0.0.1", "[::1]", str(_public.hostname)))
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"]
_https = _public.scheme == "https"
SESSION_COOKIE_SECURE = _https
CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_NAME = "lrs_session"
CSRF_COOKIE_NAME = "lrs_csrf"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
LRS_TRUST_PROXY = env.flag("LRS_TRUST_PROXY")
if LRS_TRUST_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Learning content speaks to the store from pages of other sites: with its own credential, without cookies.
CORS_URLS_REGEX = r"^/(xapi|xAPI)/"
CORS_ALLOWED_ORIGINS = env.origins("LRS_CORS_ORIGINS", ("*",))
CORS_ALLOW_ALL_ORIGINS = CORS_ALLOWED_ORIGINS == ["*"]
if CORS_ALLOW_ALL_ORIGINS:
    CORS_ALLOWED_ORIGINS = []
CORS_ALLOW_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")
CORS_ALLOW_HEADERS = (
    *default_headers,
    "accept-language",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "x-experience-api-version",
)
CORS_EXPOSE_HEADERS = (
    "Content-Length",
    "ETag",
    "Last-Modified",
    "Retry-After",
    "X-Experience-API-Consistent-Through",
    "X-Experience-API-Hash",
    "X-Experience-API-Version",
)

# Django's parts -----------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",
    # Its pages are read where its addresses are (config.urls): workers and commands start without them.
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "corsheaders",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "statements",
    "lrs",
    "lrs.connectors",
    "lrs.connectors.webinars",
]
# What only people's pages need stands aside for machines (config.middleware).
MIDDLEWARE = [
    "lrs.operations.Measured",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.Cors",
    "config.middleware.Sessions",
    "config.middleware.Locale",
    "config.middleware.Common",
    "config.middleware.Csrf",
    "config.middleware.Authentication",
    "config.middleware.Messages",
    "config.middleware.Clickjacking",
    "config.middleware.ContentSecurity",
]
# Those two are there, as classes of ours that stand on Django's.
SILENCED_SYSTEM_CHECKS = ["security.W002", "security.W003"]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # Before those of django-unfold: some of its templates are replaced by ours.
        "DIRS": [BASE_DIR / "lrs" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
SPECTACULAR_SETTINGS = {
    "TITLE": "Learning Record Store: reports",
    "DESCRIPTION": "Where everybody stands with what, since when, and who says so.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    # The page's script comes from here: it works where there is no Internet.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
}
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

# People's pages -----------------------------------------------------------------------------------

UNFOLD = {
    "SITE_TITLE": _("Learning records"),
    "SITE_HEADER": _("Learning records"),
    "SITE_SYMBOL": "school",
    "SITE_URL": None,
    "SHOW_LANGUAGES": True,
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "lrs.admin.home.figures",
    "SIDEBAR": {"navigation": "lrs.admin.navigation.groups"},
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("records/icon.svg")}],
    "STYLES": [lambda request: static("records/records.css")],
    "SCRIPTS": [lambda request: static("records/records.js")],
    "COLORS": {
        "primary": {
            "50": "#eff6ff", "100": "#dbeafe", "200": "#bfdbfe", "300": "#93c5fd", "400": "#60a5fa", "500": "#3b82f6",
            "600": "#2563eb", "700": "#1d4ed8", "800": "#1e40af", "900": "#1e3a8a", "950": "#172554",
        },
    },
}  # fmt: skip

# Language and time --------------------------------------------------------------------------------

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "en"
LOCALE_PATHS = [BASE_DIR / "lrs" / "locale"]
LANGUAGES = [("en", _("English")), ("de", _("German")), ("ja", _("Japanese")), ("uk", _("Ukrainian"))]

# Tokens of an identity provider outside ------------------------------------------------------------

LRS_OIDC_ISSUER = env.text("LRS_OIDC_ISSUER")
LRS_OIDC_AUDIENCE = env.text("LRS_OIDC_AUDIENCE")
# Keycloak and Auth0 say azp, Entra azp or appid, RFC 9068 client_id.
LRS_OIDC_CLIENT_CLAIMS = env.words("LRS_OIDC_CLIENT_CLAIMS", ("azp", "appid", "client_id"))
LRS_OIDC_SCOPE_CLAIMS = env.words("LRS_OIDC_SCOPE_CLAIMS", ("scope", "scp", "roles"))
LRS_OIDC_SCOPES = env.pairs("LRS_OIDC_SCOPES")
LRS_OIDC_CREDENTIAL = env.text("LRS_OIDC_CREDENTIAL")
LRS_OIDC_JWKS_URL = env.text("LRS_OIDC_JWKS_URL")
if bool(LRS_OIDC_ISSUER) != bool(LRS_OIDC_AUDIENCE):
    env.faults.append("LRS_OIDC_ISSUER and LRS_OIDC_AUDIENCE must be set together: whose tokens, and made for whom")
for _address in filter(None, (LRS_OIDC_ISSUER, LRS_OIDC_JWKS_URL)):
    _at = urlsplit(_address)
    if _at.scheme != "https" and _at.hostname not in ("localhost", "127.0.0.1", "::1"):
        env.faults.append(f"LRS_OIDC_ISSUER and LRS_OIDC_JWKS_URL must be https addresses, not {_address!r}")

# Who is told of a new kind of refusal or a new shape of statements ----------------------------------

LRS_NOTIFY_MAIL = env.words("LRS_NOTIFY_MAIL")
LRS_NOTIFY_WEBHOOK = env.text("LRS_NOTIFY_WEBHOOK")
LRS_MAIL_FROM = env.text("LRS_MAIL_FROM", f"lrs@{_public.hostname}")
DEFAULT_FROM_EMAIL = SERVER_EMAIL = LRS_MAIL_FROM
EMAIL_TIMEOUT = 30
_mail = env.mail("LRS_MAIL_URL")
EMAIL_BACKEND = _mail.get("EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend")
EMAIL_HOST = _mail.get("EMAIL_HOST") or "localhost"
EMAIL_PORT = _mail.get("EMAIL_PORT") or 25
EMAIL_HOST_USER = _mail.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = _mail.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS = _mail.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = _mail.get("EMAIL_USE_SSL", False)

# Logs ---------------------------------------------------------------------------------------------

LRS_LOG_LEVEL = env.choice("LRS_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LRS_LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "level": LRS_LOG_LEVEL, "propagate": True},
        # A refused request is the sender's affair and is answered in full; only our own failures are logged.
        "django.request": {"level": "ERROR"},
        # What each outbound request was is the connectors' to say.
        "httpx": {"level": "WARNING"},
    },
}

env.stop_if_wrong()
