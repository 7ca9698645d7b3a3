"""What the service cannot or will not do with a request; mistakes in statements are in statements.errors."""


class ServiceError(Exception):
    """A request that is not carried out; the text is the sentence that the sender reads."""


class Unauthorised(ServiceError):
    """No credential, or one that is not known, disabled or wrong."""


class Forbidden(ServiceError):
    """The credential is known and its scope does not reach this far."""


class NotFound(ServiceError):
    """There is nothing at this address, or nothing that this credential may see."""


class MethodNotAllowed(ServiceError):
    """The resource exists and does not know this method."""


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
