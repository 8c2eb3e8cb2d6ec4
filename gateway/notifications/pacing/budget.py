"""What one claim may spend on a channel that takes only so much at once, and who waits until when."""

from dataclasses import dataclass

from gateway.config.field_types import Rate
from gateway.model import ChannelUse, Instant


@dataclass
class Budget:
    """What one claim may spend on a channel, and when what does not fit has its turn."""

    rate: Rate
    use: ChannelUse  # the row itself, locked: nobody hears of its changes
    now: Instant

    def take(self, may_overdraw: bool) -> bool:
        """Whether one more may go now; it has gone then."""
        if not may_overdraw and not self.rate.room(self.use.spent_until, self.now):
            return False
        self.use.spent_until = self.rate.spent(self.use.spent_until, 1, self.now)
        return True

    def turn(self) -> Instant:
        """When one more may go, behind all that wait already."""
        free_at = self.use.spent_until - self.rate.within + round(self.rate.each)
        self.use.queue_until = max(self.use.queue_until + round(self.rate.each), free_at, self.now + 1)
        return self.use.queue_until
