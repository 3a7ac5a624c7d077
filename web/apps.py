"""Starts the worker when the site is served, and not when Django checks it or collects files."""

from django.apps import AppConfig
from django.conf import settings


class WebConfig(AppConfig):
    """The site."""

    name = "web"

    def ready(self) -> None:
        """Called by Django when all is set up."""
        if settings.SERVING:
            from web.service import service

            service().worker.start(warm=service().warm)
