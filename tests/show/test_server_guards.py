"""What the server refuses and bears: paths outside, other sites, strangers, whatever can be asked."""

import io
import shutil
import socket
import subprocess
import sys
import urllib.request
import zipfile

import numpy as np
import pytest

import lookalike
from lookalike.images import decode, encode_png
from lookalike.show import make_app
from lookalike.show.server import COOKIE

OUTSIDE = [
    *(r"../../etc/passwd", r"..%2f..%2fetc%2fpasswd", r"%2e%2e/%2e%2e/etc/passwd", r"..%252f..%252fetc%252fpasswd"),
    *(r"..\..\etc", r"/etc/passwd", r"%2fetc%2fpasswd", r"....//....//etc/passwd", r"..%00/etc/passwd"),
    *(r"assets/../../server.py", r"..%5cserver.py", r"~root/.profile", r"library.json", r"working/decode.json"),
]
PREFIXES = ["/", "/assets/", "/api/", "/api/images/", "/api/images/0/", "/api/atlas/", "/api/selections/"]


@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_no_path_leads_outside(client, prefix, path):
    answer = client.request("GET", client.base_url.join("/"), extensions={"target": (prefix + path).encode()})
    assert b"root:" not in answer.content
    assert b"make_app" not in answer.content
    answer = client.get(prefix + path)
    assert answer.status_code < 500
    assert answer.status_code >= 400 or answer.headers["content-type"].startswith("text/html")
    assert b"root:" not in answer.content
    assert b"make_app" not in answer.content


def test_a_link_that_leads_out_of_the_folder_is_not_followed(own, own_library, tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(encode_png(np.full((9, 9, 3), 77, np.uint8)))
    row = own_library.row("green/green00.png")
    path = own_library.paths[row]
    path.unlink()
    path.symlink_to(secret)
    assert own.get(f"/api/images/{row}/file").status_code == 422
    assert decode(own.get(f"/api/images/{row}/preview").content).shape[:2] == (40, 56)
    assert own.get(f"/api/images/{row}/matches?width=0.5").status_code == 422
    name = own.post("/api/selections", json={"rows": [row]}).json()["id"]
    archive = zipfile.ZipFile(io.BytesIO(own.get(f"/api/selections/{name}.zip").content))
    assert archive.namelist() == ["left out.txt"]
    path.unlink()
    path.symlink_to(own_library.paths[0])
    assert own.get(f"/api/images/{row}/file").content == own_library.paths[0].read_bytes()


def test_a_file_that_is_gone_is_said(own, own_library, client_of):
    own_library.paths[0].unlink()
    assert own.get("/api/images/0/file").json()["detail"] == "the file is not there (any more)"
    assert own.get("/api/images/0/preview").status_code == 200
    shutil.rmtree(own_library.path / "working")
    assert client_of(lookalike.open(own_library.path)).get("/api/thumbnails?rows=1").status_code == 409


def test_the_folder_is_never_written_to(own, own_library):
    def snapshot():
        return {path: path.lstat().st_mtime_ns for path in [own_library.folder, *own_library.folder.rglob("*")]}

    before = snapshot()
    for path in ("library", "points", "clusters", "atlas/0", "layouts/grid", "likeness", "scores", "images/0/preview"):
        assert own.get(f"/api/{path}").status_code == 200
    own.post("/api/clusters/move", json={"rows": [0]})
    assert snapshot() == before


def test_other_sites_and_other_names_are_refused(client):
    assert client.get("/api/state", headers={"Host": "evil.example"}).status_code == 403
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        assert client.post("/api/selections", json={"rows": [0]}, headers=headers).status_code == 403
    same = {"Origin": "http://127.0.0.1:8765", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/api/selections", json={"rows": [0]}, headers=same).status_code == 200
    answer = client.get("/api/state")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_token_is_asked_for(library, client_of):
    client = client_of(library, token="s3cret")
    assert client.get("/api/state").status_code == 401
    assert client.get("/").status_code == 401
    assert client.get("/api/state?token=wrong").status_code == 401
    assert client.get("/api/state", headers={"Authorization": "Bearer s3cret"}).status_code == 200
    first = client.get("/?token=s3cret&a=1", follow_redirects=False)
    assert (first.status_code, first.headers["location"]) == (303, "/?a=1")
    assert client.cookies[COOKIE] == "s3cret"
    assert client.get("/api/state").status_code == 200


def test_without_a_built_page_one_line_says_how_to_make_it(library, monkeypatch, client_of):
    monkeypatch.setattr("lookalike.show.server.page_folder", lambda: None)
    answer = client_of(library).get("/")
    assert answer.status_code == 503
    assert "make page" in answer.text
    assert len(answer.text.splitlines()) == 1


def test_schemathesis_finds_no_failure(tmp_path, own_library, monkeypatch):
    """Whatever the OpenAPI document allows, and much that it does not: never a 500, always what the document says."""
    schemathesis = pytest.importorskip("schemathesis")
    from hypothesis import HealthCheck, Phase, settings

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("lookalike.show.server._name_of", lambda host: "localhost")
    app = make_app(own_library)
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", app)
    quietly = settings(
        max_examples=15, deadline=None, database=None, derandomize=True,
        phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    asked = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        asked += _try(operation.as_strategy(), quietly)
    assert asked > 200


def _try(cases, quietly):
    from hypothesis import given

    count = 0

    @quietly
    @given(case=cases)
    def check(case):
        nonlocal count
        count += 1
        answer = case.call(timeout=120)
        assert answer.status_code < 500, (case.as_curl_command(), answer.text)

    check()
    return count


def test_the_command_serves_until_it_is_stopped(library):
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    port = taken.getsockname()[1]
    command = [sys.executable, "-m", "lookalike", "serve", str(library.path), "--port", str(port), "--no-browser"]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        address = program.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        assert str(port) not in address
        with urllib.request.urlopen(f"{address}api/state") as answer:
            assert answer.status == 200
        program.send_signal(2)
        out, err = program.communicate(timeout=30)
        assert (program.returncode, out) == (0, "")
        assert "stopped" in err
        assert "Traceback" not in err
    finally:
        program.kill()
        taken.close()
