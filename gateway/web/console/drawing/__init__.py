"""Drawings of the console: SVG that the server writes, coloured by classes, readable without hovering."""
