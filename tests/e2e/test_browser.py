"""The second verifier in a real browser, Debian's Chromium: the golden bundles, and one with a bit of it changed."""

import functools
import http.server
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from casework.audit.bundle import ENTRIES
from tests.bags import changed

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
CHROMIUM = shutil.which("chromium")
LONGEST_S = 120
PAGE = """<!doctype html><meta charset="utf-8"><pre id="out">nothing</pre><script type="module">
import { verify } from './verify.mjs';
const text = async (name) => (await fetch(name)).text(), given = { logKey: await text('log.vkey'), witnessKey: await text('witness.vkey') };
const scope = { kind: 'DOSSIER', dossier: (await text('dossier')).trim() }, out = [], held = await text('held');
for (const name of ['full.zip', 'light.zip', 'flipped.zip']) {
  const bytes = new Uint8Array(await (await fetch(name)).arrayBuffer());
  const { verdict, limits, failure, counts } = await verify(bytes, { scope, ...given, held });
  out.push({ name, verdict, limits, seq: failure?.seq ?? null, entries: counts.entries });
}
document.getElementById('out').textContent = JSON.stringify(out);
</script>"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    files = {
        "verify.mjs": ROOT / "clients" / "verify.mjs",
        "full.zip": GOLDEN / "bundle-v1-full.zip",
        "light.zip": GOLDEN / "bundle-v1-light.zip",
    }
    files |= {name: GOLDEN / f"bundle-v1-{name}" for name in ("log.vkey", "witness.vkey", "held", "dossier")}
    for name, file in files.items():
        shutil.copy(file, tmp_path / name)
    raw = files["full.zip"].read_bytes()
    (tmp_path / "flipped.zip").write_bytes(changed(raw, ENTRIES, lambda was: was[:30] + bytes([was[30] ^ 1]) + was[31:]))
    (tmp_path / "index.html").write_text(PAGE)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/index.html"
        server.shutdown()
        thread.join()


@pytest.mark.skipif(CHROMIUM is None, reason="Debian's package chromium is not there")
def test_the_second_verifier_runs_in_a_browser(address: str, tmp_path: Path) -> None:
    command = [
        CHROMIUM or "", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={tmp_path / 'profile'}",
        "--virtual-time-budget=60000", "--dump-dom", address,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=LONGEST_S)
    found = re.search(r'<pre id="out">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stdout
    full, light, flipped = json.loads(found[1])
    assert (full["verdict"], full["limits"]) == ("VERIFIED", [])
    assert (light["verdict"], light["limits"]) == ("LIMITED", ["LIGHT", "NO_HELD_CHECKPOINT"])
    assert (flipped["verdict"], flipped["seq"]) == ("FAILED", 1)
    assert full["entries"] == light["entries"] > 1
