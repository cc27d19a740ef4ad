"""What the stand-in for Docker Hub does, and with that what tests of the bridge build on."""
