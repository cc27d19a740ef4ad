"""One v1 call: who made it, what becomes of it, and its answer."""
