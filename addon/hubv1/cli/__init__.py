"""The program `hub-v1-bridge`: its commands, and how they read arguments and end."""
