"""What all addresses below /api have in common: who asks, how parameters are read, how failures are answered."""

import logging
from collections.abc import Collection, Mapping
from typing import Any

import orjson
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpResponseBase, JsonResponse, QueryDict
from django.utils.decorators import method_decorator
from django.views.decorators.gzip import gzip_page
from rest_framework.exceptions import APIException
from rest_framework.renderers import BaseRenderer, BrowsableAPIRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from lrs import parameters, problems
from lrs.api import access
from lrs.errors import NotFound, ServiceError, TooLarge, UnsupportedMediaType
from lrs.parameters import Check
from statements.errors import Fault, Invalid, StatementError
from statements.xapi.versions import Version

log = logging.getLogger(__name__)

# What an address takes that gives no columns and is not streamed.
ONE_STORE: Mapping[str, Check] = {"store": parameters.text, "format": parameters.one_of("json", "api")}
# A list where no limit is given, and the most that is given.
PAGE = 100
MOST = 1_000


class Json(BaseRenderer):
    """JSON."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """The answer's body."""
        return b"" if data is None else orjson.dumps(data, option=orjson.OPT_UTC_Z)


def failed(problem: Exception, context: Mapping[str, Any]) -> HttpResponseBase:
    """The answer to a request that failed, as everywhere in the service."""
    if isinstance(problem, StatementError | ServiceError):
        return problems.answer(problem)
    if isinstance(problem, Http404):
        return problems.answer(NotFound("There is nothing at this address."))
    if isinstance(problem, APIException):
        return JsonResponse({"error": str(problem.detail), "errors": []}, status=problem.status_code)
    log.error("%s failed", context["request"].path, exc_info=problem)
    sentence = "Something went wrong here; it is logged. The same request may succeed later."
    return JsonResponse({"error": sentence, "errors": []}, status=500)


@method_decorator(gzip_page, name="dispatch")
class Door(APIView):
    """An address below /api."""

    authentication_classes: Any = (access.Credentials, access.Session)
    permission_classes = (access.MayRead,)
    renderer_classes: Any = (Json, BrowsableAPIRenderer)

    def get_exception_handler(self) -> Any:
        """See `failed`."""
        return failed

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """The format that is asked for, by name or by Accept; JSON where there is none such, which is told later."""
        given = request.query_params.get("format")
        if given is not None and given not in [each.format for each in self.renderer_classes]:
            return Json(), Json.media_type
        return super().perform_content_negotiation(request, force)

    def asked(self, given: QueryDict, known: Mapping[str, Check], required: Collection[str] = ()) -> dict[str, Any]:
        """The parameters that `known` names. Raises Invalid for one that is wrong, missing, or given twice."""
        twice = [name for name in given if len(given.getlist(name)) > 1]
        if twice:
            raise Invalid(*[Fault(f"?{name}", "parameter", f"{name} is given more than once") for name in twice])
        text = {name: value for name, value in given.dict().items() if name in known}
        return parameters.read({name: str(value) for name, value in text.items()}, known, Version.V1, required)

    def all_asked(self, given: QueryDict, known: Mapping[str, Check], required: Collection[str] = ()) -> dict[str, Any]:
        """The parameters, where `known` names all that there are. Raises Invalid for any other, too."""
        unknown = [name for name in given if name not in known]
        if unknown:
            raise Invalid(
                *[Fault(f"?{name}", "unknown-parameter", f"there is no parameter {name}") for name in unknown]
            )
        return self.asked(given, known, required)


def body_of(request: Request) -> bytes:
    """The body, read before anybody takes it for a form. Raises TooLarge."""
    try:
        return bytes(request._request.body)
    except RequestDataTooBig:
        raise TooLarge("The body is larger than LRS_MAX_BODY allows.") from None


def object_of(request: Request) -> dict[str, Any]:
    """The body, a JSON object. Raises UnsupportedMediaType, TooLarge, Invalid."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UnsupportedMediaType("The body must be application/json.")
    try:
        given = orjson.loads(body_of(request))
    except orjson.JSONDecodeError as problem:
        raise Invalid(Fault("", "json", f"the body is not JSON: {problem}")) from None
    if not isinstance(given, dict):
        raise Invalid(Fault("", "json", "the body must be a JSON object"))
    return given


def address(request: Request, cursor: str) -> str:
    """Where the page is that begins at a cursor."""
    query = request.query_params.copy()
    query["cursor"] = cursor
    return f"{request.path}?{query.urlencode()}"
