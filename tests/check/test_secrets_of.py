"""What a check must not show: every secret of a provider by one definition."""

from tidegate.check.findings import black_out, secrets_of
from tidegate.config import Auth, Config, ProviderConfig, Secret


def test_every_secret_of_every_provider_is_found() -> None:
    bedrock = ProviderConfig(
        kind="bedrock",
        api_key=Secret("sk-one-0123456789"),
        secret_access_key=Secret("aws-secret-0123456789"),
        session_token=Secret("aws-token-0123456789"),
        headers={"x-more": Secret("header-0123456789")},
    )
    config = Config(auth=Auth(keys=(Secret("sk-client-0123456789"),)), providers={"aws": bedrock})
    found = secrets_of(config)
    assert len(found) == 5
    words = black_out(" ".join(found), found)
    assert "0123456789" not in words


def test_whatever_field_of_a_provider_is_a_secret_is_one_of_them() -> None:
    declared = [
        name for name, kind in ProviderConfig.__annotations__.items() if kind in (Secret, Secret | None)
    ]
    config = ProviderConfig(kind="x", **{name: Secret(name) for name in declared})
    assert sorted(secret.reveal() for secret in config.secrets) == sorted(declared)
    assert set(declared) >= {"api_key", "secret_access_key", "session_token"}
