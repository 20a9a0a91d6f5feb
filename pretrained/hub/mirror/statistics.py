"""Who asked for what since the mirror began? In memory, for the status page; nothing is written down."""

import threading
import time
from collections import Counter

_KEPT = 1000  # clients and models that are told apart; the others count in all


class Statistics:
    """Counts of requests and bytes, by client and by model."""

    def __init__(self) -> None:
        self.began = time.time()
        self.requests = 0
        self.sent = 0
        self.pulled = 0
        self.clients: Counter[str] = Counter()
        """Requests by address."""
        self.hits: Counter[str] = Counter()
        """Files given, by model."""
        self._lock = threading.Lock()

    def asked(self, client: str) -> None:
        with self._lock:
            self.requests += 1
            if client in self.clients or len(self.clients) < _KEPT:
                self.clients[client] += 1

    def gave(self, model: str, count: int) -> None:
        with self._lock:
            self.sent += count
            if model in self.hits or len(self.hits) < _KEPT:
                self.hits[model] += 1

    def fetched(self, count: int) -> None:
        with self._lock:
            self.pulled += count
