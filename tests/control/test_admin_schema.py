"""The admin API keeps to its own description, whatever it is sent: generated requests find no failure."""

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from administration import ADMIN, Admin, administered
from postgreses import Postgres
from simulator import Simulator

NUL = "\x00"
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_schema_conformance", "response_headers_conformance", "negative_data_rejection",
    "missing_required_header", "unsupported_method", "allow_header_conformance", "use_after_free",
    "ignored_auth",
)  # fmt: skip
"""All but `positive_data_acceptance`: some rules, such as that an expiry is in the future, are in no schema;
and `ensure_resource_availability`: a key that is made with an expiry may have expired."""


@pytest.fixture
async def admin(tmp_path: Path) -> AsyncIterator[Admin]:
    async with Simulator() as provider, administered(provider, tmp_path) as admin:
        yield admin


@pytest.fixture
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL."""
    server = Postgres(Path(tempfile.mkdtemp(prefix="tidegate-postgres-")))  # short: its socket lies there
    yield server.url
    server.end()


@pytest.mark.timeout(300)
async def test_generated_requests_find_no_failure(admin: Admin, tmp_path: Path) -> None:
    """What the schema says, value by value."""
    await generate(admin, tmp_path, "coverage", 300)


@pytest.mark.timeout(300)
async def test_random_requests_find_no_failure_on_postgresql(postgres: str, tmp_path: Path) -> None:
    async with Simulator() as provider, administered(provider, tmp_path, store=postgres) as admin:
        await generate(admin, tmp_path, "fuzzing", 50)


async def generate(admin: Admin, folder: Path, phase: str, least: int) -> None:
    """Send generated requests, at least so many, and expect that none fails."""
    pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    await admin.credit("alice", 1)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "schemathesis.cli", "run", f"{admin.gateway.url}/admin/openapi.json",
        "--header", f"Authorization: Bearer {ADMIN}", "--checks", ",".join(CHECKS),
        "--phases", phase, "--max-examples", "3", "--seed", "1", "--continue-on-failure",
        "--suppress-health-check", "all", "--warnings", "off", "--no-color",
        cwd=folder, env={**os.environ, "NO_PROXY": "*"}, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said = (await process.communicate())[0].decode(errors="replace")
    assert process.returncode == 0, said
    counted = re.search(r"(\d+) generated, (\d+) passed", said)
    assert counted is not None, said
    assert int(counted[1]) > least, said


@pytest.mark.parametrize(
    ("method", "path", "body", "param"),
    [
        ("GET", f"/users/a{NUL}b", None, "user"),
        ("GET", f"/transactions?user=a{NUL}b", None, "user"),
        ("GET", f"/keys?after=a{NUL}b", None, "after"),
        ("GET", f"/keys?x=a{NUL}b", None, "x"),
        ("GET", f"/requests?after=1.{NUL}", None, "after"),
        ("POST", "/wallets/alice/credits", {"amount_usd": 1, "note": f"a{NUL}"}, "note"),
        ("POST", "/refunds", {"request": f"a{NUL}"}, "request"),
        ("POST", "/keys", {"name": "ci", "settings": {"tags": ["a", f"b{NUL}"]}}, "settings.tags[1]"),
        ("PUT", "/teams/red", {"name": f"{NUL}"}, "name"),
    ],
)
async def test_nul_characters_are_refused_by_name(
    admin: Admin, method: str, path: str, body: Any, param: str
) -> None:
    headers = {"idempotency-key": "a"}
    reply = await admin.reply(method, path.replace(NUL, "%00"), body, headers)
    assert (reply.status, reply.error["param"]) == (400, param)
    assert "NUL" in reply.error["message"]


async def test_an_escaped_backslash_is_no_nul_character(admin: Admin) -> None:
    made = await admin.ask("POST", "/keys", {"name": "a\\u0000"}, status=201)
    assert made["name"] == "a\\u0000"


async def test_methods_that_a_path_does_not_have_are_answered_with_those_that_it_has(admin: Admin) -> None:
    reply = await admin.reply("PUT", "/keys/ci")
    assert (reply.status, reply.headers["allow"]) == (405, "DELETE, GET, PATCH")
    reply = await admin.reply("POST", "/requests")
    assert (reply.status, reply.headers["allow"]) == (405, "GET")
