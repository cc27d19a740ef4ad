"""The report, from single rows to the command that shows it."""
