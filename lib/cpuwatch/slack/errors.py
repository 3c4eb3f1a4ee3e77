"""What Slack says no with, and the next thing to do."""

from __future__ import annotations

from cpuwatch.errors import CpuwatchError

_REMEDIES = {
    "invalid_auth": "check SLACK_BOT_TOKEN: it has to be a bot's token of this workspace (xoxb-…)",
    "not_authed": "set SLACK_BOT_TOKEN",
    "account_inactive": "the bot was removed: install the app again and set its new token",
    "token_revoked": "install the app again and set its new token as SLACK_BOT_TOKEN",
    "token_expired": "set a fresh token as SLACK_BOT_TOKEN",
    "missing_scope": (
        "give the app the scopes chat:write and channels:history, or channels:read as well if"
        " SLACK_CHANNEL is a name, and install it again"
    ),
    "channel_not_found": "check SLACK_CHANNEL: best is the channel's id, C…, from its details",
    "not_in_channel": "invite the app: write /invite @its-name in the channel",
    "is_archived": "unarchive the channel, or name another one in SLACK_CHANNEL",
    "msg_too_long": "shorten what the message is made of: the names of hosts and cpus",
    "restricted_action": "a rule of the workspace forbids posting there: ask who administers it",
}


class RefusedError(CpuwatchError):
    """Slack will not take it, however often it is asked."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.remedy = _REMEDIES.get(code, f"look {code} up at docs.slack.dev")
        super().__init__(f"Slack refused the message ({code}): {self.remedy}.")


class UnreachableError(CpuwatchError):
    """Slack does not answer, is ill, or asks to wait; it may take it later."""

    def __init__(self, reason: str, doubtful: bool, wait: float | None = None) -> None:
        self.doubtful = doubtful  #: whether Slack may have done it all the same
        self.wait = wait  #: how long it asks to wait, in seconds; None if it does not ask
        what = f"does not answer properly ({reason})"
        if wait is not None:
            what = f"takes no more for now, and asks to wait for {wait:.0f} s"
        super().__init__(f"Slack {what}. Nothing is lost: the alerts wait in their topic.")


class Stopped(Exception):  # noqa: N818
    """Somebody asked to stop while Slack kept us waiting."""
