"""An order, and what the consumer did with it."""

from __future__ import annotations

from django.db import models


class Order(models.Model):
    """Placed by a request, confirmed by the handler of its message."""

    article = models.CharField(max_length=200)
    confirmed = models.BooleanField(default=False)
