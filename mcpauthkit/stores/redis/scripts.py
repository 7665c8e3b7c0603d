"""What we ask of Redis: one command, or one small script that changes a key and tells who waits for it.

Each works on one key, so that a cluster can run it. A waiter listens on the channel that is called like the key.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

# Redis counts a lifetime in milliseconds, at least one; more than this many of them overflow when added to its clock.
_LONGEST_MS = 10**15

Words = tuple[bytes | str | int, ...]


class Script:
    """A Lua script that Redis keeps under its digest."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.digest = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked about one key.

    Attributes:
        key: The key as Redis knows it.
        script: What to run; None to get the value.
        arguments: What the script works with.
    """

    key: bytes
    script: Script | None = None
    arguments: tuple[bytes, ...] = ()

    def words(self, *, is_again: bool, is_whole: bool) -> Words:
        """The command.

        Args:
            is_again: Whether an earlier try may have been carried out, with its answer lost.
            is_whole: Whether to send the script itself, not its digest.
        """
        if self.script is None:
            return ("GET", self.key)
        name, script = ("EVAL", self.script.source) if is_whole else ("EVALSHA", self.script.digest)
        return (name, script, 1, self.key, b"1" if is_again else b"", *self.arguments)


def lifetime(ttl_seconds: float | None) -> bytes:
    """A lifetime in milliseconds, as the scripts take it; empty for one without end."""
    if ttl_seconds is None:
        return b""
    return b"%d" % max(1, math.ceil(min(ttl_seconds * 1000, _LONGEST_MS)))


# The change stands whether or not those who wait may be told: an error here would call it refused, and lose what was
# taken. So the refusal goes beside the answer.
_TOLD = """
local function told(answer)
  local reply = redis.pcall('PUBLISH', KEYS[1], '')
  if type(reply) == 'table' and reply['err'] then return {answer, reply['err']} end
  return answer
end
"""

# What stands at the key. Another program may have put a list or the like there: an empty text then, which no seal fits,
# so that it is a record that does not open and no outage. Any other refusal is one of the script.
_THERE = """
local function there()
  local found = redis.pcall('GET', KEYS[1])
  if type(found) ~= 'table' then return found, false end
  if not string.find(found['err'], '^WRONGTYPE') then return redis.call('GET', KEYS[1]), false end
  return '', true
end
"""

_SET = (
    _TOLD
    + """
local function set(value, lifetime)
  if lifetime == '' then
    redis.call('SET', KEYS[1], value)
  else
    redis.call('SET', KEYS[1], value, 'PX', lifetime)
  end
  return told(1)
end
"""
)

# ARGV: is_again, value, lifetime.
PUT = Script(_SET + "return set(ARGV[2], ARGV[3])")

# ARGV: is_again, value, lifetime. What is sealed is unique: if our value stands there, an earlier try has put it.
# Of what is foreign its answer tells, as nobody reads first.
ADD = Script(
    _SET
    + _THERE
    + """
local found, is_foreign = there()
if not found then return set(ARGV[2], ARGV[3]) end
if is_foreign then return {0, 'WRONGTYPE'} end
if ARGV[1] == '1' and found == ARGV[2] then return 1 end
return 0
"""
)

# ARGV: is_again, value, lifetime, seen.
PUT_IF = Script(
    _SET
    + _THERE
    + """
local found = there()
if found == ARGV[4] then return set(ARGV[2], ARGV[3]) end
if ARGV[1] == '1' and found == ARGV[2] then return 1 end
return 0
"""
)

TAKE = Script(
    _TOLD
    + _THERE
    + """
local found = there()
if not found then return found end
redis.call('DEL', KEYS[1])
return told(found)
"""
)

DELETE = Script(
    _TOLD
    + """
if redis.call('DEL', KEYS[1]) == 0 then return 1 end
return told(1)
"""
)

# ARGV: is_again, seen.
DELETE_IF = Script(
    _TOLD
    + _THERE
    + """
if there() ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[1])
return told(1)
"""
)
