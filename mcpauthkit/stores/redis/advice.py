"""What an operator can do about an error of Redis."""

from __future__ import annotations

import math

from redis.asyncio.sentinel import MasterNotFoundError
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterDownError,
    ClusterError,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from mcpauthkit.core.clock import Clock
from mcpauthkit.core.log import RequestLog

_log = RequestLog("stores.redis")
_QUIET_SECONDS = 60.0

FAILURES = (RedisError, RedisClusterException, OSError, TimeoutError)
"""Everything that redis-py raises when something is wrong out there; its errors have no common root."""

_PERMISSIONS = (
    "The Redis user needs the keys and the channels below the prefix, and these commands: get set del publish eval "
    "evalsha scan subscribe unsubscribe ping; with a database number also select; in a cluster also cluster|slots, "
    "command and asking."
)
_HINTS: tuple[tuple[type[Exception], str], ...] = (
    (
        MasterNotFoundError,
        (
            "No sentinel lets us in and knows a master by the name at the end of the URL. The sentinels' own password "
            "is the option ?sentinel_password= of the URL."
        ),
    ),
    (AuthenticationError, "Redis does not accept the user name or the password in the URL."),
    (NoPermissionError, _PERMISSIONS),
    (OutOfMemoryError, "Redis is full. Give it more memory (maxmemory), or a database of its own."),
    (MovedError, "This server is part of a cluster: write redis-cluster:// instead of redis://."),
    (
        ReadOnlyError,
        "This Redis is a replica and takes no changes: give the address of the primary, or redis-sentinel://.",
    ),
    (
        RedisClusterException,
        (
            "No node of the cluster can be used: none answers, the password is wrong, or it is no cluster (write "
            "redis:// then)."
        ),
    ),
)
# Errors that have no type of their own in redis-py start with a word of the protocol.
_WORDS: tuple[tuple[str, str], ...] = (
    ("MISCONF", "Redis cannot write to its disk and refuses changes; its own log says why."),
    ("WRONGTYPE", "Another program uses keys below the same prefix: set another `key_prefix` (REDIS_KEY_PREFIX)."),
    ("NOREPLICAS", "Redis wants more replicas in step (min-replicas-to-write) than there are."),
    # What a script may not do has two wordings, and neither has the word that makes redis-py's own type of it.
    ("The user executing the script can't", _PERMISSIONS),
    ("ACL failure in script", _PERMISSIONS),
    (
        "unknown command",
        (
            "Redis 6.2 or newer is needed, or one that speaks like it; or what answers is a sentinel (write "
            "redis-sentinel:// then), or none (redis://)."
        ),
    ),
    ("DB index is out of range", "The number at the end of the URL is no database of this Redis."),
)
_PASSING = (BusyLoadingError, ReadOnlyError, ClusterDownError, ClusterError, TryAgainError)
_LASTING = (AuthenticationError, AuthorizationError)
# What stays so until somebody changes the URL, or what Redis lets its user do.
_WRONG = (*_LASTING, NoPermissionError, MovedError)
_WRONG_WORDS = (
    "The user executing the script can't",
    "ACL failure in script",
    "unknown command",
    "DB index is out of range",
)


def is_passing(error: BaseException) -> bool:
    """Whether another try shortly after may work."""
    if isinstance(error, _LASTING):
        return False
    transport = (RedisConnectionError, RedisTimeoutError, RedisClusterException, OSError, TimeoutError)
    return isinstance(error, (*_PASSING, *transport))


def is_wrong(error: BaseException) -> bool:
    """Whether Redis answers, and will refuse everybody who comes this way until an operator changes something."""
    return isinstance(error, _WRONG) or (isinstance(error, ResponseError) and str(error).startswith(_WRONG_WORDS))


def is_foreign(error: BaseException) -> bool:
    """Whether a key holds a list or the like, which none of ours ever puts there."""
    return isinstance(error, ResponseError) and str(error).startswith("WRONGTYPE")


def hint_for(error: BaseException) -> str:
    """What to do about it; empty where its type says all there is. Nothing of its text."""
    for kind, hint in _HINTS:
        if isinstance(error, kind):
            return hint
    text = str(error)
    return next((hint for word, hint in _WORDS if text.startswith(word)), "")


class Adviser:
    """Logs errors and what to do about them, each kind once a minute.

    Args:
        clock: Time, the monotonic one.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said: dict[str, float] = {}

    def advise(self, error: BaseException) -> None:
        """Log it, unless it was only just."""
        hint = hint_for(error)
        name = type(error).__name__
        # One and the same fault has several types, and one type has several faults.
        kind = hint or name
        now = self._clock.monotonic()
        if now - self._said.get(kind, -math.inf) >= _QUIET_SECONDS:
            self._said[kind] = now
            _log.error("redis cannot be used error=%s%s", name, f" hint={hint!r}" if hint else "")
