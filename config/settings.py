"""Muster's settings: every environment variable is read here, by a typed reader, and nowhere else.

With nothing set Muster runs for one person on one machine: SQLite and uploads in `.data/`, no
broker, mail written to the log, loopback only, `DEBUG` off. README.md lists the variables.
"""

from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import django_stubs_ext
from celery.schedules import schedule as every
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from environs import Env

from config.logs import structured_logging
from config.networks import networks
from config.secrets import secret_key

# Lets annotations such as `ModelForm[Incident]` stand in running code.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env()

# --- Where things are kept -----------------------------------------------------------------------

DATA_DIR = Path(env.str("DATA_DIR", str(BASE_DIR / ".data"))).resolve()
DEBUG = env.bool("DEBUG", False)

# `DATABASE_URL` is what tells a production start from a start on someone's own machine: with it,
# a missing SECRET_KEY stops the start; without it, `up` keeps a generated one in DATA_DIR.
_DATABASE_ADVICE = (
    "Set it to an address such as postgres://user:password@host:5432/muster, or leave it out to "
    "use the embedded SQLite."
)
IS_EMBEDDED = not env.str("DATABASE_URL", "")
SECRET_KEY = secret_key(env, data_dir=DATA_DIR, may_generate=IS_EMBEDDED)
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", [])

if IS_EMBEDDED:
    DATABASES = {
        "default": {
            "ENGINE": "config.sqlite",
            "NAME": DATA_DIR / "muster.sqlite3",
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
            },
            "CONN_MAX_AGE": None,
        }
    }
else:
    try:
        DATABASES = {"default": env.dj_db_url("DATABASE_URL", conn_max_age=None)}
    except ValueError as error:
        raise ImproperlyConfigured(f"DATABASE_URL cannot be read. {_DATABASE_ADVICE}") from error
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    # A server that is gone is noticed in seconds; what the address itself says goes first.
    OWN_OPTIONS = cast("dict[str, object]", DATABASES["default"].get("OPTIONS", {}))
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 3,
        "tcp_user_timeout": 10_000,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        **OWN_OPTIONS,
    }
    if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
        raise ImproperlyConfigured(f"DATABASE_URL names another database. {_DATABASE_ADVICE}")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MEDIA_ROOT = DATA_DIR / "uploads"
MEDIA_URL = "/uploads/"

# --- Who we are to the outside -------------------------------------------------------------------

