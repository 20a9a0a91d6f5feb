"""How do the files of a model come to this machine over a network? Imported only when one is truly needed."""

from pretrained.hub.download.job import Downloaded, Wish, download
from pretrained.hub.download.plan import FORMATS, Plan
from pretrained.hub.download.progress import shown

__all__ = ["FORMATS", "Downloaded", "Plan", "Wish", "download", "shown"]
