"""Errors in a notebook: a line or two, and the whole trace for whoever asks for it."""

from __future__ import annotations

import textwrap
import traceback
from typing import Any

from confluent_kafka import KafkaException
from py4j.protocol import Py4JError
from pyflink.util.exceptions import JavaException
from sqlalchemy.exc import SQLAlchemyError

from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import explain
from cpuwatch.progress import LINE

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
        kinds = (CpuwatchError, JavaException, Py4JError, KafkaException, SQLAlchemyError,
                 NameError, KeyboardInterrupt, SystemError)  # fmt: skip
        shell.set_custom_exc(kinds, _show)


def _show(shell: Any, kind: type, value: BaseException, tb: Any, tb_offset: Any = None) -> None:
    text = explain.error(value)
    if text is None:
        shell.showtraceback((kind, value, tb), tb_offset=tb_offset)
        return
    _last_error[:] = [value]
    if not isinstance(value, (KeyboardInterrupt, NameError, SystemError)):
        text += "\nThe whole trace: workshop.trace()"
    # JupyterLab would break a long line in the middle of a word.
    lines = [part for line in text.splitlines() for part in textwrap.wrap(line, LINE)]
    # IPython has no public way to show a trace of one's own.
    shell._showtraceback(kind, text, ["\n".join(lines)])  # noqa: SLF001
