"""`gateway shadow`: what would have gone while the gateway ran in the shadow mode."""

from gateway.cli.shadow.report import app

__all__ = ["app"]
