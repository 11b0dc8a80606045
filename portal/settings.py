"""Every setting of the project, read from the environment in one place.

Three modes (`ATRIUM_MODE`): `demonstration` (the default: accounts and data to try things with), `development`
(the same with DEBUG) and `production` (refuses to start with anything meant for trying: see `portal.checks`).
The table of variables is `docs/running.md`.
"""

import os
from pathlib import Path

import environ
from django.utils.csp import CSP

from portal import environment, logs
from portal.database import patience
from portal.embedded import addresses
from portal.oidc import providers as sign_on_providers

env = environment.Environment()
BASE_DIR = Path(__file__).resolve().parent.parent

MODE = environment.mode(env.str("ATRIUM_MODE", "demonstration"))
DEMONSTRATION = MODE in ("demonstration", "development")
DEMONSTRATION_DATA = DEMONSTRATION and env.bool("ATRIUM_DEMONSTRATION_DATA", True)
DEBUG = env.bool("DEBUG", MODE == "development")
DATA_FOLDER = Path(env.str("ATRIUM_DATA", str(BASE_DIR / ".atrium"))).expanduser().absolute()
PORT = env.int("PORT", 8000)
PUBLIC_URL = env.str("ATRIUM_PUBLIC_URL", f"http://127.0.0.1:{PORT}").rstrip("/")

DEFAULT_SECRET_KEY = "atrium-demonstration-only-secret-not-for-production"  # noqa: S105
SECRET_KEY = env.str("SECRET_KEY", "") or addresses.local_secret(DATA_FOLDER) or DEFAULT_SECRET_KEY
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "portal",
    "playground",
    "gateway",
    "access",
    "usage",
    "notices",
    "catalog",
    "approvals",
    "tenants",
    "audit",
    "ui",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "django_cotton.apps.SimpleAppConfig",
    "django_filters",
    "django_htmx",
    "django_linear_migrations",
    "django_structlog",
    "drf_spectacular",
    "guardian",
    "pgtrigger",
    "rest_framework",
]

MIDDLEWARE = [
    "portal.edge.PatienceMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "portal.static_files.StaticFiles",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "portal.request_scope.ScopeMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "portal.accounts.SignInRequired",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "portal.edge.RefusalMiddleware",
]

ROOT_URLCONF = "portal.urls"
ASGI_APPLICATION = "portal.asgi.application"
WSGI_APPLICATION = "portal.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.context.shell",
            ],
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "django_cotton.cotton_loader.Loader",
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
            "builtins": [
                "django_cotton.templatetags.cotton",
                "django.templatetags.static",
                "ui.templatetags.ui",
            ],
        },
    }
]
COTTON_DIR = "cotton"
COTTON_ISOLATE_BY_DEFAULT = True  # a component sees its parameters, never the page's variables

# --- database, queue, cache -------------------------------------------------------------------------------------
# Two roles: the portal's reads and writes rows, the owner's makes and changes tables (`portal.database.privileges`).
_given = environment.database_url(env.str("DATABASE_URL", ""))
_owner = environment.database_url(env.str("DATABASE_OWNER_URL", "")) or (
    "" if _given else addresses.database_url(DATA_FOLDER, addresses.OWNER)
)
DATABASE_URL = _given or addresses.database_url(DATA_FOLDER)
DATABASE_ROLE = addresses.role_of(DATABASE_URL)
if _owner and os.environ.get(addresses.AS_OWNER):
    DATABASE_URL = _owner
