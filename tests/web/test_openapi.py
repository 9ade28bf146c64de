"""Schemathesis reads the OpenAPI description and asks the service what nobody thought of: no server error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis (extra [dev])")

EXAMPLES = 12  # of each operation
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]


Sent = Callable[[Any, int], None]


def ask_about(operation: Any, sent: Sent) -> None:
    """Examples of one operation; `sent` is given each with its number."""
    numbers = count()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        sent(case, next(numbers))

    ask()


@pytest.mark.filterwarnings("ignore")
def test_no_server_error(serve: Any, clip: Path) -> None:
    served = serve(seconds=4, takes=2, waiting=3)
    done = served.finish(served.submit(clip, duration="1"))
    known = {"clip": done["clip"], "job": done["id"], "take": 1}
    schema = schemathesis.openapi.from_url(f"{served.client.base_url}/api/openapi.json")
    statuses: Counter[int] = Counter()

    def send(case: Any, number: int) -> None:
        if (
            number % 2 == 0 and case.operation.method.upper() != "DELETE"
        ):  # every second one names what is there
            for name in set(case.path_parameters or {}) & set(known):
                case.path_parameters[name] = known[name]
        answer = case.call(timeout=120)
        statuses[answer.status_code] += 1
        assert answer.status_code < 500, (case.operation.label, case.as_curl_command(), answer.text)
        if answer.status_code >= 400 and "json" in answer.headers.get("content-type", ""):
            assert {"type", "title", "status", "detail", "field"} <= set(answer.json()), answer.text

    operations = [result.ok() for result in schema.get_all_operations()]
    for operation in operations:
        ask_about(operation, send)
    described = served.get("/api/openapi.json").json()["paths"]
    assert len(operations) == sum(len(methods) for methods in described.values())  # each was asked
    assert statuses[200] and statuses[404] and statuses[422], statuses
    # After all that it still works.
    assert served.get("/api/health").json()["status"] == "ok"
    served.until(lambda: "soundvcm_jobs_waiting 0" in served.get("/metrics").text)
    assert served.finish(served.submit(clip, duration="1"))["state"] == "done"
