// Only the legacy hosts go through the bridge, and go to Docker directly while it is down.
var LEGACY = ["index.docker.io", "registry.hub.docker.com", "hub.docker.com"];

function FindProxyForURL(url, host) {
    return LEGACY.indexOf(host.toLowerCase()) < 0 ? "DIRECT" : "PROXY 127.0.0.1:8080; DIRECT";
}
