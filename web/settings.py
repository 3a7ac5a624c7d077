"""Django's settings. What can be chosen about the site is in `web.options`."""

import os

from web import secret
from web.options import from_environment

OPTIONS = from_environment()
SERVING = bool(os.environ.get("STYLE_WEB_SERVING"))  # not while checking or collecting files

SECRET_KEY = secret.key(OPTIONS.state)
DEBUG = False
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", *OPTIONS.hosts]
APPEND_SLASH = False
ROOT_URLCONF = "web.urls"
WSGI_APPLICATION = "web.wsgi.application"
INSTALLED_APPS = ["django.contrib.staticfiles", "web.apps.WebConfig"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "web.guard.Headers",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.common.CommonMiddleware",
    "web.guard.Languages",
    "web.guard.Limits",
    "web.guard.Csrf",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "web.pages.everywhere",
            ]
        },
    }
]
DATABASES: dict[str, dict] = {}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ko", "한국어")]
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
USE_TZ = True

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True  # nothing has to be collected
WHITENOISE_AUTOREFRESH = False

CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Strict"
CSRF_FAILURE_VIEW = "web.pages.csrf_failure"
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
if OPTIONS.proxies:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

FILE_UPLOAD_HANDLERS = ["web.uploads.UploadToDisk"]
# where `Store.expire` deletes what killed processes leave
FILE_UPLOAD_TEMP_DIR = str(secret.folder(OPTIONS.state / "jobs" / "drafts"))
DATA_UPLOAD_MAX_MEMORY_SIZE = 10**6
DATA_UPLOAD_MAX_NUMBER_FIELDS = 100
DATA_UPLOAD_MAX_NUMBER_FILES = OPTIONS.max_styles + 2

# None: Django's way to set up logging closes the handlers that others have made; see web.apps
LOGGING_CONFIG = None
