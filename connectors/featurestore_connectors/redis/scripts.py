"""The rule of who may replace whom, where it is atomic: on the server.

Each script takes any number of rows (in a cluster, one). Strings are compared byte by byte, because Lua's
``<`` follows the locale of the server.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final

_FUNCTIONS: Final = b"""
local byte, sub = string.byte, string.sub
local function greater(a, b)
  if a == b then return false end
  for i = 1, math.min(#a, #b) do
    local x, y = byte(a, i), byte(b, i)
    if x ~= y then return x > y end
  end
  return #a > #b
end
local function put(key, row, expiry)
  if expiry == '' then redis.call('SET', key, row) else redis.call('SET', key, row, 'PX', expiry) end
end
"""


@dataclass(frozen=True)
class Script:
    """A script and the digest under which the server knows it."""

    text: bytes
    digest: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "digest", hashlib.sha1(self.text, usedforsecurity=False).hexdigest().encode()
        )


MATERIALIZED: Final = Script(
    _FUNCTIONS
    + b"""
local expiry, run, run_end = ARGV[1], ARGV[2], ARGV[3]
for i, key in ipairs(KEYS) do
  local new, old, keep = ARGV[i + 3], redis.call('GET', key), false
  if old and byte(old, 1) >= 128 then
    local event = sub(old, 6, 13)
    local unseen = greater(event, run_end) or not greater(run, sub(old, 22, 25))
    keep = unseen and (new == '' or greater(event, sub(new, 6, 13)))
  elseif old then
    keep = greater(sub(old, 22, 25), run)
  end
  if not keep and new ~= '' then
    put(key, new, expiry)
  elseif not keep and old then
    redis.call('DEL', key)
  end
end
return 0
"""
)

PUSHED: Final = Script(
    _FUNCTIONS
    + b"""
local expiry = ARGV[1]
for i, key in ipairs(KEYS) do
  local new, old = ARGV[i + 1], redis.call('GET', key)
  local replace = not old
  if old and byte(old, 1) >= 128 then
    local new_order, old_order = sub(new, 6, 21), sub(old, 6, 21)
    if new_order == old_order then replace = greater(new, old) else replace = greater(new_order, old_order) end
  elseif old then
    replace = greater(sub(new, 6, 13), sub(old, 6, 13))
  end
  if replace then put(key, new, expiry) end
end
return 0
"""
)
