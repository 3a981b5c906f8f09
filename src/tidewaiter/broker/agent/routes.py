"""The one list of what an agent answers: paths, parameters, and what comes back."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from tidewaiter.broker import messages as told
from tidewaiter.broker.agent import discovery, health, lists, scans
from tidewaiter.broker.agent.reception import Asked, Reception
from tidewaiter.model.cloud import ImageDetail

Answering = Callable[[Reception, Asked], Awaitable[web.StreamResponse]]

HEALTHCHECK = "/healthcheck"

REPOSITORY = "{repository}"
"""The end of a path that stands for all segments that are left."""

JOB = "{job}"
"""The end of a path that stands for one segment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of the query."""

    name: str
    says: str
    required: bool = False
    repeated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One thing that can be asked.

    `gives` is the type of the answer; several are lines of JSON, which may also be had as one document: a list of
    `items` under `name`. What is `open` is for everybody, the rest for who holds the secret, if there is one.
    `credentials` tells whether the connection's are needed, `body` the type of what is posted.
    """

    method: str
    path: str
    answer: Answering
    gives: tuple[type, ...]
    name: str = ""
    items: type | None = None
    status: int = 200
    parameters: tuple[Parameter, ...] = ()
    body: type | None = None
    credentials: bool = True
    open: bool = False

    @property
    def summary(self) -> str:
        """What it answers, in a sentence or two."""
        return " ".join((self.answer.__doc__ or "").split())

    def match(self, segments: tuple[str, ...]) -> str | None:
        """What stands at the path's variable end, "" for a path without one; None for a path that is not this one."""
        own = tuple(self.path.split("/")[1:])
        if own[-1] not in (REPOSITORY, JOB):
            return "" if own == segments else None
        fixed, rest = own[:-1], segments[len(own) - 1 :]
        if segments[: len(fixed)] != fixed or not any(rest) or (own[-1] == JOB and len(rest) > 1):
            return None
        return "/".join(rest)


_REGISTRY = Parameter(name="registry", says="The registry's host, where the connection has several.")
_PAGE = (
    Parameter(name="size", says="So many names at most, 100 without it, never more than 1000."),
    Parameter(name="after", says="Only names that come after this one: `next` of the page before."),
    _REGISTRY,
)

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path=HEALTHCHECK,
        answer=health.healthcheck,
        gives=(health.Healthy,),
        credentials=False,
        open=True,
    ),
    Route(
        method="GET",
        path="/systemcheck",
        answer=health.systemcheck,
        gives=(told.SystemCheck,),
        credentials=False,
        parameters=(Parameter(name=health.CALLBACK, says="`try`: whether results can go back is tried too."),),
    ),
    Route(method="GET", path="/validate-credentials", answer=discovery.validate, gives=(discovery.Valid,)),
    Route(
        method="GET",
        path="/get-state-identifier",
        answer=lists.state,
        gives=(told.StateIdentifier,),
        parameters=(
            Parameter(name="repository", says="The repository's name.", required=True),
            Parameter(name="tag", says="A tag of the image."),
            Parameter(name="digest", says="Its digest, instead of a tag."),
            _REGISTRY,
        ),
    ),
    Route(
        method="GET",
        path="/list",
        answer=lists.repositories,
        gives=(told.RepositoryLine,),
        name="repositories",
        items=str,
        parameters=(_REGISTRY,),
    ),
    Route(
        method="GET",
        path=f"/list/{REPOSITORY}",
        answer=lists.tags,
        gives=(told.TagLine,),
        name="tags",
        items=told.TagLine,
        parameters=(_REGISTRY,),
    ),
    Route(method="GET", path="/list-paginated", answer=lists.page, gives=(lists.Page,), parameters=_PAGE),
    Route(method="GET", path=f"/list-paginated/{REPOSITORY}", answer=lists.page, gives=(lists.Page,), parameters=_PAGE),
    Route(
        method="GET",
        path=f"/list-with-metadata/{REPOSITORY}",
        answer=lists.images,
        gives=(told.ImageLine,),
        name="images",
        items=ImageDetail,
        parameters=(_REGISTRY,),
    ),
    Route(
        method="GET",
        path=f"/image-metadata/{REPOSITORY}",
        answer=lists.metadata,
        gives=(told.DocumentLine,),
        name="documents",
        items=told.DocumentLine,
        parameters=(
            Parameter(
                name="digest",
                says=f"A manifest's digest; repeatable, at most {told.DIGESTS_MOST}.",
                required=True,
                repeated=True,
            ),
            _REGISTRY,
        ),
    ),
    Route(
        method="POST",
        path="/discover",
        answer=discovery.discover,
        gives=(told.Hello, told.AtRegistry, told.LostPlace, told.PassedPlace),
    ),
    Route(method="POST", path="/scan", answer=scans.scan, gives=(told.Job,), status=202, body=told.ScanRequest),
    Route(method="GET", path=f"/scan/{JOB}", answer=scans.progress, gives=(told.Job,), credentials=False),
    Route(method="DELETE", path=f"/scan/{JOB}", answer=scans.cancel, gives=(told.Job,), credentials=False),
)

LINED = tuple(route for route in ROUTES if len(route.gives) > 1 or route.name)
"""Those that answer lines of JSON."""
