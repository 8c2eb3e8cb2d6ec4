"""How fast messages go: channels that are paused because they fail, and channels that take only so much at once."""
