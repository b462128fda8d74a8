"""GET /chk/mq: does a message get through? For a monitoring system, not for the public: it names hosts and ports."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from . import service


@require_GET
@never_cache
def check(request: HttpRequest) -> JsonResponse:
    """200 with milliseconds, or 503 with a sentence."""
    try:
        return JsonResponse({"ok": True, **service.check()})
    except (service.MqError, LookupError) as error:
        return JsonResponse({"ok": False, "why": str(error.args[0])}, status=503)
