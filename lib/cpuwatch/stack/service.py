"""What the stack knows of a service: each one's module gives it, and `known` has them all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cpuwatch.settings import Settings
from cpuwatch.stack.program import Program

#: Hears a short sentence at each step of a start.
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Service:
    """One service, embedded or somebody else's.

    Attributes
    ----------
    name
        What settings and commands call it.
    title
        What a reader calls it.
    ports
        The embedded one's ports by name, each with the number that is usual for it.
    programs
        Which of supervisor's programs make up the embedded one; the first one's log tells
        why it does not start.
    address
        Where it is, without a secret.
    answers
        Whether it answers its own protocol there; an embedded one also proves that it is this
        stack's.
    prepare
        Writes what the embedded one needs, and describes its processes; starts nothing. It is
        given the chosen ports by name, the jars that `data/jars.lock` has for it, and the marker
        that its processes shall carry.
    refusal
        Why it does not answer, or lets us not in, as it says itself; None if it says nothing.
    step
        What to do about such a reason, as a sentence; None if it is known only to be silent.
    needed
        Whether `cpuwatch up` fails if an outside one does not answer.
    ours_alone
        Whether there is none where somebody else runs what it belongs to.
    """

    name: str
    title: str
    ports: dict[str, int]
    programs: tuple[str, ...]
    address: Callable[[Settings], str]
    answers: Callable[[Settings], bool]
    prepare: Callable[[Settings, dict[str, int], list[Path], str], list[Program]]
    refusal: Callable[[Settings], str | None] = lambda _: None
    step: Callable[[Settings, str], str | None] = lambda _, __: None
    needed: bool = True
    ours_alone: bool = False

    def log(self, config: Settings) -> Path:
        """The log that tells why the embedded one does not start."""
        return self.logs(config)[0]

    def logs(self, config: Settings) -> list[Path]:
        """The logs of all its processes."""
        return [config.state / "logs" / f"{name}.log" for name in self.programs]
