"""users: added with a link that works once, given another role, disabled; what they set for themselves."""

from typing import NamedTuple

from sqlmodel import Session

from gateway.access.rights import OF_USERS
from gateway.config.settings import Settings
from gateway.flow.accounts.audit import actor_of, write_act
from gateway.flow.accounts.one_time_codes import encrypt, hash_recovery_code, is_secret, new_recovery_codes, step_of
from gateway.flow.accounts.passwords import hash_password, password_error
from gateway.flow.gateway import Gateway
from gateway.model import DAY, Actor, ActorKind, Instant, Link, LinkPurpose, Provider, Role, SubjectKind, User, new_id
from gateway.model.plan import NoSuch, Plan
from gateway.notifications import signed_links
from gateway.store.accounts import sessions, users
from gateway.store.views.pages import live_link

FIRST = "first"  # stands for the user who is not there yet
LONGEST_NAME = 80  # characters
WELCOME_FOR = DAY  # so long somebody may take to set their password


class NewAccount(NamedTuple):
    """What somebody says at their welcome."""

    password: str
    name: str = ""  # of the first account, as the email
    email: str = ""


class BadUser(Exception):
    """What is wrong with a user, or with what they want to set: (field, what was expected)."""

    def __init__(self, field: str, expected: str) -> None:
        super().__init__(f"{field}: {expected}")
        self.field, self.expected = field, expected


def add_user(session: Session, name: str, email: str, role: str, provider_id: str | None, who: Actor, now: Instant
             ) -> User:
    """In the caller's transaction. Raises BadUser."""
    email = email.strip().lower()
    if not is_address(email):
        raise BadUser("email", f"{email!r} — expected an address like dana@example.com")
    if users.by_email(session, email) is not None:
        raise BadUser("email", f"{email!r} has an account already")
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or "\0" in name:
        raise BadUser("name", f"expected the name that timelines show, with at most {LONGEST_NAME} characters")
    user = User(id=new_id("U"), name=name, email=email, created_at=now, provider_id=provider_id,
                role=_checked(session, role, provider_id))
    session.add(user)
    session.flush()
    _write(session, "add_user", user, who, now)
    return user


def is_address(email: str) -> bool:
    """Whether it may be somebody's email address."""
    return "@" in email.strip("@") and len(email) <= 254 and email.isprintable() and " " not in email


def change_role(session: Session, user_id: str, role: str, provider_id: str | None, who: Actor, now: Instant) -> User:
    """They sign in anew. Raises BadUser, also where nobody would be left who gives rights, and NoSuch."""
    user = _user(session, user_id)
    wanted = _checked(session, role, provider_id)
    if wanted is not Role.OPERATOR:
        _keep_an_operator(session, user)
    user.role, user.provider_id = wanted, provider_id
    session.add(user)
    sessions.end_all(session, user_id, now)
    _write(session, "change_role", user, who, now)
    return user


def disable_user(session: Session, user_id: str, who: Actor, now: Instant) -> User:
    """Their sessions end at once. Raises BadUser where nobody would be left who gives rights, and NoSuch."""
    user = _user(session, user_id)
    _keep_an_operator(session, user)
    user.disabled_at = user.disabled_at or now
    session.add(user)
    sessions.end_all(session, user_id, now)
    _write(session, "disable_user", user, who, now)
    return user


def reset_user(session: Session, user_id: str, who: Actor, now: Instant) -> User:
    """Password and second factor are gone, their sessions end; `welcome` gives them a link. Raises NoSuch."""
    user = _user(session, user_id)
    user.password = user.code_secret = user.disabled_at = user.blocked_until = None
    user.wrong = 0
    session.add(user)
    users.replace_recovery_codes(session, user_id, [])
    sessions.end_all(session, user_id, now)
    _write(session, "reset_user", user, who, now)
    return user


def end_sessions(session: Session, user_id: str, session_id: str, who: Actor, now: Instant) -> User:
    """One of theirs, or ("") all. Raises NoSuch."""
    user = _user(session, user_id)
    if not session_id:
        sessions.end_all(session, user_id, now)
    elif session_id in {one.id for one in sessions.open_of(session, user_id, now)}:
        sessions.end(session, session_id, now)
    else:
        raise NoSuch("there is no such session")
    _write(session, "end_session", user, who, now)
    return user


def welcome(settings: Settings, session: Session, user_id: str, now: Instant) -> str:
    """The address where a user sets their password, once; earlier ones no longer work."""
    users.revoke_links(session, user_id, LinkPurpose.WELCOME, now)
    return _link(settings, session, user_id, LinkPurpose.WELCOME, now)


def sign_in_link(settings: Settings, session: Session, user_id: str, now: Instant) -> str:
    """The address that signs a user in, for a day and as often as it is opened: only for a demonstration."""
    users.revoke_links(session, user_id, LinkPurpose.SIGN_IN, now)
    return _link(settings, session, user_id, LinkPurpose.SIGN_IN, now)


def _link(settings: Settings, session: Session, user_id: str, purpose: LinkPurpose, now: Instant) -> str:
    link = Link(id=new_id("L"), purpose=purpose, subject_kind=SubjectKind.USER, subject_id=user_id, created_at=now,
                expires_at=now + WELCOME_FOR)
    session.add(link)
    session.flush()
    return signed_links.url(settings.web.public_url, settings.secret.get_secret_value(), purpose, link.id)


