"""The emergency telephone number of each country."""

from collections.abc import Iterator, Mapping

# The one number for everything where a country has one that reaches all services everywhere, else the ambulance's.
# Sources, read in November 2026: for the EU, Directive (EU) 2018/1972, article 109 (112 everywhere); for all others the
# Android Open Source Project's table of emergency numbers, packages/services/Telephony/ecc/input/eccdata.txt,
# revision 2, put right by hand where we know better. What is not sure is not here: there a fleet with an emergency
# button is refused. A test compares all of it with the emergency patterns of libphonenumber, and names the few that
# those do not know. (Its *example* numbers are of no use: Germany's is the police.)
_COUNTRIES: Mapping[str, str] = {
    # the European Union, and who has joined its number
    "112": "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK "
           "AD AL AX AZ CH FO GE GF GI GL GP IS KZ LI MC MD ME MF MQ NO RE RU SJ TR UA VA XK YT "
           "AO BI BT GH ID IN KW NG RW TL TZ VU ZA",
    "911": "US CA PR GU VI AS MP AG AI AR AW BM BS BZ CR DM DO EC FJ FM GD HN JO KN KY LC LR MH MS MX PA PH PW PY "
           "SH SV TC TO TV UY VC VE VG WS",
    "999": "GB GG IM JE BD BH CK FK HK KE MO MY NU QA SB SC UG ZW",
    "000": "AU CC CX NF",
    "111": "NZ NR PG",
    "14": "DZ",
    "15": "MA ML NC NE PF PM WF",
    "18": "BF SN",
    "101": "IL PS",
    "102": "MV NP",
    "103": "AM BY KG MN TJ UZ",
    "104": "CU",
    "110": "JM SY",
    "114": "MU",
    "115": "IR PK SR VN",
    "116": "GM HT PE",
    "117": "MZ",
    "118": "BO SM TG",
    "119": "JP KR TW KH",
    "120": "CN",
    "123": "CO EG GT",
    "124": "BA",
    "128": "NI",
    "130": "CV",
    "131": "CL",
    "140": "LB",
    "185": "CI",
    "190": "TN",
    "192": "BR",
    "194": "KI MK RS",
    "511": "BB",
    "912": "CW SX",
    "913": "GY",
    "990": "TT",
    "991": "BN ZM",
    "995": "SG",
    "997": "BW SA",
    "998": "AE MW",
    "1669": "TH",
    "1990": "LK",
    "9999": "OM",
    "10111": "NA",
}
NUMBERS: Mapping[str, str] = {country: number for number, listed in _COUNTRIES.items() for country in listed.split()}
"""ISO 3166-1 alpha-2 code → the number to ring."""


NOBODY_REACHED = ("is an emergency button, and service.emergency lists nobody — expected a contact there that is "
                  "reached at any hour, a web hook that forwards, or people in on_call.emergency")


def no_number(device: str, country: str) -> str:
    """What is wrong at a site in `country` whose emergency number we do not know."""
    said = f"{country!r} has no emergency number that we know" if country else "no country"
    return (f"{said}, and {device!r} there is an emergency button — expected the site's country (ISO 3166, e.g. GB) or "
            "service.country, so that answers can name its emergency number")


def emergency_number(country: str) -> str:
    """The number to ring in `country` (ISO 3166-1, two capital letters); "" where we know none."""
    return NUMBERS.get(country, "")


def emergency_button_errors(device: str, profile: str, site: str, country: str | None, *, on_call: bool
                            ) -> Iterator[str]:
    """What an emergency button lacks: somebody `on_call` at any hour, and a number to ring in `country` (None: the
    site is unknown, which is reported elsewhere)."""
    if not on_call:
        yield f"profile: {profile!r} {NOBODY_REACHED}"
    if country is not None and not emergency_number(country):
        yield f"site: {site!r}: {no_number(device, country)}"
