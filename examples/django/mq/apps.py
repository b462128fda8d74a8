"""Makes Django load the handlers of every installed application."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class MqConfig(AppConfig):
    """Imports handlers.py of each application, as admin.py is imported."""

    name = "mq"

    def ready(self) -> None:
        """Register the handlers."""
        autodiscover_modules("handlers")
