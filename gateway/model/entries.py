"""What can stand in a timeline: every kind of entry, and its English sentence with the parameters it needs."""

from enum import StrEnum


class EntryKind(StrEnum):
    """One kind of thing that happened; SENTENCES says it."""

    OPENED = "opened"
    REPORTED_AGAIN = "reported_again"
    CAME_BACK = "came_back"
    STILL_REPORTED = "still_reported"
    STILL_WATCHED = "still_watched"
    WORSE = "worse"
    FLAPPING = "flapping"
    CALM = "calm"
    BACK_TO_NORMAL = "back_to_normal"
    WAITS_FOR_ACKNOWLEDGEMENT = "waits_for_acknowledgement"
    ACKNOWLEDGED = "acknowledged"
    ALARM_CLOSED = "alarm_closed"
    OTHER_FAULT_OVER = "other_fault_over"
    RULE_REMOVED = "rule_removed"
    RULE_REMOVED_NOBODY_WATCHES = "rule_removed_nobody_watches"
    WAITS_FOR_OPENING = "waits_for_opening"
    NOBODY_LEFT = "nobody_left"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    LAPSED = "lapsed"
    EN_ROUTE = "en_route"
    ON_SITE = "on_site"
    INCOMPLETE = "incomplete"
    NO_ACCESS = "no_access"
    RESOLVED = "resolved"
    CANCELLED = "cancelled"
    CLOSED = "closed"
    REMOTE_FIX_BEGUN = "remote_fix_begun"
    REMOTE_FIX_WORKED = "remote_fix_worked"
    REMOTE_FIX_NOT_CONFIRMED = "remote_fix_not_confirmed"
    REMOTE_FIX_TRIED = "remote_fix_tried"
    REMOTE_FIX_NOT_TRIED = "remote_fix_not_tried"
    PRESSED = "pressed"
    PRESSED_AGAIN = "pressed_again"
    PRESSED_ANSWERED = "pressed_answered"
    CUSTOMER_ANSWERED = "customer_answered"
    CALLBACK_OVERDUE = "callback_overdue"
    CALLBACK_ATTEMPT = "callback_attempt"
    CALLBACK_NO_ANSWER = "callback_no_answer"
    CALLBACK_CONNECTED = "callback_connected"
    CALLBACK_DONE = "callback_done"
    OUTAGE_TICKET_OPENED = "outage_ticket_opened"
    OUTAGE_TICKET_POWER_BACK = "outage_ticket_power_back"
    OUTAGE_TICKET_CAME_BACK = "outage_ticket_came_back"
    OUTAGE_SUSPECTED = "outage_suspected"
    OUTAGE_MOVED = "outage_moved"
    OUTAGE_ABSORBED = "outage_absorbed"
    OUTAGE_DARK_AGAIN = "outage_dark_again"
    OUTAGE_GREW = "outage_grew"
    OUTAGE_WAITS = "outage_waits"
    OUTAGE_DISMISSED = "outage_dismissed"
    OUTAGE_CONFIRMED = "outage_confirmed"
    OUTAGE_CONFIRMED_OURS = "outage_confirmed_ours"
    OUTAGE_LONGER = "outage_longer"
    OUTAGE_RESTORING = "outage_restoring"
    OUTAGE_NESTED = "outage_nested"
    OUTAGE_STILL_OUT = "outage_still_out"
    OUTAGE_RESTORED = "outage_restored"
    OUTAGE_CLOSED = "outage_closed"
    BROKER_NOT_HEARD = "broker_not_heard"
    BROKER_HEARD_AGAIN = "broker_heard_again"
    TOPICS_NOT_HEARD = "topics_not_heard"
    TOPICS_HEARD_AGAIN = "topics_heard_again"
    CLOCK_JUMPED = "clock_jumped"
    MAINTENANCE_PLANNED = "maintenance_planned"
    MAINTENANCE_ANNOUNCED = "maintenance_announced"
    MAINTENANCE_OVER = "maintenance_over"
    TOLD = "told"
    NOT_TOLD = "not_told"
    MAYBE_TOLD = "maybe_told"
    COULD_NOT_TELL = "could_not_tell"


