"""The Hub client's rooms, against servers over real HTTP and TLS."""
