"""A page of timeline entries for the API, worded in the requested language."""

from gateway.model import Entry as Row
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.entries import actor_name, entry_sentence
from gateway.store.views.pagination import Page
from gateway.web.api.models import Entry, EntryPage


def timeline_page(page: Page, language: str, zone: str) -> EntryPage:
    """`page`: rows are entries; `zone`: of the times in the sentences."""
    catalogue = catalogue_for(language)
    return EntryPage(items=[_entry(row, catalogue, zone) for row in page.rows], next=page.next)


def _entry(row: Row, catalogue: Catalogue, zone: str) -> Entry:
    return Entry(**row.model_dump(), why=row.evidence, who=actor_name(row.by, catalogue),
                 what=entry_sentence(row, catalogue, zone))
