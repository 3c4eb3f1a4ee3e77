"""A local stand-in for Slack: it speaks the methods used here, and shows the channel on a page.

The functions here are for notebooks and tests: look at the channel, and make it misbehave.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cpuwatch import labpaths, naming
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import settings
from cpuwatch.stack import listeners
from cpuwatch.stack.slack import secrets_in, standin_answers

# The server's process runs through here, too, and has no use for pandas or requests.
if TYPE_CHECKING:
    import pandas as pd

#: The channel that alerts go to.
CHANNEL = "cpu-alerts"


def page_address(channel: str | None = None) -> str:
    """The address of the page that shows the channel.

    In the workshop's JupyterLab it is a path below the server that JupyterLab came from.

    Raises
    ------
    CpuwatchError
        If the stack has never been started here, or the real Slack is used.
    """
    direct = _address()
    here = labpaths.shown_at(labpaths.SLACK)
    address = f"{here}/" if here else direct
    wanted = channel or own_channel()
    return address if wanted == CHANNEL else f"{address}?channel={wanted}"


def _address() -> str:
    """Where it listens, for programs on this machine; raises as `page_address` does."""
    if settings().outside("slack"):
        raise CpuwatchError(
            "The real Slack is used here, since SLACK_BOT_TOKEN is set, so there is no stand-in:"
            " look at the channel in Slack, or take that setting away."
        )
    return f"{settings().slack_address}/"


def own_channel() -> str:
    """The name of the channel that alerts go to: with a prefix it is one of its own."""
    return naming.full(CHANNEL)


def is_running() -> bool:
    """Whether this stack's stand-in answers."""
    try:
        _address()
    except CpuwatchError:
        return False
    return standin_answers(settings())


def messages(channel: str | None = None) -> pd.DataFrame:
    """The channel as it is now, oldest message first.

    Parameters
    ----------
    channel
        Its name; by default that of the alerts.

    Returns
    -------
    pandas.DataFrame
        A row a message: posted (UTC), updated (UTC, NaT if never), state ('open' or 'closed',
        None for a message that is no alert), text (as a reader sees it).
    """
    import pandas as pd

    found = _ask("control", {"read": channel or own_channel()})["messages"]
    rows = [
        {
            "posted": float(one["ts"]),
            "updated": float(one["edited"]["ts"]) if "edited" in one else None,
            "state": ((one.get("metadata") or {}).get("event_payload") or {}).get("state"),
            "text": _plain(str(one.get("text") or "")),
        }
        for one in reversed(found)
    ]
    table = pd.DataFrame(rows, columns=["posted", "updated", "state", "text"])
    for name in ("posted", "updated"):
        table[name] = pd.to_datetime(table[name].astype("float64"), unit="s", utc=True)
    return table


def await_message(
    text: str, since: pd.Timestamp | None = None, seconds: float = 120.0, channel: str | None = None
) -> str:
    """Wait until a message holds a text.

    Parameters
    ----------
    text
        A part of it, such as "doc is over".
    since
        Only messages count that were posted or changed since then.
    seconds
        How long to wait.
    channel
        Its name; by default that of the alerts.

    Returns
    -------
    str
        The message.

    Raises
    ------
    CpuwatchError
        If none comes in time.
    """
    from cpuwatch import waiting

    def found() -> str | None:
        there = messages(channel)
        if since is not None:
            there = there[there[["posted", "updated"]].max(axis=1) >= since]
        fits = there.loc[there["text"].str.contains(text, regex=False), "text"]
        return None if fits.empty else str(fits.iloc[-1])

    return waiting.until(
        found,
        seconds,
        f"No message with '{text}' came in {seconds:.0f} s. If it is there from before, its trouble"
        " has to end first. workshop.doctor() looks whether all of the way works.",
        pause=0.2,
    )


def make_slow(seconds: float) -> None:
    """Let every answer come this much later; the work is done at once."""
    control(slow=seconds)


def make_dead() -> None:
    """Answer every call with 503, until `heal`; the page stays."""
    control(status=503)


def refuse(error: str) -> None:
    """Answer every call with one of Slack's errors, such as 'is_archived', until `heal`."""
    control(refuse=error)


def heal() -> None:
    """Behave again."""
    control(heal=True)


def clear() -> None:
    """Forget all messages of all channels; with a prefix, those of its own channel alone."""
    control(clear=own_channel() if naming.prefix() else True)


def control(**modes: Any) -> dict[str, Any]:
    """Switch failures on; see `server.Modes` for what there is.

    Returns
    -------
    dict
        The modes as they are now, and how often each method was called.
    """
    return _ask("control", modes)


def _ask(path: str, body: dict[str, Any]) -> dict[str, Any]:
    from cpuwatch import web

    config = settings()
    secrets = secrets_in(config.slack_folder)
    secret = secrets.control if path == "control" else secrets.token
    headers = {"Authorization": f"Bearer {secret}"}
    try:
        if not listeners.may_be_ours(config, config.port("slack")):
            raise OSError("another user's program listens there")
        answer = web.ask(_address(), path, "POST", body, headers, timeout=60)
    except (OSError, ValueError) as error:
        raise CpuwatchError(
            f"The stand-in for Slack at {_address()} does not answer"
            f" ({error}). See 'cpuwatch status', and start it with 'cpuwatch up'."
        ) from error
    if not answer.get("ok"):
        raise CpuwatchError(
            f"The stand-in for Slack refused {path} ({answer.get('error')}). If somebody made it"
            " refuse, standin.heal() ends that."
        )
    return dict(answer)


def _plain(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