def who_enters(gw: Gateway, session: Session, token: str, now: Instant) -> User | None:
    """Whom a link of `sign_in_link` signs in."""
    link_id = signed_links.read(gw.settings.secret.get_secret_value(), LinkPurpose.SIGN_IN, token)
    link = live_link(session, link_id, LinkPurpose.SIGN_IN, now) if link_id else None
    user = session.get(User, link.subject_id) if link is not None else None
    return user if user is not None and user.disabled_at is None else None


def first_welcome(settings: Settings, session: Session, now: Instant) -> str | None:
    """The address where whoever comes first makes the first account; None: there are accounts."""
    return None if users.any_user(session) else welcome(settings, session, FIRST, now)


class Welcomed(NamedTuple):
    """What a welcome link opens."""

    link: Link
    user: User | None  # None: the first account is to be made


def welcomed(gw: Gateway, session: Session, token: str, now: Instant) -> Welcomed | None:
    """None when the link was used, or is none."""
    link_id = signed_links.read(gw.settings.secret.get_secret_value(), LinkPurpose.WELCOME, token)
    link = live_link(session, link_id, LinkPurpose.WELCOME, now) if link_id else None
    if link is None:
        return None
    if link.subject_id == FIRST:
        return None if users.any_user(session) else Welcomed(link, None)
    user = session.get(User, link.subject_id)
    return None if user is None or user.disabled_at is not None else Welcomed(link, user)


def accept_welcome(gw: Gateway, token: str, given: NewAccount, address: str, now: Instant) -> User | None:
    """Sets the password, and makes the first account where there is none; the link works no more afterwards. None when
    it does not work. Raises BadUser."""
    with gw.store.read() as session:
        found = welcomed(gw, session, token, now)
    if found is None:
        return None
    _check_password(found.user or User(id="", name=given.name, email=given.email, role=Role.OPERATOR, created_at=now),
                    given.password)
    hashed = hash_password(given.password)
    with gw.store.write() as session:
        found = welcomed(gw, session, token, now)
        if found is None or not users.take_link(session, found.link.id, now):
            return None
        user = found.user or add_user(session, given.name, given.email, Role.OPERATOR, None,
                                      Actor(ActorKind.OPERATOR, address=address), now)
        user.password = hashed
        session.add(user)
        users.forget_tries(session, user.id)
        _write(session, "set_password", user, actor_of(user, address), now)
    return user


def set_password(gw: Gateway, user: User, password: str, address: str, keep: str, now: Instant) -> None:
    """Their other sessions end; `keep`: the id of the one that they are in. Raises BadUser."""
    _check_password(user, password)
    hashed = hash_password(password)
    with gw.store.write() as session:
        row = _user(session, user.id)
        row.password = hashed
        session.add(row)
        sessions.end_all(session, user.id, now, but=keep)
        _write(session, "set_password", row, actor_of(row, address), now)


def set_code_secret(gw: Gateway, user: User, secret: str, code: str, address: str, now: Instant) -> list[str]:
    """A second factor from now on, proved by its first code; the recovery codes, to be shown once. Raises BadUser."""
    step = step_of(secret, code, now) if is_secret(secret) else None
    if step is None:
        raise BadUser("code", "it does not fit — expected the six digits that the app shows now")
    codes = new_recovery_codes()
    with gw.store.write() as session:
        row = _user(session, user.id)
        row.code_secret, row.code_step = encrypt(secret, gw.settings.secret.get_secret_value()), step
        session.add(row)
        users.replace_recovery_codes(session, user.id, [hash_recovery_code(user.id, one) for one in codes])
        _write(session, "set_second_factor", row, actor_of(row, address), now)
    return codes


def _checked(session: Session, role: str, provider_id: str | None) -> Role:
    if role not in tuple(OF_USERS):
        raise BadUser("role", f"{role!r} — expected one of {', '.join(OF_USERS)}")
    if role == Role.PROVIDER and (provider_id is None or session.get(Provider, provider_id) is None):
        raise BadUser("provider", f"{provider_id!r} — expected the id of the provider whose people they are")
    if role != Role.PROVIDER and provider_id is not None:
        raise BadUser("provider", f"only for the role {Role.PROVIDER}")
    return Role(role)


def is_last_operator(session: Session, user: User) -> bool:
    """Whether nobody else is left who gives rights."""
    return user.role is Role.OPERATOR and {
        one.id for one in users.enabled_operators(session, lock=True)} <= {user.id}


def _keep_an_operator(session: Session, user: User) -> None:
    if is_last_operator(session, user):
        raise BadUser("role", "they are the last operator — give somebody else that role first")


def _check_password(user: User, password: str) -> None:
    wrong = password_error(password, user.name, user.email, user.code_secret is not None)
    if wrong is not None:
        raise BadUser("password", wrong)


def _user(session: Session, user_id: str) -> User:
    """Nobody else changes them or signs in as them until this is done. Raises NoSuch."""
    user = session.get(User, user_id, with_for_update=True)
    if user is None:
        raise NoSuch(f"there is no user {user_id}")
    return user


def _write(session: Session, action: str, user: User, who: Actor, now: Instant) -> None:
    write_act(session, action, ("user", user.id), Plan(), who, now)
