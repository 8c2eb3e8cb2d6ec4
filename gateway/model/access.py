"""Tables of who may do what: signed links, API keys, and the devices' logins at the broker."""

from sqlalchemy import JSON, BigInteger, Column
from sqlmodel import Field

from gateway.model.instant import Instant
from gateway.model.row import Row
from gateway.model.states import ApiRole, LinkPurpose, SubjectKind, stored


class Link(Row, table=True):
    """A signed link's other half: what it opens, until when, and whether it was revoked."""

    id: str = Field(primary_key=True)
    purpose: LinkPurpose = Field(sa_type=stored(LinkPurpose))
    subject_kind: SubjectKind = Field(sa_type=stored(SubjectKind))
    subject_id: str = Field(index=True)
    site_id: str = ""  # of an outage: whose home it shows
    person: str = ""  # of a dispatcher's page: who in on_call.people acts by it; "" = any of the dispatcher's people
    created_at: Instant = Field(sa_type=BigInteger)
    expires_at: Instant = Field(sa_type=BigInteger)
    revoked_at: Instant | None = Field(default=None, sa_type=BigInteger)


class ApiKey(Row, table=True):
    """Who may call the API: only a SHA-256 of the random key is kept."""

    __tablename__ = "api_key"
    id: str = Field(primary_key=True)
    name: str
    hash: str = Field(unique=True)
    role: ApiRole = Field(sa_type=stored(ApiRole))
    created_at: Instant = Field(sa_type=BigInteger)
    revoked_at: Instant | None = Field(default=None, sa_type=BigInteger)


class PinTries(Row, table=True):
    """The wrong PINs with the same first digits, which name the visit: after too many those are locked for a while.
    Under `id` "" are all of them, which lock nothing."""

    __tablename__ = "pin_tries"
    id: str = Field(primary_key=True)
    wrong: list[int] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))  # when, the newest last
    locks: int = 0  # one after the other, with less than a day between them
    locked_until: Instant | None = Field(default=None, sa_type=BigInteger)


class Credential(Row, table=True):
    """What a device logs in to the broker with: its id, and a secret of which only the broker's own hash is kept."""

    device_id: str = Field(primary_key=True, foreign_key="device.id")
    hash: str  # as Mosquitto's password file holds it: $7$<iterations>$<salt>$<hash>
    made_at: Instant = Field(sa_type=BigInteger)
