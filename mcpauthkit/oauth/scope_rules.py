"""What a granted scope permits besides its own name (RFC 6749 section 3.3 leaves that to each service)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from mcpauthkit.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeRules:
    """How one service's scopes relate.

    Args:
        implied: What each scope covers besides itself; followed transitively.
        endings: What scopes with an ending cover, whatever stands before it: the same with each of these in its place,
            such as `.Read` for `.ReadWrite`; never longer ones.
        aliases: Other spellings of one scope, to the spelling used in `implied` and in comparisons.
        prefixes: What may stand in front of a scope without a meaning, such as `https://graph.microsoft.com/`.
        ignores_case: Whether names differing in case are one.
        covers_all: Scopes that cover everything.
        without: Scopes that nothing but themselves covers, not even those of `covers_all`.
        untold: Scopes that bring something else than a permission and do not show among the granted ones, such as
            `offline_access`; they are never missing, so ask for them whatever tools need.
        in_words: Whether the service has scopes in its protocol at all; where the app's own configuration decides,
            nothing is ever missing.

    Raises:
        ConfigurationError: An ending is empty, or covers a longer one, so that the list would never end.
    """

    implied: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    endings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    prefixes: tuple[str, ...] = ()
    ignores_case: bool = False
    covers_all: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    untold: frozenset[str] = frozenset()
    in_words: bool = True

    def __post_init__(self) -> None:
        for ending, covered in self.endings.items():
            if not ending or any(len(one) > len(ending) for one in covered):
                raise ConfigurationError(
                    f"The ending {ending!r} covers {covered!r}.", hint="Cover endings that are not longer."
                )

    def missing(self, wanted: Iterable[str], granted: Iterable[str]) -> tuple[str, ...]:
        """The wanted scopes that the granted ones do not cover, in order."""
        if not self.in_words:
            return ()
        held = self.expanded(granted) | self._names(self.untold)
        has_all = not self._names(self.covers_all).isdisjoint(held)
        alone = self._names(self.without)
        return tuple(
            one
            for one in dict.fromkeys(wanted)
            if self.name(one) not in held and (not has_all or self.name(one) in alone)
        )

    def expanded(self, granted: Iterable[str]) -> frozenset[str]:
        """Everything that granted scopes cover, in the spelling used for comparisons."""
        implied = {self.name(one): self._names(covered) for one, covered in self.implied.items()}
        reached: set[str] = set()
        waiting = [self.name(one) for one in granted]
        while waiting:
            one = waiting.pop()
            if one not in reached:
                reached.add(one)
                waiting.extend(implied.get(one, ()))
                waiting.extend(self._by_ending(one))
        return frozenset(reached)

    def narrowest(self, scopes: Iterable[str]) -> str:
        """The scope that permits least among several of which one is enough.

        Whoever is asked for more than a tool needs learns to allow everything. What the rules do not know may permit
        anything, and comes last but for what permits everything.

        Args:
            scopes: The scopes; at least one.
        """
        known = self.expanded([*self.implied, *self.aliases])
        everything = self._names(self.covers_all)

        def width(scope: str) -> tuple[bool, bool, int]:
            name = self.name(scope)
            return name in everything, name not in known, len(self.expanded([name]))

        return min(scopes, key=width)

    def name(self, scope: str) -> str:
        """A scope in the spelling used for comparisons."""
        bare = next((scope.removeprefix(one) for one in self.prefixes if scope.startswith(one)), scope)
        spelled = bare.lower() if self.ignores_case else bare
        return self.aliases.get(spelled, spelled)

    def _by_ending(self, name: str) -> Iterator[str]:
        for ending, covered in self.endings.items():
            spelled = ending.lower() if self.ignores_case else ending
            if name.endswith(spelled) and name != spelled:
                yield from (self.name(name.removesuffix(spelled) + one) for one in covered)

    def _names(self, scopes: Iterable[str]) -> frozenset[str]:
        return frozenset(self.name(one) for one in scopes)
