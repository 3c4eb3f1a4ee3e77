"""The stand-in's memory: channels and messages, in a file that only grows."""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

#: Channels by id. Names are unique, as in Slack.
CHANNELS = {"C0CPUALERTS": "cpu-alerts", "C0GENERAL": "general"}

#: With a prefix, each has a channel of their own: this is its name, and its id.
_OWN_NAME = re.compile(r"([a-z0-9-]+)--cpu-alerts")
_OWN_ID = re.compile(r"C0([A-Z0-9-]+)--CPUALERTS")

Message = dict[str, Any]


class Store:
    """Messages, as Slack keeps them; each change is in the file before it is told.

    Parameters
    ----------
    path
        One JSON object a line. A line that a crash cut short is left out.

    Raises
    ------
    OSError
        By each method that changes something, where that finds no room in the file: then
        nothing has changed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.messages: dict[str, Message] = {}  # by ts, oldest first
        self.on_change: Callable[[str, Message], None] = lambda _kind, _message: None
        self._last = 0.0
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._size = 0  # of the whole lines
        for line in path.read_bytes().splitlines(keepends=True):
            if not line.endswith(b"\n"):
                break
            self._size += len(line)
            try:
                self._apply(orjson.loads(line))
            except (orjson.JSONDecodeError, KeyError, TypeError):
                pass  # damaged; those after it are well
        os.ftruncate(self._file, self._size)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def post(self, channel: str, content: Message) -> Message:
        """Add a message; its ts is its name in the channel, and newer than all before."""
        self._last = max(time.time(), self._last + 0.000_001)
        message = {**content, "type": "message", "channel": channel, "ts": f"{self._last:.6f}"}
        self._write({"kind": "message", "message": message})
        return message

    def update(self, ts: str, content: Message) -> Message:
        """Replace what a message says."""
        old = self.messages[ts]
        message = {**old, **content, "edited": {"ts": f"{time.time():.6f}"}}
        self._write({"kind": "message", "message": message})
        return message

    def clear(self, channel: str | None = None) -> None:
        """Forget a channel's messages, or all."""
        self._write({"kind": "clear", "message": {"channel": channel} if channel else {}})

    def history(self, channel: str) -> list[Message]:
        """The channel's messages, newest first."""
        return [one for one in reversed(self.messages.values()) if one["channel"] == channel]

    def _write(self, entry: dict[str, Any]) -> None:
        line = orjson.dumps(entry) + b"\n"
        try:
            # A disk that fills takes the beginning of a line, without a complaint.
            if os.write(self._file, line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(line)
        self._apply(entry)
        self.on_change(entry["kind"], entry["message"])

    def _apply(self, entry: dict[str, Any]) -> None:
        if entry["kind"] == "clear":
            channel = entry["message"].get("channel")
            for ts, one in list(self.messages.items()):
                if channel in (None, one["channel"]):
                    del self.messages[ts]
            return
        message = entry["message"]
        self.messages[message["ts"]] = message
        self._last = max(self._last, float(message["ts"]))


def channel_id(name: object) -> str | None:
    """The id of a channel given by id or name, with or without '#'; None if there is none."""
    wanted = str(name or "").removeprefix("#")
    if wanted in CHANNELS or _OWN_ID.fullmatch(wanted):
        return wanted
    if own := _OWN_NAME.fullmatch(wanted):
        return f"C0{own[1].upper()}--CPUALERTS"
    return next((key for key, title in CHANNELS.items() if title == wanted), None)


def channel_name(key: str) -> str:
    """The name of a channel given by its id."""
    if own := _OWN_ID.fullmatch(key):
        return f"{own[1].lower()}--cpu-alerts"
    return CHANNELS.get(key, key)
