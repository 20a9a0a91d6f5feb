"""What does the command `pretrained` do?"""

from pretrained.cli.app import main

__all__ = ["main"]
