"""The notifier's talk to Slack: post, update, recognise; through slack-sdk's own client.

The real Slack and the stand-in are spoken to by the same code; only the address differs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    wait_exponential,
    wait_random,
)

from cpuwatch import standin
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import settings
from cpuwatch.slack import unseen, wording
from cpuwatch.slack.calls import call
from cpuwatch.slack.errors import RefusedError, Stopped, UnreachableError
from cpuwatch.slack.notices import Notice
from cpuwatch.stack.slack import REAL, client, secrets_in, sign_in
from cpuwatch.standin.store import channel_id

#: How long one call may take, in seconds.
_TIMEOUT = 10

#: How far back in the channel a notifier that starts looks for its own messages.
_PAGES, _PAGE = 5, 200

#: A wait that is no longer, in seconds, is told of only if it comes so often for one message.
_USUAL_WAIT, _USUAL_WAITS = 5, 5

#: How long to wait where Slack does not say it: ever longer; not all who wait come back at once.
_BACKOFF, _APART = wait_exponential(multiplier=0.2, max=15), wait_random(0, 0.2)

#: The message is there no more, or may not be changed any more: post another.
_GONE = {"message_not_found", "cant_update_message", "edit_window_closed"}


class Channel:
    """One channel of Slack, or of the stand-in.

    Parameters
    ----------
    token, channel, address
        `address` is where the methods are, and ends in /api/.
    stop
        Ends waiting.
    patience
        For how long a message is tried, in seconds; for ever by default.
    timeout
        How long one call may take, in seconds.
    sign
        By which its own messages are told from others'; see `unseen`.
    """

    def __init__(
        self,
        token: str,
        channel: str,
        address: str = REAL,
        stop: threading.Event | None = None,
        patience: float | None = None,
        timeout: int = _TIMEOUT,
        sign: str | None = None,
    ) -> None:
        self.name = channel
        self.address = address
        self.posted = 0
        self.updated = 0
        self.recognised = 0
        #: Called with a sentence when Slack stops answering.
        self.on_trouble: Callable[[str], None] = lambda _: None
        self._stop = stop or threading.Event()
        self._patience = patience
        self._id: str | None = None
        self._sign = sign
        self._told = False
        #: Slack's own.
        self.client = client(token, address, timeout)

    def deliver(self, notice: Notice) -> None:
        """Post the notice, or update its message, until Slack says ok.

        Raises
        ------
        RefusedError
            If Slack refuses for good.
        UnreachableError
            If it does not answer within the patience.
        Stopped
            If somebody asked to stop.
        """
        if notice.ts is not None and notice.said == wording.text(notice):
            return  # a repeat
        self._patiently(lambda: self._deliver_once(notice))

    def _deliver_once(self, notice: Notice) -> None:
        if notice.ts is None and notice.doubtful:
            try:
                self._look_for(notice)
            except RefusedError:
                pass  # we may not read there: rather twice than never
        said = wording.text(notice)
        content = {
            "text": said,
            "blocks": wording.blocks(notice),
            "metadata": unseen.metadata(notice, self._sign),
        }
        if notice.ts is not None:
            try:
                answer = call(self.client.chat_update, channel=self._channel_id(), ts=notice.ts,
                               **content)  # fmt: skip
                self.updated += 1
            except RefusedError as refused:
                if refused.code not in _GONE:
                    raise
                notice.ts = None
        if notice.ts is None:
            try:
                answer = call(self.client.chat_postMessage, channel=self._id or self.name,
                               mrkdwn=False, unfurl_links=False, unfurl_media=False,
                               **content)  # fmt: skip
            except UnreachableError as error:
                notice.doubtful = notice.doubtful or error.doubtful
                raise
            self._id, notice.ts = str(answer["channel"]), str(answer["ts"])
            self.posted += 1
        notice.said, notice.doubtful = said, False

    def _look_for(self, notice: Notice) -> None:
        """Adopt the message that an unanswered post may have left in the channel."""
        for message in self._history(1):
            found = unseen.recognise(message, self._sign)
            if found is not None and found.id == notice.id:
                notice.ts, notice.said = found.ts, found.said
                self.recognised += 1
                return

    def notices(self) -> list[Notice]:
        """The notices that stand in the channel, oldest first.

        Raises
        ------
        RefusedError
            If the token does not let us read the channel.
        UnreachableError
            If Slack does not answer within the patience.
        """
        found: list[Notice] = []

        def read() -> None:
            found[:] = [
                notice
                for message in self._history(_PAGES)
                if (notice := unseen.recognise(message, self._sign)) is not None
            ]

        self._patiently(read)
        return found[::-1]

    def _history(self, pages: int) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []
        cursor = None
        for _ in range(pages):
            answer = call(self.client.conversations_history, channel=self._channel_id(),
                           include_all_metadata=True, limit=_PAGE, cursor=cursor)  # fmt: skip
            messages += answer["messages"]
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                break
        return messages

    def _channel_id(self) -> str:
        """The id, which all methods but chat.postMessage insist on."""
        name = self.name.removeprefix("#")
        if self._id is None and len(name) >= 9 and name[0] in "CDG" and name == name.upper():
            self._id = name
        cursor = None
        while self._id is None:
            answer = call(self.client.conversations_list, limit=_PAGE, cursor=cursor,
                           types="public_channel")  # fmt: skip
            for channel in answer["channels"]:
                if channel["name"] == name:
                    self._id = str(channel["id"])
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if self._id is None and not cursor:
                raise RefusedError("channel_not_found")
        return self._id

    def _patiently(self, work: Callable[[], None]) -> None:
        """Do it until Slack answers, ever more slowly, and never sooner than Slack asks."""
        self._told = False
        try:
            for attempt in Retrying(
                retry=retry_if_exception_type(UnreachableError),
                wait=lambda state: max(_BACKOFF(state), _asked(state)) + _APART(state),
                sleep=self._sleep,
                stop=self._is_tired,
                before_sleep=self._tell,
                reraise=True,
            ):
                with attempt:
                    work()
        except UnreachableError:
            if self._stop.is_set():
                raise Stopped from None
            raise

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped

    def _is_tired(self, state: RetryCallState) -> bool:
        if self._stop.is_set() or self._patience is None:
            return self._stop.is_set()
        # What Slack asks for may be longer than the patience: then it is in vain.
        return (state.seconds_since_start or 0.0) + _asked(state) >= self._patience

    def _tell(self, state: RetryCallState) -> None:
        usual = 0 < _asked(state) <= _USUAL_WAIT and state.attempt_number < _USUAL_WAITS
        if state.outcome is not None and not usual and not self._told:
            self._told = True
            self.on_trouble(str(state.outcome.exception()))


def _asked(state: RetryCallState) -> float:
    """How long Slack has just asked to wait, in seconds; 0 if it did not."""
    error = state.outcome.exception() if state.outcome is not None else None
    return (isinstance(error, UnreachableError) and error.wait) or 0.0


def connect(
    stop: threading.Event | None = None, patience: float | None = None, channel: str | None = None
) -> Channel:
    """The channel that alerts go to: the real Slack's where a token is set, or the stand-in's.

    Parameters
    ----------
    stop, patience
        See `Channel`.
    channel
        Another of the stand-in's channels.

    Raises
    ------
    CpuwatchError
        If a token is set without a channel, or the stack was never started.
    """
    config = settings()
    # A prefix is one person's on all machines; without one a stack is told by what it has drawn.
    sign = None if config.prefix else sign_in(config.slack_folder)
    if config.slack_bot_token is not None and channel is None:
        if config.slack_channel is None:
            raise CpuwatchError(
                "SLACK_BOT_TOKEN is set, but no channel: set SLACK_CHANNEL as well, best to the"
                " channel's id (C…), in the environment or .env."
            )
        token = config.slack_bot_token.get_secret_value()
        return Channel(token, config.slack_channel, REAL, stop, patience, sign=sign)
    address = f"http://127.0.0.1:{config.port('slack')}/api/"
    token = secrets_in(config.slack_folder).token
    own = standin.own_channel()
    if config.prefix is not None:
        own = channel_id(own) or own  # it is in no list of the stand-in's, so its id has to do
    return Channel(token, channel or own, address, stop, patience, sign=sign)
