"""The environment, read once into a frozen object."""

import os
import re
import secrets
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime, Field, HttpUrl, SecretStr, TypeAdapter, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

SECRET_KEY_FILE = "secret-key"  # noqa: S105  the name of a file
SECRET_KEY_BYTES = 32
NO_KEY = SecretStr("")
# A password's own `@`, `/`, `?` and `#` would read as the end of it.
SMTP_URL = re.compile(r"smtps?://([^\s:@/?#]+(:[^\s:@/?#]*)?@)?(\[[0-9A-Fa-f:.]+\]|[^\s:@/?#\[\]]+)(:[1-9]\d{0,4})?/?")
FILES_URL = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[\w.-]+)*/?", re.ASCII)


class LogFormat(StrEnum):
    """Who reads the log: people or machines."""

    CONSOLE = "console"
    JSON = "json"


class LogLevel(StrEnum):
    """From what on something is logged."""

    INFO = "info"
    WARNING = "warning"


def _http_url(url: str) -> str:
    TypeAdapter(HttpUrl).validate_python(url)
    return url.rstrip("/")


def _smtp_url(url: SecretStr) -> SecretStr:
    if not SMTP_URL.fullmatch(url.get_secret_value()):
        msg = "COUNTERSIGN_SMTP_URL is smtp://user:password@host:587 or smtps://…, other characters as %2F and the like"
        raise ValueError(msg)
    return url


def _files_url(url: str) -> str:
    if not FILES_URL.fullmatch(url):
        msg = "COUNTERSIGN_FILES_URL is s3://bucket or s3://bucket/folder"
        raise ValueError(msg)
    return url.rstrip("/")


BaseUrl = Annotated[str, AfterValidator(_http_url)]
SmtpUrl = Annotated[SecretStr, AfterValidator(_smtp_url)]
FilesUrl = Annotated[str, AfterValidator(_files_url)]
Days = Annotated[int, Field(ge=1, le=3650)]


def is_embedded(database_url: str | None) -> bool:
    """Whether the database is SQLite, which one process uses alone."""
    return database_url is None or database_url.startswith("sqlite:")


def _kept_key(data: dict[str, object]) -> SecretStr:
    """Beside SQLite the key is made once and kept in DATA_DIR; a shared database has no folder in common."""
    data_dir, database_url = data.get("data_dir"), data.get("database_url")
    if not isinstance(data_dir, Path) or not (database_url is None or is_embedded(str(database_url))):
        return NO_KEY
    path = data_dir.resolve() / SECRET_KEY_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _make_key(path)
    return SecretStr(path.read_text())


def _make_key(path: Path) -> None:
    """Write a new key, whole or not at all, for its owner alone; of two at once one key stays."""
    with NamedTemporaryFile("w", dir=path.parent) as file:
        file.write(secrets.token_hex(SECRET_KEY_BYTES))
        file.flush()
        with suppress(FileExistsError):
            os.link(file.name, path)


class Settings(BaseSettings):
    """What an installation may choose. Each name is an environment variable behind the prefix `COUNTERSIGN_`."""

    model_config = SettingsConfigDict(
        env_prefix="COUNTERSIGN_", env_ignore_empty=True, frozen=True, extra="ignore", hide_input_in_errors=True
    )

    data_dir: Path = Field(
        default=Path("var"), description="where the embedded database, mails, files, keys and anchors live"
    )
    database_url: str | None = Field(
        default=None, repr=False, description="`postgres://…`; without it SQLite in DATA_DIR"
    )
    public_url: BaseUrl = Field(default="http://127.0.0.1:8000", description="how this server is reached from outside")
    portal_url: BaseUrl | None = Field(
        default=None, description="your own front end; without it e-mailed links open the server's own pages"
    )
    secret_key: SecretStr = Field(
        default_factory=_kept_key,
        description="signs e-mailed links and histories, encrypts webhooks' secrets; beside SQLite generated once "
        "into DATA_DIR, else required",
    )
    smtp_url: SmtpUrl | None = Field(
        default=None,
        description="`smtp://user:password@host:587` or `smtps://…`; without it mails are kept in DATA_DIR/mail",
    )
    files_url: FilesUrl | None = Field(
        default=None,
        description="`s3://bucket/folder`, with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and, elsewhere "
        "than at Amazon, AWS_ENDPOINT; without it files are kept in DATA_DIR/files",
    )
    vendor_name: str = Field(default="Countersign", description="the name that mails and pages carry")
    mail_from: str = Field(default="Countersign <no-reply@countersign.example>", description="the sender of mails")
    support_address: str = Field(default="support@countersign.example", description="whom a reader may ask")
    offer_days: Days = Field(default=30, description="how long an offer waits for an answer")
    invite_days: Days = Field(default=7, description="how long an invite waits for an answer")
    access_idle_days: Days = Field(default=60, description="how long access lasts after the account was opened last")
    access_rule_since: AwareDatetime | None = Field(
        default=None, description="when that rule came into force for accounts that were there before; else from ever"
    )
    activation_jobs: int = Field(default=100, ge=0, description="how many jobs start the clock of access")
    request_days: Days = Field(default=14, description="how long a request for access waits for an answer")
    approval_days: Days = Field(default=14, description="how long a project's approval waits for an answer")
    account_audience: str = Field(
        default="product", min_length=1, description="`aud` of the JWT that opens an account in your product"
    )
    session_days: Days = Field(default=14, description="how long a sign-in lasts")
    webhook_allow_private: bool = Field(
        default=False, description="for development: webhooks may use http, any port and private addresses"
    )
    log_format: LogFormat = Field(default=LogFormat.CONSOLE, description="`console` or `json`")
    log_level: LogLevel = Field(
        default=LogLevel.INFO, description="`info` logs every request, `warning` what somebody should look at"
    )

    @model_validator(mode="after")
    def _key_is_strong(self) -> Self:
        if self.secret_key == NO_KEY:
            msg = (
                "COUNTERSIGN_SECRET_KEY is required beside COUNTERSIGN_DATABASE_URL: every server must sign links alike"
            )
            raise ValueError(msg)
        if len(self.secret_key.get_secret_value()) < SECRET_KEY_BYTES:
            msg = f"COUNTERSIGN_SECRET_KEY needs at least {SECRET_KEY_BYTES} characters"
            raise ValueError(msg)
        return self

    @property
    def embedded(self) -> bool:
        """Whether the database is SQLite, which one process uses alone."""
        return is_embedded(self.database_url)

    @property
    def links_url(self) -> str:
        """What e-mailed links begin with: the portal, or this server's own pages."""
        return self.portal_url or self.public_url

    @property
    def offer_open(self) -> timedelta:
        """How long an offer waits for an answer."""
        return timedelta(days=self.offer_days)

    @property
    def invite_open(self) -> timedelta:
        """How long an invite waits for an answer."""
        return timedelta(days=self.invite_days)

    @property
    def request_open(self) -> timedelta:
        """How long a request for access waits for an answer."""
        return timedelta(days=self.request_days)

    @property
    def approval_open(self) -> timedelta:
        """How long a project's approval waits for an answer."""
        return timedelta(days=self.approval_days)

    @property
    def access_idle(self) -> timedelta:
        """How long a partner's access lasts after it opened the account last."""
        return timedelta(days=self.access_idle_days)

    @property
    def session_open(self) -> timedelta:
        """How long a sign-in lasts."""
        return timedelta(days=self.session_days)


@cache
def load() -> Settings:
    """Read the environment, once. Call it where a setting is used, never while a module is imported."""
    return Settings()
