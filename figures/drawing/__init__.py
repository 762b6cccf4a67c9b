"""Charts as SVG, for pages and the printed report alike."""
