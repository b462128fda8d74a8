"""POST /orders places an order, GET /orders/ID says whether it is confirmed."""

from __future__ import annotations

import json

from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST
from mq import service

from .models import Order


@csrf_exempt
@require_POST
@transaction.atomic
def place(request: HttpRequest) -> JsonResponse:
    """Write the order; its message goes out once that is committed."""
    order = Order.objects.create(article=json.loads(request.body)["article"])
    service.send("orders", {"id": order.pk, "article": order.article})
    return JsonResponse({"id": order.pk}, status=201)


@require_GET
def show(request: HttpRequest, number: int) -> JsonResponse:
    """Say what has become of an order."""
    order = get_object_or_404(Order, pk=number)
    return JsonResponse({"id": order.pk, "article": order.article, "confirmed": order.confirmed})
