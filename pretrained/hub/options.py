"""Which keyword options of `from_pretrained` are about finding files?

Configuration, tokenizer and model share them: `options, rest = split_options(kwargs)`, then `resolve(name, **options)`.
"""

import os
from collections.abc import Mapping
from typing import Any

LOCATING = (
    "revision",
    "cache_dir",
    "local_files_only",
    "force_download",
    "subfolder",
    "lock",
    "token",
    "use_auth_token",
    "proxies",
)
"""Where the files of a model are, and how they come here."""
_IGNORED = frozenset({"resume_download", "mirror", "use_cdn"})
"""Published options without effect: every download goes on where the last one stopped, and servers are configured."""

OPTIONS = frozenset(LOCATING) | _IGNORED


def split_options(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options that `resolve` takes, and the rest. Published options without effect are dropped here."""
    locating = {key: options[key] for key in LOCATING if key in options}
    return locating, {key: value for key, value in options.items() if key not in OPTIONS}


def check(options: Mapping[str, Any]) -> None:
    """Raises for options that no one knows."""
    unknown = sorted(options.keys() - OPTIONS)
    if unknown:
        raise TypeError(f"unknown option {', '.join(unknown)}; the options are {', '.join(sorted(OPTIONS))}")


def offline() -> str | None:
    """The variable that forbids the network, if there is one."""
    for variable in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        if os.environ.get(variable, "").upper() in ("1", "ON", "YES", "TRUE"):
            return variable
    return None


def forbidden(local_files_only: bool) -> str:
    """What forbids the network, the environment first; "" when nothing does."""
    if variable := offline():
        return f"{variable}={os.environ[variable]}"
    return "local_files_only=True" if local_files_only else ""
