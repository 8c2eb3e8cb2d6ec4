"""Configuration: settings, the fleet file, profiles and mappings, with errors that name file and line."""
