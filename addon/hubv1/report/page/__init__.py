"""The page that a report is shown on: its parts, made ready for the templates beside them."""
