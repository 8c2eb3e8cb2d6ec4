"""The job sheet of a visit that is over: who, where, when, what was found and done; printed for an invoice."""

from typing import Any

from fastapi.responses import Response
from sqlmodel import Session

from gateway.model import DAY, Instant, LinkPurpose, Provider, Visit, VisitState
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.format_times import TimeFormat
from gateway.store.views import pages
from gateway.web.dependencies import Gw, Now
from gateway.web.pages.links import LinkInvalid, Render, open_link
from gateway.web.pages.ticket_view import also_said, cause_of, payer_lines
from gateway.web.routes import Routes

router = Routes(include_in_schema=False)
SHEET_FOR = 90 * DAY  # after the visit: so long a firm may take to write its invoice


@router.api_route("/v/{token}/sheet", methods=["GET", "HEAD"])
def sheet_of_visit(gw: Gw, now: Now, render: Render, token: str) -> Response:
    """From the technician's page, while that can be read."""
    with gw.store.read() as session:
        visit_id = open_link(session, gw.settings, LinkPurpose.VISIT, token, now).subject_id
        words, facts = sheet_facts(session, session.get(Visit, visit_id), now)
    return render.page("job_sheet.html", words, back=f"{render.root}/v/{token}", **facts)


@router.api_route("/p/{token}/sheets/{visit_id}", methods=["GET", "HEAD"])
def sheet_of_firm(gw: Gw, now: Now, render: Render, token: str, visit_id: str) -> Response:
    """From the firm's page: any of its own visits."""
    with gw.store.read() as session:
        firm_id = open_link(session, gw.settings, LinkPurpose.FIRM, token, now).subject_id
        visit = session.get(Visit, visit_id)
        if visit is None or visit.provider_id != firm_id or session.get_one(Provider, firm_id).removed_at is not None:
            raise LinkInvalid
        words, facts = sheet_facts(session, visit, now)
    return render.page("job_sheet.html", words, back=f"{render.root}/p/{token}", **facts)


def has_sheet(visit: Visit, now: Instant) -> bool:
    return visit.state is VisitState.DONE and visit.outcome is not None and (visit.done_at or 0) > now - SHEET_FOR


def sheet_facts(session: Session, visit: Visit | None, now: Instant) -> tuple[Catalogue, dict[str, Any]]:
    """Raises LinkInvalid for a visit that has no sheet: it is not over, or too long ago."""
    job = pages.job(session, visit) if visit is not None and has_sheet(visit, now) else None
    if visit is None or job is None:
        raise LinkInvalid
    words = catalogue_for(job.provider.locale)
    say = TimeFormat(words, job.site.timezone, now)
    moved = job.site.household_left_at is not None or (job.site.household_since or 0) > visit.created_at
    cause = cause_of(job, words)
    return words, {
        "visit": visit, "job": job, "say": say, "cause": cause,
        "also": also_said(job.reports, cause, words), "payers": payer_lines(job, words),
        # who has moved out is not written down once more
        "whom": "" if moved or job.outage is not None else job.customer.name,
        "where": "" if moved else job.site.address,
        "times": _times(visit, say, words)}


def _times(visit: Visit, say: TimeFormat, words: Catalogue) -> list[tuple[str, str]]:
    rows = [(words("page.sheet.window"), say.span_exact(visit.window_from, visit.window_until))]
    if visit.on_site_at is not None and visit.done_at is not None:
        rows += [(words("page.sheet.on_site"), say.span_exact(visit.on_site_at, visit.done_at)),
                 (words("page.sheet.took"), say.duration(visit.done_at - visit.on_site_at))]
    elif visit.done_at is not None:
        rows.append((words("page.sheet.ended"), say.exact(visit.done_at)))
    return rows
