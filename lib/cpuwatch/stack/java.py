"""How every Java process of the stack is started."""

from __future__ import annotations

#: The quick compiler and the plain collector: a laptop's services start in half the time.
QUICK = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",  # no performance files in /tmp
)

#: Java takes the names of files from the locale; in some, such as C, there is no ü.
UTF8 = {"LC_ALL": "C.UTF-8"}
