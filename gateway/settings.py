"""One frozen Settings: gateway.yaml, overridden by environment variables; a bad value stops start-up and says which."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource

LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Mqtt(Section):
    host: str = "127.0.0.1"
    port: int = Field(1883, ge=1, le=65535)
    client_id: str = Field("gateway", min_length=1, max_length=60)  # fixed: the broker keeps our session under it
    version: Literal["3.1.1", "5"] = "5"
    username: str | None = None
    password: SecretStr | None = None
    tls: bool = False
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    share: str | None = None  # group name: several gateways subscribe as $share/<group>/…
    queue: int = Field(4000, ge=10, le=60_000)  # messages held in memory and not yet acknowledged


class Web(Section):
    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    public_url: str = "http://127.0.0.1:8080"  # what links in messages start with


class Smtp(Section):
    host: str
    port: int = 587
    sender: str  # the From address
    sender_name: str = ""
    username: str | None = None
    password: SecretStr | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"


class Webhook(Section):
    secret: SecretStr  # Standard Webhooks signing secret, "whsec_…"
    allow_private: bool = False  # may post to private and loopback addresses


class Channels(Section):
    email: Smtp | None = None
    webhook: Webhook | None = None
    # name → Apprise URL with {address} where the verified address goes, e.g. sms: "twilio://sid:token@+4144…/{address}"
    apprise: dict[str, SecretStr] = Field(default_factory=dict)


class Service(Section):
    """The promises the operator makes."""

    offer_minutes: int = Field(30, ge=1)  # how long one provider is asked, normal work
    offer_minutes_critical: int = Field(10, ge=1)
    arrival_hours: int = Field(4, ge=1)  # the arrival window promised when a provider accepts without naming one
    callback_minutes: int = Field(60, ge=1)
    callback_minutes_urgent: int = Field(15, ge=1)
    callback_hours: dict[str, list[tuple[str, str]]] | None = None  # None: at any hour
    callback_timezone: str = "UTC"
    recurrence_minutes: int = Field(15, ge=0)  # a fault back within this time reopens the same ticket
    dispatcher: list[dict[str, str]] = Field(default_factory=list)  # [{channel: email, address: …}]
    phone: str = ""  # the number customers may call, printed in messages
    name: str = "Your service team"  # who signs the messages


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="GATEWAY_", env_nested_delimiter="__", frozen=True, extra="forbid")

    database_url: str = "sqlite:///gateway.db"
    secret: SecretStr = SecretStr("")  # signs links; at least 32 characters
    profiles: Path = Path("profiles")
    fleet: Path | None = None
    readings_days: int = Field(30, ge=1)
    dialects: tuple[str, ...] = ("native", "tasmota", "shelly", "zigbee2mqtt")
    mqtt: Mqtt = Mqtt()
    web: Web = Web()
    channels: Channels = Channels()
    service: Service = Service()

    @model_validator(mode="after")
    def _no_weak_secret_in_public(self) -> "Settings":
        if self.web.host not in LOOPBACK and len(self.secret.get_secret_value()) < 32:
            raise ValueError(
                f"web.host {self.web.host} is not a loopback address, so secret must be set (at least 32 characters): "
                "put it in GATEWAY_SECRET or a secrets file"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource, dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, file_secret_settings, YamlConfigSettingsSource(settings_cls)


def load(path: Path | None = None, **overrides: Any) -> Settings:
    """Settings from `path` (gateway.yaml), environment and `overrides`; raises pydantic.ValidationError."""

    class FromFile(Settings):
        model_config = SettingsConfigDict(yaml_file=path)

    return FromFile(**overrides)
