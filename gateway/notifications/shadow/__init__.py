"""The shadow mode: what is decided, worded and written down, and does not leave the house."""

from gateway.notifications.shadow.decide import NEVER_LEFT, InShadow, is_live, stays_here

__all__ = ["NEVER_LEFT", "InShadow", "is_live", "stays_here"]
