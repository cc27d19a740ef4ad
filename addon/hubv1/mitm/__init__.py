"""Where the bridge meets mitmproxy: reading flows and answering them."""
