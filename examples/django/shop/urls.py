"""The addresses of the example."""

from __future__ import annotations

from django.urls import path
from mq.views import check

from . import views

urlpatterns = [
    path("chk/mq", check),
    path("orders", views.place),
    path("orders/<int:number>", views.show),
]
