"""How every Java process of the stack is started."""

from __future__ import annotations

import os
import re

#: The plain collector, which an archive of classes must have been made for.
COLLECTOR = ("-XX:+UseSerialGC",)

_ALWAYS = (
    *COLLECTOR,
    "-XX:-UsePerfData",  # no performance files in /tmp
)

#: The quick compiler alone: a laptop's services start in half the time.
QUICK = (*_ALWAYS, "-XX:TieredStopAtLevel=1")

#: For what has readings by the million to work through: the second compiler, too, which makes that
#: two to three times as fast. It begins after forty times as many calls as Java lets it by default:
#: a start, a preview and a class's jobs are over by then, and lose nothing to it.
THOROUGH = (
    *_ALWAYS,
    "-XX:Tier4InvocationThreshold=200000",
    "-XX:Tier4MinInvocationThreshold=24000",
    "-XX:Tier4CompileThreshold=600000",
    "-XX:Tier4BackEdgeThreshold=1600000",
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

#: Variables by which somebody tells another Java, Flink or Hadoop something. Every Java obeys the
#: first of them, and PyFlink builds its command from the others.
_THEIRS = re.compile(
    r"_JAVA_OPTIONS|JDK_JAVA_OPTIONS|JAVA_TOOL_OPTIONS|JAVA_OPTS|JVM_ARGS|CLASSPATH"
    r"|(FLINK|PYFLINK|HADOOP|HBASE|YARN|KAFKA|LOG4J|LOGBACK)_\w+"
)


def theirs() -> list[str]:
    """The names of such variables in the environment."""
    return [name for name in os.environ if _THEIRS.fullmatch(name)]


def environment() -> dict[str, str]:
    """The environment of a Java program of ours: without what is meant for others."""
    others = theirs()
    return {name: value for name, value in os.environ.items() if name not in others} | UTF8
