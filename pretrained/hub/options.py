"""Which keyword options of `from_pretrained` are about finding files?

Configuration, tokenizer and model share them: `options, rest = split_options(kwargs)`, then `resolve(name, **options)`.
"""

from collections.abc import Mapping
from typing import Any

from pretrained.errors import ModelNotFoundError

_LOCATING = ("revision", "cache_dir", "local_files_only", "subfolder")
_IGNORED = frozenset({"resume_download", "proxies", "use_auth_token", "token", "mirror", "use_cdn"})
"""Published options that concern downloading only: accepted, and without effect while nothing is downloaded."""

OPTIONS = frozenset(_LOCATING) | _IGNORED | {"force_download"}


def split_options(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options that `resolve` takes, and the rest. Published download options are dropped here."""
    check({key: value for key, value in options.items() if key in OPTIONS})
    locating = {key: options[key] for key in _LOCATING if key in options}
    return locating, {key: value for key, value in options.items() if key not in OPTIONS}


def check(options: Mapping[str, Any]) -> None:
    """Raises for options that no one knows, and for one that this version cannot obey."""
    unknown = sorted(options.keys() - OPTIONS)
    if unknown:
        raise TypeError(f"unknown option {', '.join(unknown)}; the options are {', '.join(sorted(OPTIONS))}")
    if options.get("force_download"):
        raise ModelNotFoundError(
            "force_download=True asks for a fresh copy, and this version downloads nothing.\n"
            "To do: leave the option away to load the copy on this machine, or bring a fresh one by hand:\n"
            "  hf download OWNER/NAME --local-dir FOLDER"
        )
