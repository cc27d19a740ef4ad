"""Recorded traffic, in mitmproxy's flow files and in HAR, read as a history of v1 calls."""

from hubv1.captures.reader import STANDARD_INPUT, Capture, CaptureError, OnRead, read_capture

__all__ = ["STANDARD_INPUT", "Capture", "CaptureError", "OnRead", "read_capture"]
