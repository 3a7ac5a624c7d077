"""The site for ASGI servers: `uvicorn web.asgi:application`."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "web.settings")
os.environ.setdefault("STYLE_WEB_SERVING", "1")

application = get_asgi_application()
