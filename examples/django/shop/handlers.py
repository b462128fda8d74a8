"""What this application does with messages."""

from __future__ import annotations

from typing import Any

from mq import listener, service

from .models import Order


@listener.handles("orders")
def order_placed(payload: dict[str, Any]) -> None:
    """Confirm an order. Twice does no harm, as the same message may come again."""
    Order.objects.filter(pk=payload["id"]).update(confirmed=True)
    service.publish("prices", {"article": payload["article"]})
