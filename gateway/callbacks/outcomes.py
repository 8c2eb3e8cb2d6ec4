"""What may come of a call, by its kind, the most frequent first."""

from collections.abc import Mapping, Sequence

from gateway.model import CallbackKind, CallOutcome

_OF_HELP = (CallOutcome.HELP_SENT, CallOutcome.BY_MISTAKE, CallOutcome.WAS_TEST)
_OF_A_FAULT = (CallOutcome.FIXED, CallOutcome.INFORMED, CallOutcome.VISIT_NEEDED, CallOutcome.STILL_OUT)

OUTCOMES: Mapping[CallbackKind, Sequence[CallOutcome]] = {
    CallbackKind.ORDINARY: (*_OF_A_FAULT, CallOutcome.BY_MISTAKE, CallOutcome.HELP_SENT),
    CallbackKind.EMERGENCY: (*_OF_HELP, *_OF_A_FAULT),
    CallbackKind.CHECK: (*_OF_A_FAULT, *_OF_HELP),
}
