"""What the service cannot or will not do with a request; mistakes in statements are in statements.errors."""

from collections.abc import Sequence


class ServiceError(Exception):
    """A request that is not carried out; the text is the sentence that the sender reads."""


# What WWW-Authenticate says to a bearer token that is not good (RFC 6750 section 3).
BAD_BEARER = 'Bearer error="invalid_token", error_description="The token is unknown, expired or revoked"'


class Unauthorised(ServiceError):
    """No credential, or one that is not known, disabled or wrong.

    `challenge` is what WWW-Authenticate says (RFC 9110 section 11.6.1).
    """

    def __init__(self, sentence: str, challenge: str = 'Basic realm="xAPI", charset="UTF-8"') -> None:
        self.challenge = challenge
        super().__init__(sentence)


class Forbidden(ServiceError):
    """The credential is known and its scope does not reach this far."""


class NotFound(ServiceError):
    """There is nothing at this address, or nothing that this credential may see."""


class MethodNotAllowed(ServiceError):
    """The resource exists and does not know this method; `known` are those it knows."""

    def __init__(self, method: str, known: Sequence[str]) -> None:
        self.known = known
        super().__init__(f"This resource does not know {method[:40]}; it knows {', '.join(known)}.")


class DocumentConflict(ServiceError):
    """A document exists already and the request does not say which version of it it means to replace."""


class PreconditionFailed(ServiceError):
    """If-Match or If-None-Match does not hold."""


class TooLarge(ServiceError):
    """More bytes than a limit allows."""


class UnsupportedMediaType(ServiceError):
    """A body in an encoding that is not read here."""


class TooManyRequests(ServiceError):
    """Asked too often; `retry_after` is in seconds."""

    def __init__(self, sentence: str, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(sentence)


class BadGateway(ServiceError):
    """Another service that must be asked for the answer refuses, or says what cannot be understood."""


class Unavailable(ServiceError):
    """Something that is needed for the answer cannot be reached now; the same request may succeed later."""
