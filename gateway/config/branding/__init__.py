"""What an operator's pages and mails look like: the colour in shades that can be read, and the logo."""
