"""Environment variables: one clear line for each wrong value, secrets never shown."""

import base64
import json
from pathlib import Path

import pytest

from app.settings import Settings, SettingsError, describe, is_secret, unknown_variables

MASTER_KEY = base64.b64encode(json.dumps({"primaryKeyId": 1, "key": []}).encode()).decode()
INDEX_KEY = base64.b64encode(bytes(32)).decode()


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for row in describe(Settings.read()):
        monkeypatch.delenv(row.variable, raising=False)


def test_without_variables_the_defaults_hold() -> None:
    settings = Settings.read()
    assert settings.database_url is None
    assert settings.data_dir == Path(".bank360")
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)


def test_variables_set_values_and_options_come_before_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://owner:pw@db.example/bank?sslmode=require")
    monkeypatch.setenv("REDIS_URL", "redis://cache.example:6379/0")
    monkeypatch.setenv("BANK360_MASTER_KEY", MASTER_KEY)
    monkeypatch.setenv("BANK360_INDEX_KEY", INDEX_KEY)
    monkeypatch.setenv("BANK360_PORT", "8080")
    monkeypatch.setenv("BANK360_STRONG_AMR", "mfa, fido")
    settings = Settings.read()
    assert settings.port == 8080
    assert settings.strong_amr == ("mfa", "fido")
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value().startswith("postgresql://owner:pw@")
    assert Settings.read(port=9000).port == 9000


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("BANK360_PORT", "")
    assert Settings.read() == Settings.read(port=8000)


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        (
            "BANK360_PORT",
            "abc",
            "BANK360_PORT 'abc': input should be a valid integer, unable to parse string",
        ),
        ("BANK360_PORT", "70000", "BANK360_PORT '70000': input should be less than or equal"),
        ("BANK360_PAGE_SIZE_MAX", "0", "BANK360_PAGE_SIZE_MAX '0': input should be greater than 0"),
        ("BANK360_LOG_LEVEL", "loud", "BANK360_LOG_LEVEL 'loud': input should be 'DEBUG', 'INFO'"),
        ("DATABASE_URL", "mysql://u:canary@h/d", "DATABASE_URL must begin with postgresql://"),
        ("DATABASE_URL", "postgresql://[canary", "DATABASE_URL is not a URL"),
        (
            "BANK360_ISSUER",
            "http://login.bank.example",
            "BANK360_ISSUER 'http://login.bank.example': must begin with https:// (http:// only",
        ),
        (
            "BANK360_ISSUER",
            "https://a.example/?x=1",
            "BANK360_ISSUER 'https://a.example/?x=1': has",
        ),
        ("BANK360_ISSUER", "https://[", "BANK360_ISSUER 'https://[': must begin with https://"),
        ("REDIS_URL", "http://canary", "REDIS_URL must begin with redis://"),
        (
            "BANK360_METRICS_NETWORKS",
            "10.0.0.0/8,everybody",
            "BANK360_METRICS_NETWORKS '10.0.0.0/8,everybody': everybody is not a network such as",
        ),
        ("BANK360_RATE_PER_VIEWER", "-1", "BANK360_RATE_PER_VIEWER '-1': input should be greater"),
        ("BANK360_MASTER_KEY", "canary!", "BANK360_MASTER_KEY is not base64"),
        ("BANK360_MASTER_KEY", "Y2FuYXJ5", "BANK360_MASTER_KEY is not the base64 of a key set in"),
        ("BANK360_MASTER_KEY", "e30=", "BANK360_MASTER_KEY is not the base64 of a tink key set"),
        ("BANK360_INDEX_KEY", "Y2FuYXJ5", "BANK360_INDEX_KEY must be the base64 of 32 bytes, not"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, line: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        Settings.read()
    (told,) = caught.value.lines
    assert told.startswith(line)
    assert "\n" not in told
    assert "canary" not in told
    assert "Y2FuYXJ5" not in told


def test_every_wrong_value_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANK360_PORT", "x")
    monkeypatch.setenv("DATABASE_URL", "oracle://")
    with pytest.raises(SettingsError) as caught:
        Settings.read()
    assert [line.split()[0] for line in caught.value.lines] == ["DATABASE_URL", "BANK360_PORT"]


def test_a_secret_is_shown_as_set_or_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://owner:canary@db.example/bank")
    rows = {row.variable: row for row in describe(Settings.read())}
    assert rows["DATABASE_URL"].value == "set"
    assert rows["BANK360_MASTER_KEY"].value == "not set"
    assert rows["BANK360_STATEMENT_TIMEOUT_SECONDS"].unit == "seconds"
    assert "canary" not in repr(rows) + repr(Settings.read())
    assert {name for name in rows if is_secret(name)} == {
        "DATABASE_URL",
        "REDIS_URL",
        "BANK360_MASTER_KEY",
        "BANK360_INDEX_KEY",
    }


def test_networks_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANK360_METRICS_NETWORKS", "10.0.0.0/8, 2001:db8::/32")
    rows = {row.variable: row for row in describe(Settings.read())}
    assert rows["BANK360_METRICS_NETWORKS"].value == "10.0.0.0/8,2001:db8::/32"
    assert rows["BANK360_METRICS_NETWORKS"].default == "127.0.0.0/8,::1/128"


def test_every_setting_says_what_it_means() -> None:
    assert all(row.description for row in describe(Settings.read()))


def test_a_misspelt_variable_is_noticed() -> None:
    assert unknown_variables({"BANK360_PROT": "1", "BANK360_PORT": "1", "PATH": "/bin"}) == [
        "BANK360_PROT is not a setting; did you mean BANK360_PORT?"
    ]
    assert unknown_variables({"BANK360_XYZZYXYZZY": "1"}) == ["BANK360_XYZZYXYZZY is not a setting"]
