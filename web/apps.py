"""Starts the worker when the site is served, and not when Django checks it or collects files."""

import logging

from django.apps import AppConfig
from django.conf import settings


class WebConfig(AppConfig):
    """The site."""

    name = "web"

    def ready(self) -> None:
        """Called by Django when all is set up."""
        logging.getLogger("django").setLevel(logging.ERROR)
        # anybody can ask for a host that is not served; the answer says so
        logging.getLogger("django.security.DisallowedHost").setLevel(logging.CRITICAL + 1)
        if settings.SERVING:
            from web.service import service

            service().worker.start(warm=service().warm)
