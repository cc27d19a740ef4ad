"""Options that were given before the addon was there to declare them."""

from mitmproxy.optmanager import OptManager


def given_options(manager: OptManager) -> dict[str, object]:
    """What waits for its option to be declared: strings of the command line as a list, values of
    config.yaml as they are."""
    return {name: getattr(value, "val", value) for name, value in manager.deferred.items()}
