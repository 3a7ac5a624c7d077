"""The site for WSGI servers: `gunicorn web.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "web.settings")
os.environ.setdefault("STYLE_WEB_SERVING", "1")

application = get_wsgi_application()
