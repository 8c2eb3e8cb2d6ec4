"""Pictures that pages draw on the server, as SVG."""
