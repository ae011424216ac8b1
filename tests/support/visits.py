"""Reports of visits, as pages send them."""

from __future__ import annotations

import http.client
import json
import time
import uuid
from typing import Any


def visit(**changes: Any) -> dict[str, Any]:
    """What a visit was to one version of a model."""
    told: dict[str, Any] = {
        "model": "costs", "version": "1", "channel": "stable", "backend": "wasm",
        "check": "pass", "first_ms": 300, "median_ms": 2.5, "answers": 4, "failures": 0,
        "dropped": None, "shadow": None, "columns": [],
    }  # fmt: skip
    return {**told, **changes}


def report(*models: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A report of a visit to these, each time with another id."""
    told = {"schema": "edge-deploy/visit/1", "id": uuid.uuid4().hex}
    return {**told, "models": list(models) or [visit()], **changes}


def shadow(**changes: Any) -> dict[str, Any]:
    """How a silent version did."""
    told = {"version": "2", "compared": 4, "agreed": 4, "beyond": 0, "failures": 0, "median_ms": 3}
    return {**told, **changes}


def as_bytes(document: Any) -> bytes:
    return json.dumps(document).encode()


def send_many(port: int, number: int, told: Any) -> None:
    """Send 250 reports, each until it is acknowledged, which no page does; tell which."""
    for n in range(250):
        outside = {"name": "umur", "inputs": 2, "outside": n % 2}
        body = as_bytes(report(visit(answers=n % 5, columns=[outside], version=str(number % 2))))
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            try:
                connection.request("POST", "/", body)
                status = connection.getresponse().status
                assert status == 204, status
                break
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
            finally:
                connection.close()
        told.put(json.loads(body)["id"])
