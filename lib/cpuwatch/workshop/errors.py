"""Errors in a notebook: a line or two, and the whole trace for whoever asks for it."""

from __future__ import annotations

import inspect
import os
import re
import sys
import textwrap
import traceback
from pathlib import Path
from types import CodeType, TracebackType
from typing import Any

import cpuwatch
from cpuwatch import words
from cpuwatch.flink import explain
from cpuwatch.progress import LINE

#: The folder of this package.
_HERE = f"{Path(cpuwatch.__file__).parent}{os.sep}"

#: What notebooks import from it.
_FACES = ("workshop", "flink", "topics", "slack", "figures")

#: What IPython calls a cell, as if it were a file.
_CELL = re.compile(r"ipykernel_\d+|<ipython-input")

_last_error: list[BaseException] = []


def trace() -> None:
    """Print the whole stack trace of the last error that was shown in a line."""
    if not _last_error:
        print("There was no error in this notebook yet.")
        return
    print("".join(traceback.format_exception(_last_error[-1])))


def explain_errors() -> None:
    """From now on the notebook shows errors of the workshop's parts in a line or two."""
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    if shell is not None:
        shell.set_custom_exc((Exception, KeyboardInterrupt), _show)


def within_ours(value: BaseException, tb: TracebackType | None) -> str | None:
    """What is said of an error in the midst of a function of ours; None if it is a cell's own.

    It got what it was not made for, most often, such as a number for a text. Its inner parts, in
    which that came to light, tell a beginner nothing.

    Parameters
    ----------
    value
        What was raised.
    tb
        Where.
    """
    frames = [frame.f_code for frame, _ in traceback.walk_tb(tb)]
    ours = [at for at, code in enumerate(frames) if code.co_filename.startswith(_HERE)]
    # Also a function that a cell hands over, to be called by ours: its error is the cell's.
    cells = [at for at, code in enumerate(frames) if _CELL.search(code.co_filename)]
    if not ours or not cells or cells[-1] > ours[-1]:
        return None
    called = _called(frames[ours[0]])
    said = words.cut(str(value), 200)
    return (
        f"{called or 'A function of the workshop'} failed within ({type(value).__name__}: {said})."
        " Does it get what it takes?" + (f" A cell with {called}? shows that." if called else "")
    )


def _called(code: CodeType) -> str:
    """What a cell calls that is this code, such as flink.preview; empty if no face has it."""
    for face in _FACES:
        module = sys.modules.get(f"cpuwatch.{face}")
        found = inspect.unwrap(getattr(module, code.co_name, _called))
        if getattr(found, "__code__", None) is code:
            return f"{face}.{code.co_name}"
    return ""


def _show(shell: Any, kind: type, value: BaseException, tb: Any, tb_offset: Any = None) -> None:
    text = explain.error(value) or within_ours(value, tb)
    if text is None:
        shell.showtraceback((kind, value, tb), tb_offset=tb_offset, running_compiled_code=True)
        return
    _last_error[:] = [value]
    if not isinstance(value, (KeyboardInterrupt, NameError, SystemError)):
        text += "\nThe whole trace: workshop.trace()"
    # JupyterLab would break a long line in the middle of a word.
    lines = [part for line in text.splitlines() for part in textwrap.wrap(line, LINE)]
    # IPython has no public way to show a trace of one's own.
    shell._showtraceback(kind, text, ["\n".join(lines)])  # noqa: SLF001
