"""What browsers are called on the screens that list where somebody is signed in."""

import pytest

from gateway.web.console.browser_names import browser_name

_MOZILLA = "Mozilla/5.0 "


@pytest.mark.parametrize(("said", "called"), [
    (_MOZILLA + "(X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
    (_MOZILLA + "(Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 "
     "Edg/140.0.0.0", "Edge on Windows"),
    (_MOZILLA + "(Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
     "Safari/605.1.15", "Safari on Mac"),
    (_MOZILLA + "(iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 "
     "Mobile/15E148 Safari/604.1", "Chrome on iPhone"),
    (_MOZILLA + "(Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
     "Chrome on Android"),
    ("python-httpx/0.28.1", "python-httpx"),
    ("", "An unknown browser"),
])
def test_a_browser_and_its_system(said: str, called: str) -> None:
    assert browser_name(said) == called
