"""The settings of this process."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError

from cpuwatch.errors import CpuwatchError
from cpuwatch.settings.places import Settings

#: Variables that are not called CPUWATCH_…
_OWN_NAMES = ("POSTGRES_PASSWORD", "SLACK_BOT_TOKEN", "SLACK_CHANNEL")


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once.

    Raises
    ------
    CpuwatchError
        If a variable has a value that cannot be used.
    """
    try:
        return Settings()
    except RuntimeError:
        raise CpuwatchError(
            "There is no home folder to keep data in: set HOME, or CPUWATCH_STATE and"
            " CPUWATCH_CACHE to folders by their whole paths."
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = str(first["loc"][0]).upper()
        name = place if place in _OWN_NAMES else f"CPUWATCH_{place}"
        reason = str(first["msg"]).removeprefix("Value error, ")
        if place in ("STATE", "CACHE") and (not first["input"] or isinstance(first["input"], Path)):
            # Nobody set it.
            home = f"XDG_{place}_HOME" if os.environ.get(f"XDG_{place}_HOME") else "HOME"
            raise CpuwatchError(
                f"The {place.lower()} folder that follows from {home} is not usable: {reason}. Set"
                f" CPUWATCH_{place} to a folder of your own."
            ) from None
        raise CpuwatchError(f"{name} in the environment or .env is not usable: {reason}.") from None
