"""The migration report: who still calls v1, how often, and what to call instead."""
