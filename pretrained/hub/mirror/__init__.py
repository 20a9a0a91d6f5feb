"""How does this machine serve its models to others, in the hub's own protocol? Imported by that command only."""

from pretrained.hub.mirror.server import Mirror

__all__ = ["Mirror"]
