"""Keep a call to what its grant demands (`access.conditions`): what it is for, which data it carries, how far its
parameters go. What narrows the choice of a deployment is asked by `gateway.routing`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from access.conditions import Conditions
from gateway.asked import Asked, InvalidRequest, Stated
from gateway.capping import Beyond, capped
from refusals import Refusal
from tenants.data_classes import checked, in_order
from tenants.regions import is_in

if TYPE_CHECKING:
    from gateway.admission import Admitted
    from gateway.caller import Caller
    from gateway.snapshot import Grant, Place, Route, Target

type Kept = tuple[Asked, frozenset[str] | None]
PURPOSE, DATA = "x-atrium-purpose", "x-atrium-data-class"


class BeyondGrant(Refusal):
    """The grant is there and does not reach so far; the subclasses say in what."""

    code: ClassVar[str] = "beyond_grant"
    status = 403
    title = "The grant does not reach so far"


class PurposeNotGranted(BeyondGrant):
    code = "purpose_not_granted"


class DataNotGranted(BeyondGrant):
    code = "data_not_granted"


class ParameterBeyondGrant(BeyondGrant):
    code = "parameter_beyond_grant"


class NobodyWithinGrant(BeyondGrant):
    code = "no_deployment_within_grant"


def stated(purpose: str, data_classes: str) -> Stated:
    """What the two headers of a call say. Raises `InvalidRequest` for a class of data that there is not."""
    if not data_classes:
        return Stated(purpose.strip().lower(), None)
    try:
        named = checked(data_classes.split(","))
    except Refusal as refusal:
        raise InvalidRequest(f"“{DATA}”: {refusal.sentence} Separate several by commas.") from refusal
    return Stated(purpose.strip().lower(), frozenset(named) or None)


def keep_to(grant: Grant, caller: Caller, place: Place, route: Route, asked: Asked) -> Kept:
    """What is asked, with what the grant bounds and the caller left out; and the classes of data in it, None where
    nobody has said and nothing is demanded. Raises `BeyondGrant`.

    Where nobody has said what a call carries, it is taken to carry everything that the grant allows. What a stored
    conversation carries that it goes on from is added in any case.
    """
    conditions, said, (carried, before) = grant.conditions, asked.stated, _said(place, asked.stated)
    if conditions is None:
        return asked, carried if carried is None else carried | before
    where, way_out = f"{place.path} may call “{route.slug}”", ask_at(place, route)
    if conditions.purposes:
        _check_purpose(conditions, caller, said, where, way_out)
    if conditions.data_classes is not None:
        carried = (conditions.data_classes if carried is None else carried) | before
        if more := carried - conditions.data_classes:
            if more <= before:
                raise DataNotGranted(
                    f"{where} with data that is {in_order(conditions.data_classes)}, and the conversation that it goes "
                    f"on from carries {in_order(more)} data. Send what may be sent of it as “input”.",
                    way_out=way_out,
                )
            raise DataNotGranted(
                f"{where} with data that is {in_order(conditions.data_classes)}, and this call carries "
                f"{in_order(more)} data. Send other data, or say what is in it ({DATA}) where the environment's page "
                "says more than it has.",
                way_out=way_out,
            )
    elif carried is not None:
        carried = carried | before
    try:
        return capped(conditions, asked), carried
    except Beyond as beyond:
        raise ParameterBeyondGrant(f"{where} {beyond.sentence}", field=beyond.field, way_out=way_out) from beyond


def told_of(place: Place, said: Stated | None) -> frozenset[str]:
    """The classes of data that somebody has said a call carries, with those of the stored conversation that it goes on
    from. What it is only taken to carry is not among them."""
    carried, before = _said(place, said)
    return (carried or frozenset()) | before


def _said(place: Place, said: Stated | None) -> tuple[frozenset[str] | None, frozenset[str]]:
    """What a call carries by the word of its caller, else of its environment (None: nobody has said); and what the
    conversation carries that it goes on from."""
    if said is None:
        return place.data_classes, frozenset()
    return place.data_classes if said.data_classes is None else said.data_classes, said.beside


def is_met(
    grant: Grant, caller: Caller, place: Place, route: Route, asked: Asked, carried: frozenset[str] | None
) -> bool:
    """Whether a call may go on to a fallback's route by its grant, just as it is asked and with the classes of data
    that it is taken to carry by the grant of the called one."""
    held = grant.conditions
    if held is not None and held.data_classes is not None and carried is not None and carried - held.data_classes:
        return False
    try:
        return keep_to(grant, caller, place, route, asked)[0] is asked
    except BeyondGrant:
        return False


def keeps_away(target: Target, admitted: Admitted, asked_by: Grant) -> str:
    """Why a deployment is not asked by what the grants demand and by the data in the call; empty where it may be.

    What the grant of the called route demands holds for whoever answers in its place, too.
    """
    for grant in (admitted.grant, asked_by):
        held = grant.conditions
        if held is not None and held.regions and not is_in(target.region, held.regions):
            where = f"computes in {target.region}" if target.region else "tells no region"
            return f"{where}, and the grant is for {' or '.join(held.regions)} only"
        if grant is asked_by:
            break
    if target.data_classes is not None:
        if not target.data_classes:
            return "may see no data"
        carried = admitted.data_classes
        if carried is None:
            return f"may see {in_order(target.data_classes)} data only, and nobody has said which this is"
        if more := carried - target.data_classes:
            return f"may not see {in_order(more)} data"
    return ""


def nobody_within(admitted: Admitted, whys: list[str]) -> NobodyWithinGrant:
    """The refusal where every deployment is kept away: by what, and where to ask for more."""
    place, slug = admitted.place, admitted.route.slug
    unsaid = (
        f" Say which data is in it ({DATA}), or have who manages {place.path} say it on the project's page."
        if admitted.data_classes is None and any("nobody has said" in why for why in whys)
        else ""
    )
    return NobodyWithinGrant(
        f"Nothing that serves “{slug}” may be asked for this call of {place.path}: {'; '.join(dict.fromkeys(whys))}."
        f"{unsaid}",
        field="model",
        way_out=ask_at(place, admitted.route),
    )


def ask_at(place: Place, route: Route) -> str:
    """Where an environment asks for more than its grant allows."""
    return f"/requests/new/access/{quote(route.slug)}/?environment={quote(place.path)}"


def _check_purpose(conditions: Conditions, caller: Caller, said: Stated | None, where: str, way_out: str) -> None:
    stated_purpose = said.purpose if said is not None else ""
    if stated_purpose in conditions.purposes:
        return
    among = " or ".join(conditions.purposes)
    how = f"with {PURPOSE}" if caller.origin == "api" else "as “Purpose” in the settings of the column"
    is_none = "is not for one of them" if stated_purpose else "does not say what it is for"
    told = f"and this call {is_none}. State it {how}."
    raise PurposeNotGranted(f"{where} for {among} only, {told}", way_out=way_out)