DATABASES = {"default": environ.Env.db_url_config(DATABASE_URL)}
DATABASES["default"]["ENGINE"] = "portal.database"
DATABASES["default"]["OPTIONS"] = {
    "connect_timeout": 5,
    **DATABASES["default"].get("OPTIONS", {}),
    # Between its attempts the pool pauses longer and longer, up to `reconnect_timeout`; a database comes back sooner.
    "pool": {
        "min_size": 0,
        "max_size": env.int("DATABASE_POOL_SIZE", 12),
        "reconnect_timeout": 2,
        "connection_class": patience.PatientConnection,
        "check": patience.check,
    },
}
DATABASE_PATIENCE_S = env.float("DATABASE_PATIENCE_S", 6.0)  # how long the first requests wait while it is restarted
DATABASE_STATEMENT_S = env.float("DATABASE_STATEMENT_S", 15.0)  # how long one statement of a page may take
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "atrium_cache"}}
if env.str("CACHE_URL", ""):
    CACHES["default"] = env.cache_url("CACHE_URL")

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", "") or "pgmq://localhost"  # where it is says `conn_string` below
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {
        "conn_string": addresses.pgmq_conninfo(DATABASE_URL),
        "init_extension": False,
        "visibility_timeout": 60,
    }
    if CELERY_BROKER_URL.startswith("pgmq")
    else {}
)
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False  # nobody steers workers by messages; it would cost a queue a process
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"

# --- people ------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = [
    "tenants.backends.AccountBackend",
    "guardian.backends.ObjectPermissionBackend",
]
GUARDIAN_RAISE_403 = False
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none" if DEMONSTRATION else "mandatory"
ACCOUNT_USERNAME_VALIDATORS = "portal.accounts.username_validators"
ACCOUNT_ADAPTER = "portal.accounts.AccountAdapter"
SOCIALACCOUNT_ADAPTER = "portal.accounts.SocialAccountAdapter"
# The operator chose these services: an address that one of them has verified belongs to whoever has it here.
SOCIALACCOUNT_EMAIL_AUTHENTICATION = SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_PROVIDERS = sign_on_providers(os.environ)
# A form that redirects to another host is stopped by `form-action` below, a link is not. State and PKCE protect it.
SOCIALACCOUNT_LOGIN_ON_GET = True
CSRF_FAILURE_VIEW = "portal.edge.csrf_failure"
OPEN_SIGNUP = env.bool("ATRIUM_OPEN_SIGNUP", False)
ACCOUNT_RATE_LIMITS = {
    "login_failed": "10/m/ip,5/5m/key",  # the key: a name and the address it is tried from
    "login_failed_anywhere": "100/h/key",  # the key: a name, from any address
    "secret_handed_in": "30/m/ip",  # by anybody, `tenants.handing_in`
}
# How many proxies stand before us: the address that tries are counted by is what they say, not their own.
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXIES", 1 if env.bool("BEHIND_PROXY", False) else 0)
USERSESSIONS_ADAPTER = "portal.sign_ins.SessionsAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_ADAPTER = "portal.second_factor.SecondFactorAdapter"
MFA_FORMS = {
    "activate_totp": "portal.second_factor_forms.SetUpAppForm",
    "deactivate_totp": "portal.second_factor_forms.RemoveAppForm",
}
MFA_TOTP_ISSUER = "Atrium"
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = DEMONSTRATION
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = MODE == "production"
_mail = env.email_url("EMAIL_URL", default="consolemail://")
DEFAULT_FROM_EMAIL = SERVER_EMAIL = environment.sender(env.str("EMAIL_FROM", ""), PUBLIC_URL)
MAILERS = {
    "default": {
        "BACKEND": _mail["EMAIL_BACKEND"],
        "OPTIONS": {
            "host": _mail["EMAIL_HOST"],
            "port": _mail["EMAIL_PORT"],
            "username": _mail["EMAIL_HOST_USER"],
            "password": _mail["EMAIL_HOST_PASSWORD"],
            "use_tls": _mail.get("EMAIL_USE_TLS", False),
            "use_ssl": _mail.get("EMAIL_USE_SSL", False),
            "timeout": 10,  # seconds: some mails are sent while a person waits
        }
        if _mail["EMAIL_BACKEND"].endswith("smtp.EmailBackend")
        else {},
    }
}

