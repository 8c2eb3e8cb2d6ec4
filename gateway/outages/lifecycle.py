"""What may happen to an area outage: its states in the groups that others ask for."""

from gateway.model import OutageState

DECIDING = (OutageState.SUSPECTED, OutageState.CONFIRMED)  # it may still grow, shrink or be dismissed
DARK = (*DECIDING, OutageState.RESTORING)  # some of its homes have not come back
STANDING = (*DARK, OutageState.RESTORED)  # the last may still be coming back
OVER = (OutageState.RESTORED, OutageState.CLOSED)
