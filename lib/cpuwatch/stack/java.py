"""How every Java process of the stack is started."""

from __future__ import annotations

#: The plain collector, which an archive of classes must have been made for.
COLLECTOR = ("-XX:+UseSerialGC",)

#: The quick compiler and the plain collector: a laptop's services start in half the time.
QUICK = (
    *COLLECTOR,
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",  # no performance files in /tmp
)

#: Where a program finds the archive of its classes, in the folder that it runs in; see `classes`.
ARCHIVE = "classes.jsa"

#: How an archive is used. One that is not there, or does not fit, is passed over in silence; and
#: one that lies where it lay when it was made need not be copied, so that processes share it.
MAPPED = (
    "-Xlog:cds*=off",
    "-XX:+UnlockDiagnosticVMOptions",
    "-XX:ArchiveRelocationMode=0",
)
SHARED = (f"-XX:SharedArchiveFile={ARCHIVE}", *MAPPED)

#: Java takes the names of files from the locale; in some, such as C, there is no ü.
UTF8 = {"LC_ALL": "C.UTF-8"}