# --- what every answer carries -----------------------------------------------------------------------------------
SECURE_CSP = {
    "default-src": [CSP.SELF],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.SELF],
    "object-src": [CSP.NONE],
}
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", MODE == "production")
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", 31_536_000 if MODE == "production" else 0)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", False) else None

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = env.str("STATIC_ROOT", str(DATA_FOLDER / "static"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "portal.assets.Assets"},
}
if DEBUG:
    STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
WHITENOISE_USE_FINDERS = DEBUG
MEDIA_ROOT = DATA_FOLDER / "files"

# A prompt of 2 MB in any script, as forms encode it (three bytes for one), is told its own limit, not this one.
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
FILE_UPLOAD_HANDLERS = [
    "tenants.uploads.BoundedUpload",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "portal.api.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["portal.api.parsing.Parser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "tenants.api.paging.CursorPaging",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "portal.api.problems.problem_response",
    "PAGE_SIZE": 50,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Atrium API",
    "VERSION": "1",
    "DEFAULT_GENERATOR_CLASS": "portal.api.document.Generator",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {
        "EnvironmentKindEnum": "tenants.models.Environment.Kind",
        "DecisionOutcomeEnum": [("approved", "Approved"), ("refused", "Refused")],
        "SaidKindEnum": ["asked", "comment", "vote"],
        "ChangeKindEnum": "catalog.models.Change.Kind",
        "LifecycleEnum": "catalog.lifecycle.states.Lifecycle",
        "LifecycleVerbEnum": "catalog.lifecycle.states.Verb",
        "RiskTierEnum": ["low", "medium", "high"],
        "TermsKindEnum": "catalog.cards.tables.TermsText.Kind",
        "RequestStateEnum": "approvals.states.State",
        "DelegationModeEnum": "approvals.delegation.tables.Mode",
        "VerificationStateEnum": "audit.models.Verification.State",
        "OffboardingStateEnum": "access.models.Offboarding.State",
        "DeliveryStateEnum": "notices.models.Delivery.State",
        "WebhookStateEnum": ["active", "failing", "disabled"],
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "portal.api.schema.tell_of_the_header",
        "portal.api.schema.tell_of_refusals",
    ],
}

DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False  # `portal.logged_address` says which
LOGGING = logs.logging_settings(environment.log_level(env.str("LOG_LEVEL", "WARNING")), as_json=MODE == "production")

