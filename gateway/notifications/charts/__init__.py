"""What a chart of a fault shows, and where: drawn as SVG on pages and as a picture in mails."""
