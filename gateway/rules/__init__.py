"""The rule language: parses, checks and compiles conditions written in CEL. Pure."""
