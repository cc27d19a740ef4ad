"""Tests of the journal, and what they share."""
