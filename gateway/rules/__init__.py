"""The rule language: a condition's text made a function, and looked at for sense. Pure."""