# Without one, `up` makes it follow its --host and --port.
PUBLIC_URL_IS_SET = bool(env.str("PUBLIC_URL", ""))
PUBLIC_URL = env.str("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
_public = urlsplit(PUBLIC_URL)
if _public.scheme not in {"http", "https"} or not _public.hostname:
    raise ImproperlyConfigured(
        "PUBLIC_URL must be a full address such as https://muster.example.com."
    )
_LOOPBACK = ["localhost", "127.0.0.1", "[::1]"]
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", sorted({_public.hostname, *_LOOPBACK}))
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"]
IS_HTTPS = _public.scheme == "https"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if IS_HTTPS else None
SECURE_SSL_REDIRECT = IS_HTTPS
# Health checks come from inside the network, in plain HTTP.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", 31_536_000 if IS_HTTPS else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_HTTPS
SECURE_HSTS_PRELOAD = IS_HTTPS
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_AGE = 60 * 60 * 24 * 14
X_FRAME_OPTIONS = "DENY"

EMAIL_CONFIG = env.dj_email_url("EMAIL_URL", "console:")
# Without a mail server mail goes to the log, readable, with its links.
EMAIL_BACKEND = (
    EMAIL_CONFIG["EMAIL_BACKEND"] if env.str("EMAIL_URL", "") else "config.mail.LogBackend"
)
EMAIL_HOST = EMAIL_CONFIG.get("EMAIL_HOST", "")
EMAIL_PORT = EMAIL_CONFIG.get("EMAIL_PORT", 25)
EMAIL_HOST_USER = EMAIL_CONFIG.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = EMAIL_CONFIG.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = EMAIL_CONFIG.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = EMAIL_CONFIG.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", f"Muster <muster@{_public.hostname}>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
# Channels that leave the machine are off until named: `email` is always on.
APPRISE_ENABLED = env.bool("APPRISE_ENABLED", False)

# --- Applications --------------------------------------------------------------------------------

INSTALLED_APPS = [
    # Before the admin, for its templates; its default configuration would replace our site by its.
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.simple_history",
    "config.apps.MusterAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "axes",
    "csp",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "simple_history",
    "roster",
    "incidents",
    "comms",
    "postmortems",
    "config",
]
MIDDLEWARE = [
    "config.middleware.IngestFastLane",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.middleware.ViewerTimeZone",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # Before the apps: Unfold's own admin/index.html would otherwise shadow the dashboard.
        "DIRS": [BASE_DIR / "config" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

# Log-in attempts are counted in the database, so that every web process agrees.
AXES_HANDLER = "axes.handlers.database.AxesDatabaseHandler"
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "config" / "static"]
# `up` has no collectstatic step; the files are found where the packages keep them.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        # Alpine, which the admin theme is built on, evaluates its expressions.
        "script-src": ["'self'", "'unsafe-eval'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

# --- Language and time ---------------------------------------------------------------------------

LANGUAGE_CODE = "en-gb"
USE_I18N = True
FORMAT_MODULE_PATH = ["config.formats"]
USE_TZ = True
TIME_ZONE = env.str("TIME_ZONE", "UTC")

# --- API -----------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "roster.api.authentication.BearerTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["roster.api.permissions.ModelOrActionPermission"],
    "DEFAULT_PAGINATION_CLASS": "roster.api.pagination.StableCursorPagination",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["roster.api.throttling.WriteThrottle"],
    "DEFAULT_THROTTLE_RATES": {"write": env.str("API_WRITE_RATE", "600/min")},
    "EXCEPTION_HANDLER": "roster.api.errors.error_response",
    "NUM_PROXIES": env.int("NUM_PROXIES", 0),
    "PAGE_SIZE": 50,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Muster API",
    "DESCRIPTION": (
        "Incidents, rosters, updates and postmortems for the machines around Muster.\n\n"
        'Every refusal has the shape `{"error": {"code": "…", "message": "…", "fields": {}}}`. '
        "A POST with an `Idempotency-Key` header may be repeated: it is answered as the first time."
    ),
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    # A badge from a site of its makers would tell them of us.
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    # Fields of the same name and different choices, each by a name of its own.
    "ENUM_NAME_OVERRIDES": {
        "TeamKind": "roster.models.Team.Kind",
        "OverrideKind": "roster.models.Override.Kind",
        "FindingKind": "roster.models.FindingKind",
        "SwapKind": "roster.models.Swap.Kind",
        "SwapState": "roster.models.Swap.State",
        "TargetKind": "roster.models.EscalationTarget.Kind",
        "Weekday": "roster.models.schedules.Weekday",
        "IncidentKind": "incidents.models.Incident.Kind",
        "IncidentSource": "incidents.models.Incident.Source",
        "IncidentPhase": "incidents.models.Phase",
        "AlertState": "incidents.models.Alert.State",
        "IntegrationKind": "incidents.intake.KINDS",
        "ResponderState": "incidents.models.Responder.State",
        "ResponderPurpose": "incidents.models.Responder.Purpose",
        "AudienceKind": "comms.models.AudienceKind",
        "UpdateState": "comms.models.UpdateState",
        "TemplatePurpose": "comms.models.Purpose",
        "PostmortemState": "postmortems.models.Postmortem.State",
        "InvitationState": "postmortems.models.Invitation.State",
        "ActionKind": "postmortems.models.action_items.ActionKind",
        "ActionState": "postmortems.models.action_items.ActionState",
    },
}

# --- Calendars -----------------------------------------------------------------------------------

# Private networks in which calendars may be read, such as 10.1.0.0/16; public ones always may.
CALENDAR_ALLOWED_NETWORKS = networks(env, "CALENDAR_ALLOWED_NETWORKS")
# How long before it begins people are told of an on-call shift during time off.
CONFLICT_NOTICE_DAYS = env.int("CONFLICT_NOTICE_DAYS", 14)

# --- Alert intake --------------------------------------------------------------------------------

# Of one integration, in each web process; only where the format lets us say so (PagerDuty's,
# Opsgenie's). 0: as many as come.
INTAKE_PER_MINUTE = env.int("INTAKE_PER_MINUTE", 10_000)
# What is accepted while the database is away is kept here by each web process' host, up to the
# limit for all of them; beyond it senders are asked to come again.
SPOOL_DIR = DATA_DIR / "spool"
SPOOL_LIMIT_MB = env.int("SPOOL_LIMIT_MB", 256)
# Where `up` takes mail from a mail server on this machine, such as 127.0.0.1:2525.
MAIL_LISTEN = env.str("MAIL_LISTEN", "")
# Whether web processes store what was spooled, and read keys ahead. Off in tests only.
INTAKE_UPKEEP = True
# Events are forgotten so long after they were processed; the alerts made of them stay.
EVENT_RETENTION_DAYS = env.int("EVENT_RETENTION_DAYS", 30)

# --- Background work -----------------------------------------------------------------------------

REDIS_URL = env.str("REDIS_URL", "")
if REDIS_URL:
    CELERY_BROKER_URL = REDIS_URL
    # Ringing happens in the request that accepts an alert: with Redis away it must fail at once
    # (measured: 1-7 ms; 6 s with the defaults), and the sweep finds the row.
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object] = {
        "max_retries": 0,
        "socket_connect_timeout": 0.5,
        "socket_timeout": 5,
        "retry_on_timeout": False,
    }
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
        }
    }
