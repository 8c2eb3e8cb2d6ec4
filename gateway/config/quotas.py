"""Limits on the work that one device, customer or unclaimed device may cause, each with its reason."""

# A device with twenty faults at once is one broken device, and a technician goes once.
FAULTS_AT_ONCE = 20  # open fault alarms of one device; what it reports beyond is one alarm, "many faults"
FAULTS_AN_HOUR = 40  # of different codes, over or not: what comes and goes under ever new names is many faults too
FAULTS_LISTED = 200  # of those beyond, remembered by code, so that the alarm ends when the last of them does
FAULTS_REMEMBERED = 100  # codes that are over, of one device: what is older than their last word changes nothing
SIGNALS_REMEMBERED = 500  # last values of one device, beyond those its profile names

# A bad day with a fault, its visit and a power cut makes about ten messages; more in an hour nobody reads.
MESSAGES_AN_HOUR = 12  # to one customer. Critical news and answers to a person's press are never held back
MESSAGES_A_DAY = 40

# Whoever cannot be told is rung by the dispatcher. The fourth mail in ten minutes says that something larger is wrong.
UNDELIVERED_ALONE = 3  # people of whom the dispatcher hears one by one; then they are put on a list
UNDELIVERED_WITHIN = 10 * 60_000  # ms in which they are counted
UNDELIVERED_LISTED = 1_000  # people named in one message; of more it gives the number

# A dead letter is kept so that somebody can see what went wrong: the hundredth of one device says nothing new.
DEAD_LETTERS_PER_SOURCE = 100  # of one source, see `store.dead_letters.source_of`; its oldest make room
DEAD_LETTERS = 5_000  # in all: about 24 MB with payloads of 4 KiB each

# What dialects remember between messages is a few names a source (a Sparkplug node: one list of aliases).
NOTES_PER_SOURCE = 100  # names of one source
NOTE_BYTES = 256 * 1024  # of one value as JSON: a node with 4,000 metrics fits
NOTES = 50_000  # in all

# Critical news and offers cannot wait: the next contact is tried within half a minute.
TRIES_CRITICAL = 3  # failures on one contact
