"""One orthography for each place where a language is read."""
