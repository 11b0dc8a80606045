"""Choose for one call which deployment it is sent to, and the next one when that does not take it.

Tier by tier: in the first tier where somebody can be asked, by weight or by latency as the route says. When nobody is
left, the route's fallback is asked the same way, and never outside the regions of the route that was called; then those
that were passed over for having failed, because one that might answer is better than a refusal. Only who said itself
for how long it is not to be asked is not asked before.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from uuid import UUID

from gateway import failures
from gateway.admission import Admitted, NoDeployment
from gateway.asked import InvalidRequest
from gateway.conditions import keeps_away, nobody_within
from gateway.overflow import is_longer
from gateway.providers import provider_of
from gateway.routing.attempting import Attempt
from gateway.routing.retry_budget import RetryBudget
from gateway.routing.standing import Standing, brief
from gateway.snapshot import Grant, Route, Target
from refusals import Refusal
from tenants.regions import is_in

if TYPE_CHECKING:
    from gateway.routing.router import Router

type Link = tuple[Route, Grant]  # a route, and the grant by which it may be asked
# Of a deployment, or of the call as a whole; last what the platform alone is told of it: figures of all tenants' calls.
type Said = list[tuple[Target | None, str, str]]

PROBE_PATIENCE_S = 10.0  # a call that finds out whether one is back waits no longer, or thrice what is usual there

SOON, OPEN, SMALL = range(3)  # who is asked when nobody else is left, in this order


class Choice:
    """The deployments for one call, one after another. Raises nothing: where `next` finds none, `refusal` says why."""

    # As it is at first.
    is_notable = False
    is_spent = False  # nobody else is asked, whoever is left: the retries are used up
    has_failed = False  # one was asked, and failed
    _is_retry = False  # who is asked next is asked for one that failed, which the budget counts
    _next_link = 0
    _in_order: Link | None = None
    _others = 0  # deployments that were kept away by something else, or by nothing
    _more_than = -1  # a prompt did not fit into so many tokens
    _unable: InvalidRequest | None = None
    _wait_until = 0.0

    def __init__(self, router: Router, admitted: Admitted, budget: RetryBudget) -> None:
        self.router, self.route = router, admitted.route
        self.at = time.time()
        self.is_streamed = admitted.asked.is_streamed
        self._budget = budget
        self._left: list[Target] = []
        self._later: list[tuple[int, float, Target, Link]] = []
        self._said: Said = []
        self._known: set[UUID] = set()  # deployments of the routes so far that are asked, or are passed over for now
        self._admitted = admitted
        self._kept_away: list[str] = []  # by what the grant demands, or the data in the call
        self.cannot: dict[UUID, str] = {}  # why one cannot be asked this, in the caller's words: for them alone
        router.last.append((self.at, self.route.slug, self._said))
        self._enter_next(admitted)

    @property
    def reasons(self) -> list[str]:
        """What was chosen and what was passed over, in order, a sentence each, as the platform is told it."""
        return sentences(self._said)

    @property
    def said(self) -> Said:
        """The same, of each deployment or (None) of the call as a whole; its last part is not for callers."""
        return self._said

    def next(self, admitted: Admitted, *, may_hope: bool = True) -> Attempt | None:
        """The next deployment to ask; None when nobody is left, or after a failure when the retries are used up.

        Unless one `may_hope`, nobody is asked who was passed over for having failed.
        """
        if not self.may_go_on():
            return None
        now = self.router.now()
        attempt = self._pick(now)
        while attempt is None and self._enter_next(admitted):
            attempt = self._pick(now)
        if attempt is None and may_hope:
            attempt = self._last_resort(now)
        return attempt

    def may_go_on(self) -> bool:
        """Whether anybody is asked now: after a failure not when the retries are used up; then the call is spent."""
        if self._is_retry and not self.is_spent and not self._budget.has_any(self.router.now()):
            self.is_spent = True
            self._says(None, "Nobody else was asked: too many calls of this route were sent elsewhere lately")
        return not self.is_spent

    def is_made(self) -> None:
        """An attempt is made: where it is a retry, it takes one of the budget."""
        if self._is_retry:
            self._is_retry = False
            self._budget.takes(self.router.now())

    def again(self, attempt: Attempt, admitted: Admitted) -> Attempt | None:
        """`attempt`, which was not made yet, as it is made now: at the deployment as it is by what is `admitted` now,
        the newest. None, with the reason kept, where it is not made any more."""
        link, target = _renewed(attempt, admitted)
        if target is None:
            self._says(attempt.target, f"does not serve “{attempt.route.slug}” any more")
            return None
        if why := self._against(attempt, target, link, admitted):
            self._says(target, why)
            return None
        now, standing, hopes = self.router.now(), self.router.standing(target), attempt.is_last_resort
        if _is_well(standing, now, hopes=hopes):
            is_probe = not hopes and standing.breaker.verdict(now) == "probe"
            if target is attempt.target and link[1] is attempt.grant and is_probe == attempt.is_probe:
                return attempt
            return self._takes(target, link, standing, is_probe=is_probe, is_last_resort=hopes)
        if standing.paused_until > now:
            self._passes_over_pausing(target, standing, link, now)
        else:
            self._passes_over_open(target, standing, link)
        return None

    def stands(self, attempt: Attempt, admitted: Admitted) -> bool:
        """Whether `again` would have it made."""
        link, target = _renewed(attempt, admitted)
        if target is None or self._against(attempt, target, link, admitted):
            return False
        return _is_well(self.router.standing(target), self.router.now(), hopes=attempt.is_last_resort)

    def _against(self, attempt: Attempt, target: Target, link: Link, admitted: Admitted) -> str:
        """What has come to stand against a deployment since it was chosen for this call; empty where nothing has."""
        if target.is_drained:
            return "is drained and gets no new calls"
        if (strict := _outside(target, admitted.route, link[0])) is not None:
            return f"“{strict.slug}” is answered in {' or '.join(strict.regions)} only by now"
        if why := keeps_away(target, admitted, link[1]):
            return f"{why} by now"
        if self._more_than > attempt.more_than and self._more_than >= (target.context_tokens or 0):
            return "holds no more than one that the prompt did not fit into"
        return ""

    def failed(self, target: Target, failure: failures.ProviderFailure) -> None:
        """An attempt ended so; `next` heeds it."""
        self.has_failed, self._is_retry = True, _is_counted(failure)
        self._says(target, f"failed: {brief(failure)}")
        standing = self.router.standing(target)
        if standing.paused_until > self.router.now() or standing.breaker.is_open:
            self.router.on_failed(target.deployment_id)
        if isinstance(failure, failures.PromptTooLong):
            self._more_than = max(self._more_than, target.context_tokens or 0)
            self._left = [each for each in self._left if (each.context_tokens or 0) > self._more_than]
            self._later = [each for each in self._later if (each[2].context_tokens or 0) > self._more_than]

    def says(self, target: Target, what: str) -> None:
        """One more reason."""
        self._says(target, what)

    def refusal(self) -> Refusal:
        """Why nobody is asked, where nobody was."""
        now, slug = self.router.now(), self.route.slug
        if self._wait_until > now:
            seconds = self._wait_until - now
            return failures.ProviderBusy(
                f"What serves “{slug}” asked not to be called for another {max(1, round(seconds))} s. "
                "Please try again after that.",
                retry_after_s=seconds,
            )
        if self._kept_away and not self._others:
            return nobody_within(self._admitted, self._kept_away)
        if self._unable is not None:
            return self._unable
        return NoDeployment(
            f"Nothing that serves “{slug}” may be asked at the moment: {'; '.join(self._short()) or 'nothing does'}. "
            "The platform team has to look.",
            field="model",
            way_out=self.route.model_path,
        )

    def _short(self) -> list[str]:
        return [f"{_named(target)} {said}" for target, said, _ in self._said[:3] if target]

    def _says(self, target: Target | None, what: str) -> None:
        if not self.is_notable:
            self.is_notable = True
            self.router.notable.append((self.at, self.route.slug, self._said))
        self._said.append((target, what, ""))

    # --- who can be asked at all -------------------------------------------------------------------------------------

    def _enter_next(self, admitted: Admitted) -> bool:
        """Go on to the route, or the fallback after it; whether there was one."""
        if self._next_link > len(admitted.onward):
            return False
        link = admitted.onward[self._next_link - 1] if self._next_link else (admitted.route, admitted.grant)
        self._next_link += 1
        route, asked = link[0], admitted.asked
        if self._in_order is not None:
            self._says(None, f"Nobody else serves “{self._in_order[0].slug}”: its fallback “{route.slug}” is asked")
        self._in_order = link
        self._left = []
        connected = route.connected
        if self._known:
            connected = tuple(each for each in connected if each.deployment_id not in self._known)
        has_choice = len(connected) > 1 or bool(admitted.onward)
        is_narrowed = admitted.grant.conditions is not None or link[1].conditions is not None
        self._others += len(connected)
        for target in connected:
            if (is_narrowed or target.data_classes is not None) and (why := keeps_away(target, admitted, link[1])):
                self._others -= 1
                self._kept_away.append(why)
                self._says(target, why)
            elif target.is_drained:
                self._says(target, "is drained and gets no new calls")
            elif (self.route.regions or route.regions) and (strict := _outside(target, self.route, route)) is not None:
                where = f"computes in {target.region}" if target.region else "tells no region"
                self._says(target, f"{where}, and “{strict.slug}” is answered in {' or '.join(strict.regions)} only")
            elif why := provider_of(target).cannot(asked):
                self._says(target, "cannot be asked this")
                self.cannot[target.deployment_id] = why
                self._unable = self._unable or InvalidRequest(
                    f"What serves “{route.slug}” cannot answer this as it is asked: {why}."
                )
            elif target.context_tokens and self._more_than >= target.context_tokens:
                self._says(target, f"holds no more than {target.context_tokens:,} tokens")
            elif has_choice and target.context_tokens and is_longer(asked, target.context_tokens):
                self._says(target, f"holds {target.context_tokens:,} tokens, and the prompt is longer")
                self._later.append((SMALL, -target.context_tokens, target, link))
            else:
                self._left.append(target)
        if admitted.onward:  # none is asked twice, whichever routes it is of
            self._known.update(each.deployment_id for each in (*self._left, *(each[2] for each in self._later)))
        return True

    # --- and who of those is -----------------------------------------------------------------------------------------

    def _pick(self, now: float) -> Attempt | None:
        """Who is asked now of those that are left of this route: in the first tier where somebody is well."""
        assert self._in_order is not None  # noqa: S101  # entered when it was made
        link = self._in_order
        while self._left:
            tier = self._left[0].tier
            able: list[tuple[Target, Standing]] = []
            for target in tuple(self._left):
                if target.tier != tier:
                    continue
                standing = self.router.standing(target)
                if standing.paused_until <= now and not standing.breaker.is_open:
                    able.append((target, standing))
                    continue
                verdict = standing.breaker.verdict(now)
                if standing.paused_until > now:
                    self._left.remove(target)
                    self._passes_over_pausing(target, standing, link, now)
                elif verdict == "probe":
                    return self._takes(target, link, standing, is_probe=True)
                elif verdict == "wait":
                    self._left.remove(target)
                    self._passes_over_open(target, standing, link)
                else:
                    able.append((target, standing))
            if len(able) == 1:
                target, standing = able[0]
                self._said.append((target, "is asked", ""))
                return self._takes(target, link, standing)
            if able:
                target, standing, why, figures = self._best(link[0], able, now)
                self._said.append((target, why, figures))
                return self._takes(target, link, standing)
        return None

    def _best(self, route: Route, able: list[tuple[Target, Standing]], now: float) -> tuple[Target, Standing, str, str]:
        weighed = [each for each in able if each[0].weight] or able
        if len(weighed) == 1:
            return *weighed[0], "is asked", ""
        if route.by_latency:
            target, standing = min(weighed, key=lambda each: self._load(each, now))
            latency = standing.latency(is_streamed=self.is_streamed)
            known = f"{latency.at(now):.3f} s with {standing.under_way} calls" if latency.is_known else "not known yet"
            return target, standing, "is asked, by latency", known
        shares = [(each[0].weight or 1) * each[1].breaker.share(now) for each in weighed]
        point = whole = sum(shares)
        point *= self.router.random.random()
        chosen = len(shares) - 1
        for place, share in enumerate(shares):
            point -= share
            if point < 0:
                chosen = place
                break
        return *weighed[chosen], f"is asked, by weight: {shares[chosen]:.0f} of {whole:.0f}", ""

    def _load(self, each: tuple[Target, Standing], now: float) -> float:
        target, standing = each
        latency = standing.latency(is_streamed=self.is_streamed)
        share = (target.weight or 1) * standing.breaker.share(now)
        return latency.load(standing.under_way, now) / share

    def _takes(
        self, target: Target, link: Link, standing: Standing, *, is_probe: bool = False, is_last_resort: bool = False
    ) -> Attempt:
        if target in self._left:
            self._left.remove(target)
        attempt = Attempt(self, target, link, standing, is_probe=is_probe, is_last_resort=is_last_resort)
        attempt.more_than = self._more_than
        if is_probe:
            usual = standing.first_tokens
            attempt.patience_s = max(PROBE_PATIENCE_S, 3 * sorted(usual)[len(usual) // 2] if usual else 0.0)
            self._says(target, "is asked, to find out whether it is back")
        return attempt

    def _passes_over_pausing(self, target: Target, standing: Standing, link: Link, now: float) -> None:
        until = self.router.clock_time(standing.paused_until)
        if standing.asked_for_pause:
            first = self._wait_until
            self._wait_until = min(first, standing.paused_until) if first else standing.paused_until
            self._says(target, f"passed over: asked not to be called before {until}")
        else:
            self._later.append((SOON, standing.paused_until, target, link))
            self._says(target, f"passed over: was busy, is asked again after {until}")

    def _passes_over_open(self, target: Target, standing: Standing, link: Link) -> None:
        breaker = standing.breaker
        self._later.append((OPEN, breaker.probe_at, target, link))
        since = self.router.clock_time(breaker.since)
        self._says(target, f"passed over: breaker open since {since} after {breaker.failures} failures: {breaker.why}")

    def _last_resort(self, now: float) -> Attempt | None:
        """One that was passed over, the most hopeful first."""
        self._later.sort(key=lambda each: each[:2])
        while self._later:
            _, _, target, link = self._later.pop(0)
            standing = self.router.standing(target)
            if standing.paused_until > now and standing.asked_for_pause:
                continue
            self._says(target, "is asked all the same, as nobody else is left")
            return self._takes(target, link, standing, is_last_resort=True)
        return None


def _renewed(attempt: Attempt, admitted: Admitted) -> tuple[Link, Target | None]:
    """The route and the deployment of an attempt as they are by now; no deployment where it serves that no more."""
    for link in ((admitted.route, admitted.grant), *admitted.onward):
        if link[0].slug == attempt.route.slug:
            found = (each for each in link[0].targets if each.deployment_id == attempt.target.deployment_id)
            return link, next((each for each in found if each.is_connected), None)
    return (attempt.route, attempt.grant), None


def _is_well(standing: Standing, now: float, *, hopes: bool) -> bool:
    """Whether a deployment that stands so is asked: by who `hopes`, as nobody else is left, unless it said when."""
    if standing.paused_until > now and (standing.asked_for_pause or not hopes):
        return False
    return hopes or standing.breaker.verdict(now) != "wait"


def sentences(said: Said) -> list[str]:
    """Reasons as people of the platform read them."""
    whole = [(target, f"{what}: {figures}" if figures else what) for target, what, figures in said]
    return [f"{_named(target)}: {what}." if target else f"{what}." for target, what in whole]


def _is_counted(failure: failures.ProviderFailure) -> bool:
    """Whether asking somebody else after it is a retry in the sense of the budget: not where nothing was asked of
    anybody, or the request is what is wrong."""
    return not isinstance(failure, failures.ProviderUnreachable | failures.PromptTooLong)


def _outside(target: Target, called: Route, asked: Route) -> Route | None:
    """Of the route that was called and the one that is asked for it, the one whose regions forbid the deployment."""
    if called.regions and not is_in(target.region, called.regions):
        return called
    if asked.regions and not is_in(target.region, asked.regions):
        return asked
    return None


def _named(target: Target) -> str:
    return f"{target.upstream_name} at {target.provider_name}"
