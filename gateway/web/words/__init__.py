"""The sentences of the pages, in each language people read."""

from gateway.web.words import de, en

CATALOGUES = {"en": en.WORDS, "de": de.WORDS}


def locale_of(wanted: str) -> str:
    """The catalogue for a locale such as `de-CH`; English when there is none."""
    language = wanted.lower().replace("_", "-").split("-")[0]
    return language if language in CATALOGUES else "en"


class Words:
    """One language's sentences: `words("coming", who="Sara")`, or `words.coming` in a template."""

    def __init__(self, locale: str) -> None:
        self.locale = locale_of(locale)
        self._sentences = CATALOGUES[self.locale]

    def __call__(self, key: str, **facts: str | int) -> str:
        return self._sentences[key].format(**facts)

    def __getattr__(self, key: str) -> str:
        try:
            return self._sentences[key]
        except KeyError:
            raise AttributeError(f"no sentence {key!r} in {self.locale}") from None
