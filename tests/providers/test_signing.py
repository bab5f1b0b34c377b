"""Signature Version 4, against what AWS publishes and what its own SDK signs."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tidegate.providers.signing import Credentials, Scope, sign

EXAMPLE = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
NOON = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
BEDROCK = Scope("us-east-1", "bedrock")
MODEL = "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse"


def signature(headers: dict[str, str]) -> str:
    found = re.search(r"Signature=([0-9a-f]{64})$", headers["authorization"])
    assert found is not None
    return found[1]


def signed_names(headers: dict[str, str]) -> str:
    found = re.search(r"SignedHeaders=([^,]*)", headers["authorization"])
    assert found is not None
    return found[1]


UNRESERVED = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    ("method", "query", "expected"),
    [
        ("GET", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "GET",
            "?Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "GET",
            f"?{UNRESERVED}={UNRESERVED}",
            "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
        ),
    ],
    ids=["get-vanilla", "post-vanilla", "get-vanilla-query-order-key-case", "get-vanilla-query-unreserved"],
)
def test_it_signs_as_the_published_suite_does(method: str, query: str, expected: str) -> None:
    added = sign(
        method,
        f"https://example.amazonaws.com/{query}",
        {},
        b"",
        EXAMPLE,
        Scope("us-east-1", "service"),
        NOON,
    )
    assert signature(added) == expected
    assert signed_names(added) == "host;x-amz-date"


def test_it_signs_the_example_of_the_documentation() -> None:
    added = sign(
        "GET",
        "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
        {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
        b"",
        EXAMPLE,
        Scope("us-east-1", "iam"),
        NOON,
    )
    assert added == {
        "x-amz-date": "20150830T123600Z",
        "authorization": (
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
            "SignedHeaders=content-type;host;x-amz-date, "
            "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        ),
    }


def test_a_session_token_is_sent_and_signed() -> None:
    temporary = EXAMPLE._replace(session_token="AQoDYXdz//token==")
    added = sign("POST", MODEL, {"content-type": "application/json"}, b"{}", temporary, BEDROCK, NOON)
    assert added["x-amz-security-token"] == "AQoDYXdz//token=="
    assert signed_names(added) == "content-type;host;x-amz-date;x-amz-security-token"


def test_the_time_of_any_zone_is_reported_in_utc() -> None:
    berlin = timezone(timedelta(hours=2))
    there = sign("POST", MODEL, {}, b"", EXAMPLE, BEDROCK, NOON.astimezone(berlin))
    assert there == sign("POST", MODEL, {}, b"", EXAMPLE, BEDROCK, NOON)


@pytest.mark.parametrize("header", ["User-Agent", "Authorization", "X-Amzn-Trace-Id", "Connection"])
def test_what_changes_on_the_way_is_not_signed(header: str) -> None:
    plain = sign("POST", MODEL, {}, b"{}", EXAMPLE, BEDROCK, NOON)
    assert sign("POST", MODEL, {header: "anything"}, b"{}", EXAMPLE, BEDROCK, NOON) == plain


@pytest.mark.parametrize(
    "change",
    [
        {"method": "GET"},
        {"url": MODEL + "-stream"},
        {"url": MODEL + "?a=b"},
        {"headers": {"content-type": "text/plain"}},
        {"body": b"{ }"},
        {"credentials": EXAMPLE._replace(secret_key="another")},
        {"scope": Scope("eu-west-1", "bedrock")},
        {"now": NOON + timedelta(seconds=1)},
        {"now": NOON + timedelta(days=1)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_changes_gives_another_signature(change: dict[str, object]) -> None:
    usual: dict[str, object] = {
        "method": "POST",
        "url": MODEL,
        "headers": {},
        "body": b"{}",
        "credentials": EXAMPLE,
        "scope": BEDROCK,
        "now": NOON,
    }
    assert signature(sign(**{**usual, **change})) != signature(sign(**usual))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("http://127.0.0.1:80/model/x/converse", "http://127.0.0.1/model/x/converse"),
        ("https://host:443/a", "https://host/a"),
        ("https://host/a//b/./c/../d", "https://host/a/b/d"),
        ("https://host", "https://host/"),
    ],
)
def test_addresses_that_are_sent_alike_are_signed_alike(url: str, same: str) -> None:
    assert sign("POST", url, {}, b"", EXAMPLE, BEDROCK, NOON) == sign(
        "POST", same, {}, b"", EXAMPLE, BEDROCK, NOON
    )


def test_an_unusual_port_belongs_to_the_host() -> None:
    sent = sign("POST", "http://127.0.0.1:8080/a", {"Host": "127.0.0.1:8080"}, b"", EXAMPLE, BEDROCK, NOON)
    assert sent == sign("POST", "http://127.0.0.1:8080/a", {}, b"", EXAMPLE, BEDROCK, NOON)


def test_secrets_are_not_shown() -> None:
    shown = repr(EXAMPLE._replace(session_token="the token"))
    assert EXAMPLE.secret_key not in shown
    assert "the token" not in shown


@pytest.mark.parametrize("token", [None, "AQoDYXdz//token=="])
@pytest.mark.parametrize(
    "url",
    [
        MODEL,
        MODEL + "-stream",
        "https://bedrock-runtime.eu-central-1.amazonaws.com/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A1%3A"
        "inference-profile%2Feu.amazon.nova-lite-v1%3A0/converse",
        "http://127.0.0.1:8123/model/plain/converse?b=2&a=1&a=0&c",
        "https://[::1]:8123/model/a~b(c)/converse/",
    ],
)
def test_it_signs_as_the_sdk_of_aws_does(url: str, token: str | None) -> None:
    auth = pytest.importorskip("botocore.auth", reason="botocore is not installed; it is no dependency")
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials as TheirCredentials

    body = b'{"messages":[{"role":"user","content":[{"text":"gr\xc3\xbc\xc3\x9fe"}]}]}'
    headers = {
        "Content-Type": "application/json",
        "Accept": "*/*",
        "User-Agent": "tests",
        "X-Spaces": " a   b ",
    }
    theirs = AWSRequest("POST", url, headers=dict(headers), data=body)
    auth.SigV4Auth(TheirCredentials(*EXAMPLE[:2], token), "bedrock", "us-east-1").add_auth(theirs)
    now = datetime.strptime(theirs.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    ours = sign("POST", url, headers, body, EXAMPLE._replace(session_token=token), BEDROCK, now)
    assert ours["authorization"] == theirs.headers["Authorization"]
