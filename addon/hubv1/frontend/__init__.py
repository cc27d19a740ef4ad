"""What a person at mitmproxy asks of the bridge: its set-up looked at, its report, a call shown."""
