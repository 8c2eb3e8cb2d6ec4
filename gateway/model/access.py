"""Tables of who may do what, and who did: users and their sessions, signed links and what was sent by them, API keys,
the audit log, the devices' logins at the broker, who has which page open, what they keep at the console, and how
other systems call things."""

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, text
from sqlmodel import Field

from gateway.model.instant import Instant
from gateway.model.row import Row, numbered
from gateway.model.states import ActorKind, AuditOutcome, ExternalKind, LinkPurpose, Role, SubjectKind, stored


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


class User(Row, table=True):
    """Somebody who signs in at the console."""

    __tablename__ = "account"  # "user" is a word of SQL
    __table_args__ = (
        Index("account_email", "email", unique=True),
        Index("account_outside", "issuer", "outside_id", unique=True, sqlite_where=text("issuer IS NOT NULL"),
              postgresql_where=text("issuer IS NOT NULL")),
    )
    id: str = Field(primary_key=True)
    name: str  # as timelines name them
    email: str  # lower case: what they sign in with
    role: Role = Field(sa_type=stored(Role))
    provider_id: str | None = Field(default=None, foreign_key="provider.id")  # of the role provider: whose people
    password: str | None = None  # Argon2id; None: they have not set one, or sign in elsewhere
    code_secret: str | None = None  # of the second factor, encrypted; None: they have none
    code_step: int = Field(default=0, sa_type=BigInteger)  # the newest time step whose code was used
    wrong: int = 0  # passwords and codes since the last good one
    blocked_until: Instant | None = Field(default=None, sa_type=BigInteger)
    issuer: str | None = None  # who vouches for them (OpenID Connect), and under which id
    outside_id: str | None = None
    created_at: Instant = Field(sa_type=BigInteger)
    disabled_at: Instant | None = Field(default=None, sa_type=BigInteger)


class WebSession(Row, table=True):
    """That somebody is signed in, in one browser: of its random id only a SHA-256 is kept."""

    __tablename__ = "web_session"
    id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="account.id", index=True)
    role: Role = Field(sa_type=stored(Role))  # as it was then: with another they sign in again
    created_at: Instant = Field(sa_type=BigInteger)
    seen_at: Instant = Field(sa_type=BigInteger)  # they last did something
    proved_at: Instant = Field(sa_type=BigInteger)  # they last gave their password or code
    ends_at: Instant = Field(sa_type=BigInteger, index=True)  # whatever they do
    revoked_at: Instant | None = Field(default=None, sa_type=BigInteger)
    waits_for_code: bool = False  # the password was right, and the second factor is asked for
    address: str = ""  # where from
    browser: str = ""  # as it calls itself


class RecoveryCode(Row, table=True):
    """One of the codes for whoever has lost their second factor: a SHA-256, used once."""

    __tablename__ = "recovery_code"
    hash: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="account.id", index=True)
    used_at: Instant | None = Field(default=None, sa_type=BigInteger)


class SignInFlow(Row, table=True):
    """That somebody is at the identity provider, and will come back within ten minutes, once, in the same browser."""

    __tablename__ = "sign_in_flow"
    id: str = Field(primary_key=True)  # SHA-256 of the `state` that comes back with them
    browser: str  # SHA-256 of the cookie that only their browser has
    nonce: str  # which the provider puts into its token
    verifier: str  # whose hash the provider has: whoever steals the code cannot use it
    ends_at: Instant = Field(sa_type=BigInteger, index=True)
    next: str = ""  # where they were going
    kept: str = ""  # what they had written when their session was over
    session_id: str = ""  # of whoever is signed in and proves again who they are; empty: they sign in


class Audit(Row, table=True):
    """Who did what, where from, and how it was before and after; ids and states, no personal text. Never changed: the
    database refuses it."""

    __table_args__ = (Index("audit_at", "at", "id"), Index("audit_object", "object_id", "at", "id"),
                      Index("audit_by", "account", "at", "id"), Index("audit_action", "action", "at", "id"),
                      Index("audit_outcome", "outcome", "at", "id"))
    id: int | None = Field(default=None, sa_column=numbered())
    at: Instant = Field(sa_type=BigInteger)
    actor: ActorKind = Field(sa_type=stored(ActorKind))
    account: str = ""  # id of the user or key; "": by a link, or the command line
    role: Role | None = Field(default=None, sa_type=stored(Role))
    address: str = ""  # where from
    action: str  # e.g. "hold_ticket"
    outcome: AuditOutcome = Field(default=AuditOutcome.DONE, sa_type=stored(AuditOutcome))
    object_kind: str = ""  # e.g. "ticket"
    object_id: str = ""
    before: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))  # column → value
    after: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class SentForm(Row, table=True):
    """A form that was sent and has done what it should: sent once more, as by a double click, it does nothing."""

    __tablename__ = "sent_form"
    key: str = Field(primary_key=True)  # the random one that the page has put into it
    account: str  # the user's id
    at: Instant = Field(sa_type=BigInteger, index=True)


class SentAct(Row, table=True):
    """An act that came by a link under a key of its sender's: sent once more, as by a phone that lost the answer, it
    does nothing and has the same answer."""

    __tablename__ = "sent_act"
    link_id: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    body: str  # SHA-256 of what was sent
    status: int
    reply: str  # JSON
    at: Instant = Field(sa_type=BigInteger, index=True)


class OpenPage(Row, table=True):
    """That somebody has a page about this open, whichever process serves it."""

    __tablename__ = "open_page"
    subject_id: str = Field(primary_key=True)
    account: str = Field(primary_key=True)  # the user's id
    name: str
    typing: bool = False
    at: Instant = Field(sa_type=BigInteger, index=True)  # when their browser last said so


class FormDraft(Row, table=True):
    """What somebody has typed into a form and not sent: shown again when they open it, for a day."""

    __tablename__ = "form_draft"
    user_id: str = Field(primary_key=True, foreign_key="account.id")
    key: str = Field(primary_key=True)  # of the form, e.g. "add_note-T-4F7QK2M9"
    fields: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))  # name → value
    at: Instant = Field(sa_type=BigInteger, index=True)


class SavedView(Row, table=True):
    """A filter of a list under a name, for one user or for everybody."""

    __tablename__ = "saved_view"
    id: str = Field(primary_key=True)
    user_id: str | None = Field(default=None, foreign_key="account.id", index=True)  # None: everybody's
    name: str
    filter: str  # the query of the list's address
    created_at: Instant = Field(sa_type=BigInteger)


class BulkResult(Row, table=True):
    """What became of an act on many tickets, one by one; for a day."""

    __tablename__ = "bulk_result"
    id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="account.id", index=True)
    act: str
    back: str  # the query of the list that it was started from
    # [ticket id, "done" | "skipped" | "failed", why]
    lines: list[list[str]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    # what its time did not suffice for: the form, and the ids
    rest: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    at: Instant = Field(sa_type=BigInteger, index=True)


class ApiKey(Row, table=True):
    """Who may call the API: only a SHA-256 of the random key is kept."""

    __tablename__ = "api_key"
    id: str = Field(primary_key=True)
    name: str
    hash: str = Field(unique=True)
    role: Role = Field(sa_type=stored(Role))
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


class ExternalId(Row, table=True):
    """How another system calls a row of ours: one id in each system, and each of its ids belongs to one row."""

    __tablename__ = "external_id"
    __table_args__ = (Index("external_id_once", "kind", "system", "value", unique=True),)
    kind: ExternalKind = Field(primary_key=True, sa_type=stored(ExternalKind))
    row_id: str = Field(primary_key=True)
    system: str = Field(primary_key=True)  # e.g. "crm"
    value: str
