"""mitmproxy's own things: flows, their metadata, and its options for upstream connections."""
