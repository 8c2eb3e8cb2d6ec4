"""The address of a site for a phone's map."""

from urllib.parse import quote

from gateway.model import Site


def map_address(site: Site) -> str:
    """A geo: address (RFC 5870): the phone opens it in whatever map its owner uses."""
    label = quote(f"{site.street}, {site.postcode} {site.town}".strip(", "))
    if site.lat is None or site.lon is None:
        return f"geo:0,0?q={label}"
    return f"geo:{site.lat},{site.lon}?q={site.lat},{site.lon}({label})"