# --- what Atrium itself decides by ---------------------------------------------------------------------------------
LOCAL_MODEL_URL = env.str("ATRIUM_LOCAL_MODEL_URL", "") or addresses.local_model_url(DATA_FOLDER)
CREDENTIAL_KEYS = environment.credential_keys(
    env.list("ATRIUM_CREDENTIAL_KEYS", default=addresses.local_credential_keys(DATA_FOLDER))
)
DECISION_KEYS = environment.decision_keys(
    env.list("ATRIUM_DECISION_KEYS", default=addresses.local_decision_keys(DATA_FOLDER))
)
CURRENCY = "USD"
JOURNAL_FOLDER = DATA_FOLDER / "journal"
AUDIT_ANCHORS = DATA_FOLDER / "audit-anchors"
# The local model server writes its address down each time it starts; one given by the environment stays as it is.
LOCAL_MODEL_URL_FILE = None if env.str("ATRIUM_LOCAL_MODEL_URL", "") else DATA_FOLDER / "models.url"
LOCAL_MODEL_PATIENCE_S = env.float("LOCAL_MODEL_PATIENCE_S", 15.0)  # how long a call waits while it is being restarted
GATEWAY_TIMEOUTS_S = (  # to connect, until a provider's answer begins, between two pieces of it, for all of a call
    env.float("GATEWAY_CONNECT_TIMEOUT_S", 5.0),
    env.float("GATEWAY_FIRST_BYTE_TIMEOUT_S", 120.0),
    env.float("GATEWAY_IDLE_TIMEOUT_S", 60.0),
    env.float("GATEWAY_TOTAL_TIMEOUT_S", 1800.0),
)
GATEWAY_QUEUE_WAIT_S = env.float("GATEWAY_QUEUE_WAIT_S", 10.0)  # for room at a deployment; callers may shorten it
GATEWAY_QUEUE_LENGTHS = (  # calls of one tenant that may wait in a process, and of all
    env.int("GATEWAY_QUEUE_LENGTH_OF_A_TENANT", 200),
    env.int("GATEWAY_QUEUE_LENGTH", 2000),
)
GATEWAY_QUEUE_SHARES = {  # how environments weigh against each other where calls wait
    "production": env.int("GATEWAY_QUEUE_SHARE_OF_PRODUCTION", 8),
    "test": env.int("GATEWAY_QUEUE_SHARE_OF_TEST", 2),
    "development": env.int("GATEWAY_QUEUE_SHARE_OF_DEVELOPMENT", 1),
}
GATEWAY_LARGEST_BODY = env.int("GATEWAY_LARGEST_BODY", 20 * 1024 * 1024)
GATEWAY_MOST_OBJECTS = env.int("GATEWAY_MOST_OBJECTS", 100_000)  # in a request, with its lists (`gateway.extent`)
GATEWAY_MOST_TEXTS = env.int("GATEWAY_MOST_TEXTS", 500_000)  # with the names of fields
GATEWAY_MOST_VALUES = env.int("GATEWAY_MOST_VALUES", 1_500_000)  # most of them are the numbers of tokens to embed
GATEWAY_BODY_TIMEOUT_S = env.float("GATEWAY_BODY_TIMEOUT_S", 60.0)
LOOPBACK_PROVIDER = env.bool("ATRIUM_LOOPBACK", MODE != "production")  # answers without a model, for tests and load
GATEWAY_DURABILITY = environment.durability(env.str("GATEWAY_DURABILITY", "process"))  # `gateway.durability`
GATEWAY_LARGEST_KEPT = env.int("GATEWAY_LARGEST_KEPT", 1024 * 1024)  # bytes of a prompt or an answer (`gateway.bodies`)
GATEWAY_BODY_SPOOL = env.int("GATEWAY_BODY_SPOOL", 256 * 1024 * 1024)  # bytes of a process that wait for the database
# Only of `database`: a process that says nothing for so long is gone with its host; longer than calls usually take.
GATEWAY_GONE_AFTER_S = env.float("GATEWAY_GONE_AFTER_S", 900.0)
GATEWAY_ACCESS_LOG = env.bool("GATEWAY_ACCESS_LOG", False)  # one line for each call (`gateway.access_log`)
# The standard variables of OpenTelemetry, of which the SDK reads more; without a collector nobody is told anything.
OTEL_SPANS = environment.opentelemetry(env, "TRACES")
OTEL_METRICS = environment.opentelemetry(env, "METRICS")
ERASE_AFTER_DAYS = env.int("ERASE_AFTER_DAYS", 30)  # a tenant that leaves can be kept, and its archive taken, so long
WEBHOOK_NETWORKS = env.list(  # beside public addresses, where tenants' webhooks may lead (`notices.webhooks.addresses`)
    "WEBHOOK_NETWORKS", default=["127.0.0.0/8", "::1/128"] if DEMONSTRATION else []
)
NEW_TENANT_LIMITS = {  # what a tenant begins with (`usage.limits`); 0: nothing
    metric: amount
    for metric, amount in (
        ("requests", env.int("NEW_TENANT_REQUESTS_A_MINUTE", 600)),
        ("tokens", env.int("NEW_TENANT_TOKENS_A_MINUTE", 500_000)),
        ("input_tokens", env.int("NEW_TENANT_INPUT_TOKENS_A_MINUTE", 0)),
        ("output_tokens", env.int("NEW_TENANT_OUTPUT_TOKENS_A_MINUTE", 0)),
        ("concurrent", env.int("NEW_TENANT_CALLS_AT_ONCE", 50)),
    )
    if amount
}
METRICS_TOKEN = env.str("METRICS_TOKEN", "")
