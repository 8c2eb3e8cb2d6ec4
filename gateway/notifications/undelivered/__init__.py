"""What the dispatcher hears of messages that did not reach somebody: one by one, or many in one list."""
