"""What the bridge reads from flows of mitmproxy, and what it writes into them."""
