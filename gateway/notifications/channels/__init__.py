"""Notification channels: e-mail, webhook and Apprise; each sends one message to one address."""

from gateway.config.branding.logo import Logo, read_logo
from gateway.config.phone_numbers import PHONE
from gateway.config.settings import Settings
from gateway.notifications.channels import email, webhook
from gateway.notifications.channels.address import check_address
from gateway.notifications.channels.outcome import Channel, NotSent, Outcome, Receipt, Send, Sent, Unknown

__all__ = ["Channel", "NotSent", "Outcome", "Receipt", "Send", "Sent", "Unknown", "build_channels",
           "check_address", "logo_of"]


def build_channels(settings: Settings) -> dict[str, Channel]:
    """Every configured channel by name; raises ValueError naming the setting that is wrong."""
    configured = settings.channels
    channels: dict[str, Channel] = {}
    if configured.email:
        channels["email"] = Channel("email", "long", email.sender(configured.email, logo_of(settings)),
                                    email.checker(configured.email))
    if configured.webhook:
        channels["webhook"] = Channel("webhook", "short", webhook.sender(configured.webhook),
                                      webhook.checker(configured.webhook), server_each=True, knows_repeats=True)
    unknown = sorted(configured.limit_of.keys() - {"email", "webhook"} - configured.apprise.keys())
    if unknown:
        raise ValueError(f"channels.limits.{unknown[0]}: there is no channel {unknown[0]!r}; expected one of "
                         f"{', '.join(sorted(channels.keys() | configured.apprise.keys())) or 'none, none is set up'}")
    if configured.apprise:
        from gateway.notifications.channels import apprise_channel  # half a second and 30 MB, only for those who use it

        for name, template in configured.apprise.items():
            if name in channels:
                raise ValueError(f"channels.apprise.{name}: the name is taken by the built-in channel {name!r}")
            if name == PHONE:
                raise ValueError(f"channels.apprise.{name}: the name is kept for numbers that people ring — expected "
                                 "another, e.g. sms or voice")
            channels[name] = apprise_channel.channel(name, template.get_secret_value())
    return channels


def logo_of(settings: Settings) -> Logo | None:
    """The operator's, that mails show. Raises BadLogo."""
    return read_logo(settings.branding.logo) if settings.branding.logo else None
