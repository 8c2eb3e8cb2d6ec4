"""What a text costs as an SMS: its alphabet, and in how many parts it goes (GSM 03.38, 3GPP TS 23.040)."""

from typing import NamedTuple

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà")
_ESCAPED = frozenset("^{}\\[~]|€\f")  # each takes the room of two


class SmsSize(NamedTuple):
    alphabet: str  # GSM-7 | UCS-2
    units: int  # of that alphabet
    parts: int
    outside: str  # the characters that GSM-7 lacks


def sms_size(text: str) -> SmsSize:
    """Of one character too few the whole text goes as UCS-2, of which a part holds less than half as much."""
    outside = "".join(dict.fromkeys(one for one in text if one not in _BASIC and one not in _ESCAPED))
    if outside:
        units = len(text.encode("utf-16-be")) // 2
        return SmsSize("UCS-2", units, _parts(units, 70, 67), outside)
    units = len(text) + sum(one in _ESCAPED for one in text)
    return SmsSize("GSM-7", units, _parts(units, 160, 153), "")


def _parts(units: int, alone: int, in_several: int) -> int:
    return 1 if units <= alone else -(-units // in_several)
