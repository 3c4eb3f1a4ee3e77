"""One call to Slack: what goes wrong becomes one of our two errors."""

from __future__ import annotations

from http.client import HTTPException
from typing import Any
from urllib.error import URLError

from slack_sdk.errors import SlackApiError, SlackClientError

from cpuwatch.slack.errors import RefusedError, UnreachableError

#: Slack's word for 'try again'; every other error is a refusal.
_PASSING = {"internal_error", "fatal_error", "service_unavailable", "request_timeout",
            "team_added_to_org"}  # fmt: skip

#: Too many calls. Slack says how many seconds to wait, and takes about a message a second.
_LIMITED = {"ratelimited", "rate_limited"}

#: It is asked again after so many seconds at the latest, however many it asks for.
_LONGEST_WAIT = 300


def call(method: Any, **arguments: Any) -> dict[str, Any]:
    """Call one of the client's methods; what goes wrong becomes one of our two errors."""
    try:
        data = method(**arguments).data
        return dict(data) if isinstance(data, dict) else {}
    except SlackApiError as error:
        # None of what is raised here may show the arguments or headers: no chaining.
        status = int(getattr(error.response, "status_code", 0) or 0)
        data = getattr(error.response, "data", error.response)
        code = str(data.get("error", "")) if isinstance(data, dict) else ""
        if status == 429 or code in _LIMITED:
            raise UnreachableError(code, False, _retry_after(error.response)) from None
        if status >= 500 or not code or code in _PASSING:
            raise UnreachableError(code or f"HTTP status {status}", doubtful=True) from None
        raise RefusedError(code) from None
    except (SlackClientError, HTTPException, OSError) as error:
        reason: object = error.reason if isinstance(error, URLError) else error
        refused = isinstance(reason, ConnectionRefusedError)
        what = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        raise UnreachableError(what, doubtful=not refused) from None


def _retry_after(response: Any) -> float:
    """How long Slack asks to wait, in seconds; 1 if it says nothing that we understand."""
    headers = getattr(response, "headers", None) or {}
    said = [value for name, value in headers.items() if name.lower() == "retry-after"]
    try:
        return min(max(int(said[0]), 1), _LONGEST_WAIT)
    except (IndexError, TypeError, ValueError):
        return 1
