"""CPU of one post to a connection of API Gateway, over TLS to an answerer on this machine: our courier beside boto3's client.

A message is 1 KB. The answerer is a process of its own, so only the poster's time is counted.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from benchmarks.report import Result
from casework.adapters.gateway import GatewayCourier
from casework.ports import Posted
from local.engine import free_port
from local.home import REGION

OURS, THEIRS, WARM = 6_000, 400, 40
MESSAGE = '{"type":"next","payload":"' + "x" * 980 + '","id":"1"}'
GOAL = 1 / 15
READY_S = 10
ANSWERER = """
import asyncio, ssl, sys
class Answers(asyncio.Protocol):
    def connection_made(self, transport): self.transport, self.data = transport, b""
    def data_received(self, data):
        self.data += data
        while True:
            head, found, rest = self.data.partition(b"\\r\\n\\r\\n")
            if not found: return
            length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\\r\\n") if line.startswith(b"content-length"))
            if len(rest) < length: return
            self.data = rest[length:]
            self.transport.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nx-amzn-RequestId: 00000000-0000-0000\\r\\n\\r\\n")
async def main():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(sys.argv[1])
    server = await asyncio.get_running_loop().create_server(Answers, "127.0.0.1", int(sys.argv[2]), ssl=context)
    print("ready", flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


def measured() -> list[Result]:
    """Measure both."""
    with tempfile.TemporaryDirectory() as folder:
        pem = _certified(Path(folder))
        port, url = free_port(), ""
        environ = {"SSL_CERT_FILE": str(pem), "AWS_CA_BUNDLE": str(pem), "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        url = f"https://localhost:{port}/bench"
        with subprocess.Popen([sys.executable, "-c", ANSWERER, str(pem), str(port)], stdout=subprocess.PIPE, text=True) as answerer:
            try:
                assert answerer.stdout
                assert answerer.stdout.readline() == "ready\n"
                before = dict(os.environ)
                os.environ.update(environ)
                try:
                    return _both(url)
                finally:
                    os.environ.clear()
                    os.environ.update(before)
            finally:
                answerer.terminate()


def _both(url: str) -> list[Result]:
    courier = GatewayCourier(url, region=REGION)
    official = boto3.client("apigatewaymanagementapi", endpoint_url=url, region_name=REGION)

    def ours(count: int) -> None:
        found = courier.post_all([(f"L0SM9cOFvHcCIhw{number}=", MESSAGE) for number in range(count)])
        assert found == [Posted.DONE] * count

    def theirs(count: int) -> None:
        for number in range(count):
            official.post_to_connection(ConnectionId=f"L0SM9cOFvHcCIhw{number}=", Data=MESSAGE.encode())

    ours(WARM)
    theirs(WARM)
    # In turns, so that both have the machine's good and bad moments.
    rounds = [(_cpu_us(ours, OURS // 4), _cpu_us(theirs, THEIRS // 4)) for _ in range(4)]
    courier.shut()
    official.close()
    mine, their = (min(column) for column in zip(*rounds, strict=True))
    ratio = mine / their
    return [Result("CPU of a post over TLS", mine, "us", "boto3", their, ratio, f"<= {GOAL:.3f}", ratio <= GOAL)]


def _cpu_us(post: Callable[[int], None], count: int) -> float:
    began = time.process_time()
    post(count)
    return (time.process_time() - began) / count * 1e6


def _certified(folder: Path) -> Path:
    """Make a certificate for localhost that both trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "localhost.pem"
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    with suppress(OSError):
        pem.chmod(0o600)
    return pem
