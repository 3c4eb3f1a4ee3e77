"""A line under a notebook's cell that changes while something goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_WIDTH = 24

#: Characters of a line under a cell: JupyterLab would break a longer one in mid-word.
LINE = 88


class _Text:
    """What a notebook shows as it is, without quotes."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


class Line:
    """A line of progress; outside of a notebook it shows nothing.

    Parameters
    ----------
    final
        What the line says when all went well. It is known before the work begins and is
        also the first thing shown, for the blink of an eye: a tool that compares a
        notebook's outputs, as nbval does, sees the first text and not its updates.
    quiet
        Whether to show nothing at all.
    """

    def __init__(self, final: str, quiet: bool = False) -> None:
        self._final = final
        self._shown = final
        self._handle = None if quiet else _display(final)

    def show(self, text: str) -> None:
        """Say what is going on now."""
        if self._handle is not None and text != self._shown:
            self._handle.update(_Text(text))
        self._shown = text

    def end(self, more: str = "") -> None:
        """Say that all went well, and perhaps what else happened."""
        self.show(self._final + (f"\n{more}" if more else ""))


def _display(text: str) -> Any:
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython.display import display

    show: Callable[..., Any] = display
    return show(_Text(text), display_id=True)


def bar(share: float) -> str:
    """A bar for a share between 0 and 1, with its percentage."""
    share = min(max(share, 0.0), 1.0)
    full = int(share * _WIDTH)
    return f"{'█' * full}{'░' * (_WIDTH - full)} {share:.0%}"
