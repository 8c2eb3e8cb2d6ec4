"""The search index: words, numbers and telephone numbers of households, sites and devices, on any database."""
