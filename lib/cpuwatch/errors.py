"""The one kind of error that reaches a person: the cause, and the next thing to do."""


class CpuwatchError(Exception):
    """A failure that a person can do something about.

    Its text is one sentence, perhaps two: what went wrong, and what to do next.
    The command line and the notebooks print it without a stack trace.
    """
