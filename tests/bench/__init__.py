"""The comparisons of scripts/bench: what the bridge costs, as ratios measured in one run."""
