"""What may be cached, also through a real nginx: hashed files for a year, pages and API responses never."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client
from knox.models import AuthToken

from runs.models import Business
from tests.cast import MakeRun
from tests.contract.models import CountingRun
from tests.event_streams import open_stream, open_stream_at
from tests.servers import START_SECONDS, answers, collect_static, free_port, get, production, server
from tests.workers import until

pytestmark = pytest.mark.django_db(transaction=True)

CONFIGURATION = Path(settings.BASE_DIR, "deploy/nginx.conf")
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
MODULES = "/etc/nginx/modules-enabled"


@pytest.fixture(scope="module")
def static(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Path:
    root = tmp_path_factory.mktemp("srv") / "static"
    collect_static(root)
    return root


@pytest.fixture(scope="module")
def wsgi(tmp_path_factory: pytest.TempPathFactory, static: Path) -> Iterator[str]:
    with server(tmp_path_factory.mktemp("wsgi"), production(static), interface="wsgi") as url:
        yield url


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory, static: Path, wsgi: str) -> Iterator[str]:
    """The address of nginx before a WSGI and an ASGI process."""
    directory = tmp_path_factory.mktemp("nginx")
    with server(directory / "asgi", production(static)) as asgi, nginx(directory, static, wsgi, asgi) as url:
        yield url


@contextmanager
def nginx(
    directory: Path, static: Path, wsgi: str, asgi: str, changed: Mapping[str, str] | None = None
) -> Iterator[str]:
    """The configuration as it is shipped, but for addresses, the place of the files, and what is `changed`."""
    port = free_port()
    ours = CONFIGURATION.read_text()
    for shipped, here in (
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("127.0.0.1:8001", wsgi.removeprefix("http://")),
        ("127.0.0.1:8002", asgi.removeprefix("http://")),
        ("/srv/unstuck", str(static.parent)),
        *(changed or {}).items(),
    ):
        assert ours.count(shipped) >= 1, shipped
        ours = re.sub(rf"^(?!#)(.*){re.escape(shipped)}", rf"\g<1>{here}", ours, flags=re.MULTILINE)
    (directory / "site.conf").write_text(ours)
    scratch = "".join(
        f"{name}_temp_path {directory}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    as_root = "user root;" if os.geteuid() == 0 else ""  # or it couldn't read the test's own directory
    main = directory / "nginx.conf"
    main.write_text(
        f"{as_root} include {MODULES}/*.conf;\n"
        f"daemon off; pid {directory}/nginx.pid; error_log {directory}/error.log;\n"
        "events {}\n"
        f"http {{ include /etc/nginx/mime.types; access_log off; {scratch} include {directory}/site.conf; }}"
    )
    process = subprocess.Popen([NGINX, "-e", f"{directory}/error.log", "-c", main])
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: answers(f"{url}/healthz"), seconds=START_SECONDS)
        yield url
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)


def hashed(static: Path, name: str) -> str:
    stem, _dot, kind = name.rpartition(".")
    [path] = [p for p in static.glob(f"{stem}.*.{kind}") if re.fullmatch(r"[0-9a-f]{12}", p.name.split(".")[-2])]
    return f"/static/{path.relative_to(static)}"


def assert_static_is_cacheable(url: str, static: Path) -> None:
    address = url + hashed(static, "runs/run-card.js")
    for encoding in ("br", "gzip"):
        file = get(address, headers={"Accept-Encoding": encoding})
        assert file.status_code == 200
        assert file.headers["Content-Encoding"] == encoding
        assert "javascript" in file.headers["Content-Type"]
        assert set(file.headers["Cache-Control"].split(", ")) == {"max-age=31536000", "public", "immutable"} or (
            file.headers["Cache-Control"] == "max-age=315360000, public, immutable"
        )
        assert file.headers["Access-Control-Allow-Origin"] == "*"
    plain = get(f"{url}/static/runs/run-card.js")
    assert "max-age=60" in plain.headers["Cache-Control"]
    assert "immutable" not in plain.headers["Cache-Control"]
    assert get(f"{url}/static/runs/missing.js").status_code == 404


def assert_nothing_else_is(url: str, client: Client, user: User) -> None:
    client.force_login(user)
    cookie = {"sessionid": client.cookies[settings.SESSION_COOKIE_NAME].value}
    for path in ("/b/business-a/", "/login/", "/card/", "/api/runs/", "/api/businesses/", "/nowhere/", "/healthz"):
        response = get(url + path, cookies=cookie)
        assert "no-store" in response.headers["Cache-Control"], path
    page = get(f"{url}/b/business-a/", cookies=cookie)
    assert (page.status_code, page.headers["Content-Encoding"]) == (200, "gzip")


def modules(page: str, url: str) -> set[str]:
    """Every module that a page loads, and what those import."""
    found: set[str] = set()
    waiting = re.findall(r'<script type="module" src="([^"]+)"', page)
    while waiting:
        address = waiting.pop()
        if address not in found:
            found.add(address)
            text = get(url + address).raise_for_status().text
            imports = re.findall(r'^import[^"]*"([^"]+)"', text, flags=re.MULTILINE)
            waiting += [str(httpx.URL(url + address).join(name).path) for name in imports]
    return found


def test_whitenoise_lets_only_hashed_files_be_cached(
    wsgi: str, static: Path, client: Client, member_a: User, as_member_a: Any
) -> None:
    assert_static_is_cacheable(wsgi, static)
    assert_nothing_else_is(wsgi, client, member_a)


def test_every_module_is_loaded_by_its_hashed_name(wsgi: str) -> None:
    loaded = modules(get(f"{wsgi}/card/").text, wsgi)
    assert len(loaded) > 5
    assert [name for name in loaded if not re.search(r"\.[0-9a-f]{12}\.js$", name)] == []


@pytest.mark.needs("nginx")
def test_nginx_lets_only_hashed_files_be_cached(proxied: str, static: Path, client: Client, member_a: User) -> None:
    assert_static_is_cacheable(proxied, static)
    assert_nothing_else_is(proxied, client, member_a)


@pytest.mark.needs("nginx")
def test_nginx_passes_each_event_on_at_once(
    proxied: str, wsgi: str, member_a: User, staff: User, business_a: Business, make_run: MakeRun
) -> None:
    run = make_run(business_a, "running")
    bearer = f"Bearer {AuthToken.objects.create(member_a)[1]}"
    refused = get(f"{wsgi}/api/runs/stream/?business={business_a.pk}", headers={"Authorization": bearer})
    assert refused.status_code == 406  # so it is the ASGI process that answers here:
    with open_stream(proxied, business_a.pk, Authorization=bearer) as events:
        assert events.next_run()["processed"] == 0
        CountingRun.objects.filter(pk=run.pk).update(version=F("version") + 1, processed=5, heartbeat_at=Now())
        assert events.next_run()["processed"] == 5
    of_staff = f"Bearer {AuthToken.objects.create(staff)[1]}"
    with open_stream_at(f"{proxied}/api/admin/runs/stream/", Authorization=of_staff) as events:
        assert events.next_state()["order"]
    with open_stream_at(f"{proxied}/api/staff/runs/stream/?business={business_a.pk}", Authorization=of_staff) as events:
        assert events.next_run()["id"] == run.pk


@pytest.mark.needs("nginx")
def test_nginx_passes_the_host_on(proxied: str) -> None:
    assert get(f"{proxied}/login/", headers={"Host": "evil.example"}).status_code == 400
