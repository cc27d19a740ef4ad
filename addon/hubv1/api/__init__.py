"""Hub's two APIs and a call as it is written down: data and pure functions, without I/O."""
