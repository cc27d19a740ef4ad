"""Recordings: flow files and HAR, sound and broken."""
