"""The checks of a set-up, each against what it is to find."""
