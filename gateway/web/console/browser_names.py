"""What a browser is called, from what it says of itself."""

_BROWSERS = (  # the first that fits: most of them also claim to be others
    ("Edg/", "Edge"), ("EdgA/", "Edge"), ("EdgiOS/", "Edge"), ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"), ("Firefox/", "Firefox"), ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"), ("CriOS/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"),
            ("Mac OS X", "Mac"), ("CrOS", "Chromebook"), ("Linux", "Linux"))


def browser_name(user_agent: str) -> str:
    """E.g. `Firefox on Windows`; of one that we do not know what it says itself."""
    browser = next((name for sign, name in _BROWSERS if sign in user_agent), user_agent.partition("/")[0][:40])
    system = next((name for sign, name in _SYSTEMS if sign in user_agent), "")
    if not browser:
        return "An unknown browser"
    return f"{browser} on {system}" if system else browser