SENTENCES = {
    EntryKind.OPENED: "{cause} ({device})",
    EntryKind.REPORTED_AGAIN: "The device reports the fault again",
    EntryKind.CAME_BACK: "The fault came back",
    EntryKind.STILL_REPORTED: "The device still reports the fault",
    EntryKind.STILL_WATCHED: "The device still reports the fault; we go on watching it",
    EntryKind.WORSE: "More serious now: {severity}",
    EntryKind.FLAPPING: "It comes and goes: until it calms down it counts as one fault",
    EntryKind.CALM: "It has calmed down",
    EntryKind.BACK_TO_NORMAL: "The device reports that all is normal again",
    EntryKind.WAITS_FOR_ACKNOWLEDGEMENT: "The device reports that all is normal again; it stays open until somebody "
                                         "has acknowledged it",
    EntryKind.ACKNOWLEDGED: "Alarm acknowledged: {cause}",
    EntryKind.ALARM_CLOSED: "Alarm closed: {reason}",
    EntryKind.OTHER_FAULT_OVER: "It had been put down to another fault of the device ({rule}); that is over, and this "
                                "is not",
    EntryKind.RULE_REMOVED: "Withdrawn: profile {profile} has no rule {rule} any more",
    EntryKind.RULE_REMOVED_NOBODY_WATCHES: "Withdrawn: profile {profile} has no rule {rule} any more, so nothing "
                                           "watches this fault. Please find out whether anybody still has to come, and "
                                           "resolve or cancel the ticket",
    EntryKind.WAITS_FOR_OPENING: "Waits until a firm opens",
    EntryKind.NOBODY_LEFT: "Nobody can take this job now",
    EntryKind.OFFERED: "Offered to {provider}",
    EntryKind.ACCEPTED: "{provider} accepted; arrival {window_from} to {window_until}",
    EntryKind.DECLINED: "{provider} declined{reason}",
    EntryKind.LAPSED: "{provider} did not answer in time",
    EntryKind.EN_ROUTE: "On the way{minutes}",
    EntryKind.ON_SITE: "The technician is on site",
    EntryKind.INCOMPLETE: "The visit could not be finished: {note}",
    EntryKind.NO_ACCESS: "The visit nobody could let the technician in: {note}",
    EntryKind.RESOLVED: "Resolved: {resolution}",
    EntryKind.CANCELLED: "Cancelled: {reason}",
    EntryKind.CLOSED: "Closed",
    EntryKind.REMOTE_FIX_BEGUN: "Tried from afar before anybody is sent ({what})",
    EntryKind.REMOTE_FIX_WORKED: "Back to normal after the try from afar: nobody had to come",
    EntryKind.REMOTE_FIX_NOT_CONFIRMED: "Back to normal by itself, before the try from afar had been confirmed",
    EntryKind.REMOTE_FIX_TRIED: "Tried from afar at {tried_at} ({what}): {outcome}",
    EntryKind.REMOTE_FIX_NOT_TRIED: "Not tried from afar ({what}): {outcome}",
    EntryKind.PRESSED: "The button was pressed ({press})",
    EntryKind.PRESSED_AGAIN: "The button was pressed again ({press}){became}",
    EntryKind.PRESSED_ANSWERED: "The button was pressed ({press}); outage {outage} is the answer",
    EntryKind.CUSTOMER_ANSWERED: "Answered {customer}, who pressed the button",
    EntryKind.CALLBACK_OVERDUE: "The promised time has passed without a call",
    EntryKind.CALLBACK_ATTEMPT: "Calling (try {number})",
    EntryKind.CALLBACK_NO_ANSWER: "Nobody answered",
    EntryKind.CALLBACK_CONNECTED: "Talking to the customer",
    EntryKind.CALLBACK_DONE: "Done: {note}",
    EntryKind.OUTAGE_TICKET_OPENED: "{cause}, {homes} homes",
    EntryKind.OUTAGE_TICKET_POWER_BACK: "The homes report that they have power again",
    EntryKind.OUTAGE_TICKET_CAME_BACK: "The outage came back",
    EntryKind.OUTAGE_SUSPECTED: "Suspected: {dark} of {homes} homes of {area} went dark together",
    EntryKind.OUTAGE_MOVED: "Moves from {before} to {area}, which explains more of it",
    EntryKind.OUTAGE_ABSORBED: "Part of outage {larger}: goes on there",
    EntryKind.OUTAGE_DARK_AGAIN: "Dark again: {count_homes}",
    EntryKind.OUTAGE_GREW: "{count_more_homes}: {dark} are dark now",
    EntryKind.OUTAGE_WAITS: "Waits: {reason}",
    EntryKind.OUTAGE_DISMISSED: "Dismissed: {reason}",
    EntryKind.OUTAGE_CONFIRMED: "Confirmed: {dark} homes are dark, {customers} customers are told, ticket {ticket}",
    EntryKind.OUTAGE_CONFIRMED_OURS: "Confirmed: {dark} homes at once. Only the operator is told",
    EntryKind.OUTAGE_LONGER: "Takes longer than estimated; {customers} customers are told",
    EntryKind.OUTAGE_RESTORING: "Restoring: {back} of {homes} homes are back",
    EntryKind.OUTAGE_NESTED: "{count_homes} {own}",
    EntryKind.OUTAGE_STILL_OUT: "{dark} homes are still out together",
    EntryKind.OUTAGE_RESTORED: "Restored: {homes} homes were out",
    EntryKind.OUTAGE_CLOSED: "Closed",
    EntryKind.BROKER_NOT_HEARD: "The gateway hears no broker: nobody is judged meanwhile",
    EntryKind.BROKER_HEARD_AGAIN: "The gateway hears its broker again",
    EntryKind.TOPICS_NOT_HEARD: "The broker does not let the gateway hear {filters}: the silence of such devices is "
                                "not judged",
    EntryKind.TOPICS_HEARD_AGAIN: "The broker lets the gateway hear everything again",
    EntryKind.CLOCK_JUMPED: "Our own clock jumped by {seconds} s: nobody is judged by it",
    EntryKind.MAINTENANCE_PLANNED: "Planned",
    EntryKind.MAINTENANCE_ANNOUNCED: "Announced to {customers} customers",
    EntryKind.MAINTENANCE_OVER: "Over: who is still dark is looked after",
    EntryKind.TOLD: "Told {whom} by {channel}: {topic}",
    EntryKind.NOT_TOLD: "Did not tell {whom} “{topic}”: {reason}",
    EntryKind.MAYBE_TOLD: "Not known whether {whom} was told “{topic}”: {reason}",
    EntryKind.COULD_NOT_TELL: "Could not tell {whom} “{topic}”: {reason}",
}