else:
    CELERY_BROKER_URL = "folder://localhost"
    CELERY_BROKER_TRANSPORT_OPTIONS = {"folder": str(DATA_DIR / "broker")}
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
CELERY_WORKER_ENABLE_REMOTE_CONTROL = bool(REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A doorbell nobody can hear must not hold up the one who rings: beat's sweeps find the row.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TIMEZONE = "UTC"
CELERY_TASK_DEFAULT_QUEUE = "muster"
# The whole schedule, in seconds. Each task reads its table for due rows, claims them under a lease
# and stops when there are none: a missed run costs its period, a doubled run one empty query.
SWEEPS = {
    "incidents.process_events": 1.0,
    "incidents.look_at_alerts": 1.0,
    "incidents.run_escalations": 1.0,
    "incidents.announce_entries": 1.0,
    "comms.send_email": 1.0,
    "comms.send_apprise": 1.0,
    "roster.deliver_notices": 5.0,
    "roster.send_page_tests": 5.0,
    "roster.fetch_calendars": 60.0,
    "roster.prove_coverage": 10.0,
    "incidents.check_heartbeats": 5.0,
    "incidents.expire_acknowledgements": 5.0,
    "incidents.remind_responders": 10.0,
    "incidents.watch_leads": 30.0,
    "comms.check_promises": 10.0,
    "roster.record_duty": 30.0,
    "roster.lapse_swaps": 60.0,
    "roster.remind_shifts": 60.0,
    "postmortems.remind_owners": 300.0,
    "roster.ask_confidence": 600.0,
    "roster.solve_plans": 5.0,
    "incidents.prune_events": 300.0,
}
# An address of the operator's choice, called while everything keeps up: whoever watches it notices
# when Muster cannot even say that it is late.
HEARTBEAT_URL = env.str("HEARTBEAT_URL", "")
CELERY_BEAT_SCHEDULE = {
    name: {"task": name, "schedule": every(seconds), "options": {"expires": max(seconds, 5)}}
    for name, seconds in {
        **SWEEPS,
        **({"config.call_heartbeat": 30.0} if HEARTBEAT_URL else {}),
    }.items()
}
# Standard output is the supervisor's or the container's; log lines need no second wrapping.
CELERY_WORKER_REDIRECT_STDOUTS = False

# --- Logs ----------------------------------------------------------------------------------------

LOGGING = structured_logging(
    level=env.str("LOG_LEVEL", "INFO"), as_json=env.bool("LOG_JSON", False)
)

# --- Running it ----------------------------------------------------------------------------------

# SQLite has one writer at a time; a second web process would only wait for the first.
WEB_PROCESSES = env.int("WEB_CONCURRENCY", 1 if IS_EMBEDDED else 2)
# Who may read /metrics: the bearer of this token; without one, only this machine itself.
METRICS_TOKEN = env.str("METRICS_TOKEN", "")
# The first administrator, made by `up` where there is no account yet.
ADMIN_USERNAME = env.str("ADMIN_USERNAME", "admin")
ADMIN_PASSWORD = env.str("ADMIN_PASSWORD", "")
ADMIN_EMAIL = env.str("ADMIN_EMAIL", "admin@localhost")

# --- The admin's face ----------------------------------------------------------------------------

UNFOLD = {
    "SITE_TITLE": "Muster",
    "SITE_HEADER": "Muster",
    "SITE_SUBHEADER": "Incident management",
    "SITE_SYMBOL": "crisis_alert",
    "SITE_URL": None,
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "config.dashboard.dashboard",
    "STYLES": [lambda request: static("muster/admin.css")],
    "SCRIPTS": [lambda request: static("muster/admin.js")],
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": "config.navigation.navigation",
    },
    "COMMAND": {"search_models": False, "search_callback": "config.navigation.search"},
}
