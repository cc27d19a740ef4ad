"""From end to end: real `mitmdump -s addon/bridge.py` processes and real clients.

`bridges` starts, watches and ends a mitmdump; `clients` runs the programs that call v1; `origins`
stands in for the old hosts where a test has to see what reached them; `registries` runs a real
registry.
"""
