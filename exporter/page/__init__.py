"""The report as a page: one HTML file that needs no server, no script and no other file."""
