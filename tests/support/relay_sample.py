"""A relay's declaration that is right, and no longer than it has to be."""

from typing import Any

RIGHT: dict[str, Any] = {
    "name": "credit-delete",
    "source": {"hosts": ["10.0.0.1"], "queue": "credit.delete", "password_file": "amqp-password"},
    "request": {"method": "DELETE", "url": "http://app:8000/credit/apply-del/{applyId}"},
    "metrics_port": 9470,
}
