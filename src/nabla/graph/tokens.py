"""Tokens: which live transforms a node depends on.

Each call of a transform owns one token; each node carries the interned set of the live tokens that it depends on. The set
prunes sweeps exactly, says whether a node may forget its inputs, and whether it hangs on a placeholder (a stand-in
without a value, as under vmap). There is no stack and no thread-local state: when a call ends, its token is killed and
vanishes from every set that held it.
"""

from __future__ import annotations

import itertools
import weakref
from contextvars import ContextVar
from threading import RLock
from typing import Any, Callable, Iterable

from nabla.errors import EndedTransformError, user_line
from nabla.forks import HOLDERS

next_id: Callable[[], int] = itertools.count(1).__next__
"""One counter for nodes and tokens, atomic under threads; what is made later has the larger number."""


class Token:
    """One call of a transform, or one `requires_grad` leaf, while it lives."""

    __slots__ = (
        "__weakref__",
        "_shadow",
        "alive",
        "forward",
        "id",
        "inlines",
        "line",
        "moved",
        "placeholder",
        "reads",
        "running",
        "sets",
        "stands_for",
        "what",
    )

    def __init__(self, what: str, placeholder: bool = False, inlines: bool = False) -> None:
        self.id = next_id()
        self.what = what
        self.placeholder = placeholder
        self.inlines = inlines  # the placeholders are inputs of a graph that will be compiled as a whole
        self.alive = True
        self.forward = False  # whether the sweep to come is a forward one
        self.running = True  # False once the call has returned and only its pullback keeps the token alive
        self.sets: list[weakref.ref[Tokens]] = []
        self.reads: list[tuple[Any, str]] = []  # nodes whose value Python read, and where
        self.moved: list[tuple[Any, Any]] = []  # handles that this scope moved, and the nodes they had before
        self.line = user_line() if placeholder else ""
        self.stands_for: Token | None = None  # of a shadow: what it is the shadow of
        self._shadow: Token | None = None

    @property
    def traces(self) -> bool:
        """Whether values that hang on this token are those of a graph being traced, and no lanes of a vmap."""
        return (self.stands_for or self).inlines

    def shadow(self) -> Token:
        """What stands for this token on nodes that `no_grad` cuts off from it. Inputs of a graph that is being traced have no
        value: a node that hangs on them still has none, but the graph will hold a cut there."""
        if self._shadow is None:
            self._shadow = Token(self.what, placeholder=True)
            self._shadow.line = self.line
            self._shadow.stands_for = self.stands_for or self
        return self._shadow

    @property
    def is_cut(self) -> bool:
        """Whether `no_grad` cut some node off from it."""
        return self._shadow is not None

    def kill(self) -> None:
        """End of the call: no node depends on it any more."""
        if not self.alive:
            return
        self.alive = False
        if self._shadow is not None:
            self._shadow.kill()
        self.reads = []
        self.moved = []
        for ref in self.sets:
            tokens = ref()
            if tokens is not None:
                tokens.drop(self)
        self.sets = []

    def restore(self) -> None:
        """Put handles that were moved in this scope back: it ended with an exception."""
        for handle, node in reversed(self.moved):
            handle._node = node
        self.moved = []


class Tokens:
    """An interned set of live tokens; it shrinks in place as tokens die."""

    __slots__ = ("__weakref__", "ended", "members", "newest", "noted", "noted_bound", "placeholder", "unions")

    def __init__(self, members: Iterable[Token]) -> None:
        self.members = set(members)
        self.unions: dict[Any, Tokens | None] = {}
        self.noted: list[weakref.ref[Any]] = []
        self.noted_bound = 64
        self.ended: Token | None = None
        self.placeholder = False
        self.newest = 0
        me = weakref.ref(self)
        for token in self.members:
            if token.id > self.newest:
                self.newest = token.id
            if token.placeholder:
                self.placeholder = True
            sets = token.sets
            sets.append(me)
            if len(sets) > 64 and len(sets) & (len(sets) - 1) == 0:
                token.sets = [ref for ref in sets if ref() is not None]

    def drop(self, token: Token) -> None:
        self.members.discard(token)
        if token.placeholder:
            self.ended = token
        if not self.members:
            self.unions = {}
            noted, self.noted = self.noted, []
            for ref in noted:
                node = ref()
                if node is not None and node.value is not None:
                    node.inputs = ()

    def note(self, node: Any) -> None:
        """Remember a realised node, weakly: it drops its inputs when the last token of this set dies."""
        noted = self.noted
        noted.append(weakref.ref(node))
        if len(noted) > self.noted_bound:
            self.noted = [ref for ref in noted if ref() is not None]
            self.noted_bound = max(64, 2 * len(self.noted))

    def inside(self) -> Tokens:
        """The set for a node made here and now: checked for ended transforms, without what `no_grad` cuts off."""
        if self.ended is not None:
            raise_ended(self.ended)
        if cuts.active:
            entry = cuts.entry.get()
            if entry:
                return self.newer_than(entry)
        return self

    def newer_than(self, entry: int) -> Tokens:
        """This set without the derivative tokens that are older than `entry`; placeholders stay, those of a graph that is being
        traced as their shadows."""
        if self.newest <= entry and not self.placeholder:
            return EMPTY  # not remembered: a long-lived set meets many entries
        found = self.unions.get(entry)
        if found is None:
            kept = [
                token.shadow() if token.inlines and token.id <= entry else token
                for token in self.members
                if token.placeholder or token.id > entry
            ]
            if self.members == set(kept):
                return self
            found = Tokens(kept) if kept else EMPTY
            self.unions[entry] = found
        return found


EMPTY = Tokens(())


def union(a: Tokens, b: Tokens) -> Tokens:
    """The interned union. It is remembered on the set with the younger member, which will die first."""
    if a is b or b is EMPTY:
        return a
    if a is EMPTY:
        return b
    if not a.members and a.ended is None:  # all its tokens are dead; remembered, such sets would form an endless chain
        return b if b.members or b.ended is not None else EMPTY
    if not b.members and b.ended is None:
        return a
    young, old = (a, b) if a.newest >= b.newest else (b, a)
    unions = young.unions
    if old in unions:
        found = unions[old]
        return young if found is None else found
    if old.members <= young.members and old.ended is None:
        unions[old] = None
        return young
    found = Tokens(young.members | old.members)
    found.ended = young.ended or old.ended
    unions[old] = found
    return found


def raise_ended(token: Token) -> None:
    raise EndedTransformError(
        f"a value that belongs to the {token.what} at {token.line} was used at {user_line()}, after that "
        f"{token.what} had ended. Return it from the function instead of storing it outside."
    )


class Cuts:
    """Whether any `no_grad` is entered anywhere, and the one that this context is in."""

    __slots__ = ("__weakref__", "_lock", "active", "entry")

    def __init__(self) -> None:
        self.active = 0
        self._lock = RLock()
        HOLDERS.add(self)
        self.entry: ContextVar[int] = ContextVar("nabla_no_grad", default=0)


cuts = Cuts()


class cut_older:
    """Inside this `with`, new nodes are constant for every variable that is older than its entry."""

    __slots__ = ("_mark",)

    def __enter__(self) -> None:
        with cuts._lock:
            cuts.active += 1
        self._mark = cuts.entry.set(next_id())

    def __exit__(self, *exception: object) -> None:
        cuts.entry.reset(self._mark)
        with cuts._lock:
            cuts.active -= 1
