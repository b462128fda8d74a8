"""The report of a run: text, JSON, a page."""
