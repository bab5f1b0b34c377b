"""Draws that are repeated: requests that share a ranking draw from the same few choices."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from random import Random

from .plan import Choice, Plan

__all__ = ["MOST_DRAWN", "Draw"]

MOST_DRAWN = 4
"""Maximum number of choices whose draws are kept: four have 24 orders."""


class Draw:
    """The choices that have been drawn, without replacement, and those from which the next one is drawn in
    proportion to its weight. What follows is kept, so that a draw that has been made before finds its plan.
    """

    __slots__ = ("_bounds", "_following", "_left", "_total", "choices", "plan")

    def __init__(self, left: Sequence[tuple[Choice, float]], drawn: tuple[Choice, ...] = ()) -> None:
        if len(left) == 1:
            drawn, left = (*drawn, left[0][0]), ()
        self.choices = drawn
        """What has been drawn, in order."""
        self._left = left
        sums = [*accumulate(weight for _, weight in left)]
        self._total = sums[-1] if sums else 0.0
        # Without any weight, they follow in the order of the list.
        self._bounds = sums[:-1] if self._total else [math.inf] * (len(left) - 1)
        """Between the parts of the total that belong to the choices; empty if none is left."""
        self._following: list[Draw | None] = [None] * len(left)
        self.plan: Plan | None = None
        """The plan with these choices, once somebody has made it."""

    def finish(self, random: Random) -> "Draw":
        """Draw all that are left."""
        draw, chance = self, random.random
        while draw._bounds:
            place = bisect_right(draw._bounds, chance() * draw._total)
            draw = draw._following[place] or draw._follow(place)
        return draw

    def _follow(self, place: int) -> "Draw":
        left = [one for at, one in enumerate(self._left) if at != place]
        following = self._following[place] = Draw(left, (*self.choices, self._left[place][0]))
        return following
