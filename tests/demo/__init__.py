"""The story that `scripts/demo` tells: old clients, today's Docker Hub, the bridge, the report."""
