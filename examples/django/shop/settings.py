"""Settings of the example: everything that differs between machines comes from the environment, or from .env."""

from __future__ import annotations

import os
from pathlib import Path

from dotenv import load_dotenv
from mq.config import from_environment

BASE_DIR = Path(__file__).resolve().parent.parent
# What playbooks/clients.yml wrote. Without such a file, and without its variables, messages stay inside the process.
load_dotenv(os.environ.get("MQ_ENV_FILE", BASE_DIR / ".env"), interpolate=False)

MQ = from_environment(
    {
        "MQ_DESTINATION_ORDERS": "/queue/shop.orders",
        "MQ_DESTINATION_PRICES": "/topic/shop.prices",
        "MQ_DESTINATION_CHECK": "/queue/shop.check",
        **os.environ,
    }
)

DEBUG = os.environ.get("DJANGO_DEBUG") == "1"
# Without a key of its own a process makes one up: sessions end with it.
SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY") or os.urandom(32).hex()
ALLOWED_HOSTS = os.environ.get("DJANGO_ALLOWED_HOSTS", "127.0.0.1,localhost").split(",")
INSTALLED_APPS = ["mq", "shop"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "shop.urls"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("DJANGO_DATABASE", BASE_DIR / "db.sqlite3"),
        "OPTIONS": {"timeout": 20},  # the web process and `manage.py mq` both write
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ, TIME_ZONE = True, "UTC"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {
        "mq": {"handlers": ["console"], "level": "INFO"},
        "stomp.py": {"level": "ERROR"},  # what it has to say of a connection is in our own sentences
    },
}
