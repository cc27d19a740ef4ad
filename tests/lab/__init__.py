"""The lab that `scripts/lab` builds: a client, a gateway with the bridge, and Docker Hub, as hosts
on one machine. It needs no package, so that it can be taken down without any."""
