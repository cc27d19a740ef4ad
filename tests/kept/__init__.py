"""Files that each release wrote, one folder each: what users have, and later versions must open."""
