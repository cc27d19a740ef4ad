"""Starting mitmdump with the bridge: what `scripts/run` and the installed programs do."""
