"""What the operator writes: settings and the fleet file, with errors that name file and line."""
