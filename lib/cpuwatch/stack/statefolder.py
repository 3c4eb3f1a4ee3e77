"""The state folder, and what has to lie in it before anything starts."""

from __future__ import annotations

import os
from contextlib import suppress

from cpuwatch import files
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import ROOTS_HOME, Settings
from cpuwatch.stack import disks, failures, passwords, place, postgres

_LEAST_DISK = 500 * 1024**2


def make_state(config: Settings) -> None:
    """Make the state folder, or say why it cannot be."""
    try:
        if config.state.exists():
            place.check(config.state)
        disks.check(("CPUWATCH_STATE", config.state), ("CPUWATCH_CACHE", config.cache))
        above = [one for one in config.state.parents if not one.exists()]
        place.make(config.state)
        if os.geteuid() == 0:
            # PostgreSQL, which runs as another user, has to pass through what is ours above.
            home = config.state.parent
            for one in {*above, *([home] if home == ROOTS_HOME else [])}:
                one.chmod(0o711)
        if config.state.stat().st_mode & 0o067:
            # As an earlier version left it, or somebody else made it.
            files.close(config.state)
        with suppress(OSError):  # one that may not be written to may hold all that is needed
            files.folder(config.cache)
        free = failures.free(config.state)
    except OSError as error:
        also = "" if files.may_write(config.cache) else ", and CPUWATCH_CACHE to another"
        raise CpuwatchError(
            f"The state folder {config.state} cannot be made ({error.strerror}). Set CPUWATCH_STATE"
            f" to a folder that you may write to{also}."
        ) from error
    if free < _LEAST_DISK:
        raise CpuwatchError(
            f"The disk that holds {config.state} is nearly full: {free // 1024**2} MB are free, and"
            f" the services need {_LEAST_DISK // 1024**2} MB. Free some space and try again."
        )


def write_passwords(config: Settings) -> None:
    """Put the passwords of PostgreSQL, ours and an outside one's, where its clients look."""
    secret = config.postgres_password
    if config.postgres is None:
        postgres.password(config.pgpass)
    servers = set()
    if secret is not None:
        url = config.postgres_url
        for place in (config.postgres_place, config.postgres_for_flink):
            host, _, port = place.rpartition(":")
            servers.add(passwords.server(host, port, url.database or "", url.username or ""))
    postgres.set_outside_passwords(config.pgpass, dict.fromkeys(servers, secret or ""))
    postgres.write_key(config)
