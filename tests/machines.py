"""Machines of our own: network namespaces on a bridge, each with an address of its own."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Sequence


class Machines:
    """A bridge, and machines on it, until `end`.

    Parameters
    ----------
    names
        Of the machines.

    Raises
    ------
    OSError
        If we may not make any: it says why.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._tag = f"cw{os.getpid():x}"[:9]  # a link's name has 15 characters at most
        self._names = list(names)
        self.bridge = f"{self._tag}b"
        if shutil.which("ip") is None:
            raise OSError("there is no program 'ip' (Debian's iproute2)")
        net = self._free_net()
        #: Of this machine, as the others see it.
        self.own = f"{net}.1"
        self.at = {name: f"{net}.{number}" for number, name in enumerate(self._names, 2)}
        try:
            _ip("link", "add", self.bridge, "type", "bridge")
            _ip("addr", "add", f"{self.own}/24", "dev", self.bridge)
            _ip("link", "set", self.bridge, "up")
            for name in self._names:
                self._add(name)
        except OSError:
            self.end()
            raise

    def _add(self, name: str) -> None:
        space, link = self._space(name), self._link(name)
        _ip("netns", "add", space)
        _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", space)
        _ip("link", "set", link, "master", self.bridge)
        _ip("link", "set", link, "up")
        for what in (
            ("link", "set", "lo", "up"),
            ("addr", "add", f"{self.at[name]}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
        ):
            _ip("-netns", space, *what)

    def _free_net(self) -> str:
        taken = _ip("-4", "addr")
        while True:
            net = f"10.{random.randint(64, 254)}.{random.randint(0, 254)}"
            if f" {net}." not in taken:
                return net

    def _space(self, name: str) -> str:
        return f"{self._tag}-{name}"

    def _link(self, name: str) -> str:
        return f"{self._tag}{self._names.index(name)}"

    def within(self, name: str) -> list[str]:
        """What to write before a command, so that it runs on that machine."""
        return ["ip", "netns", "exec", self._space(name)]

    def cut(self, name: str) -> None:
        """Pull a machine's plug out of the bridge."""
        _ip("link", "set", self._link(name), "down")

    def heal(self, name: str) -> None:
        """Put it in again."""
        _ip("link", "set", self._link(name), "up")

    def end(self) -> None:
        """Take all of it away, or as much of it as there is."""
        for what in (
            # With its namespace a link would go, too, but only when the kernel comes to it.
            *(["link", "del", self._link(name)] for name in self._names),
            *(["netns", "del", self._space(name)] for name in self._names),
            ["link", "del", self.bridge],
        ):
            subprocess.run(["ip", *what], check=False, capture_output=True)

    def left(self) -> list[str]:
        """What there is of ours, by name."""
        there = f"{_ip('netns', 'list')} {_ip('-brief', 'link')}".split()
        return sorted(one for one in there if one.startswith(self._tag))


def _ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout
