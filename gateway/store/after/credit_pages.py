"""For how long a page about an outage is shown, because it says what a home was credited."""

from sqlmodel import Session, col, select

from gateway.model import DAY, Goodwill, GoodwillState, Instant

SHOWN = 7 * DAY


def credit_shown_until(session: Session, case_id: str, site_id: str) -> Instant:
    """0: that home was credited nothing for it."""
    given = session.exec(select(Goodwill.given_at).where(
        Goodwill.case_id == case_id, Goodwill.site_id == site_id, Goodwill.state == GoodwillState.GIVEN)
        .order_by(col(Goodwill.given_at).desc())).first()
    return 0 if given is None else given + SHOWN
