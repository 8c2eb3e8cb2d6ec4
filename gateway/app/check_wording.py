"""What `gateway check` says of the sentences of each language, and of the operator's own wording."""

from gateway.app.clock import now
from gateway.config.settings import Settings
from gateway.notifications.catalogue import BrokenCatalogue
from gateway.notifications.catalogues import load_overrides, messages
from gateway.notifications.wording.lint import lint
from gateway.notifications.wording.overrides import BadWording, Overrides


def check_wording(settings: Settings) -> tuple[list[str], list[str], Overrides | None]:
    """(errors, warnings, the operator's templates)."""
    try:
        ours = messages()
        overrides = load_overrides(settings.wording)
    except BadWording as bad:
        return bad.errors, [], None
    except BrokenCatalogue as broken:
        return [str(broken)], [], None
    return [], list(lint(ours.with_overrides(overrides), now())) if overrides else [], overrides
