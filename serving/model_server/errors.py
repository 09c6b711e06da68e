"""Errors that a caller sees, with the status that TensorFlow Serving sends."""

import grpc

# After this many bytes TensorFlow Serving cuts a message.
MESSAGE_LIMIT = 1024
_CUT = "...TRUNCATED"
_BY_NUMBER = {code.value[0]: code for code in grpc.StatusCode}


class ServingError(Exception):
    """A request, a load or a configuration fails with a status.

    Attributes:
      code: The status.
      message: What went wrong, word for word as TensorFlow Serving says it.
    """

    def __init__(self, code: grpc.StatusCode, message: str):
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def number(self) -> int:
        """Returns the status as a number, as in `tensorflow.error.Code`."""
        return self.code.value[0]

    def cut(self) -> str:
        """Returns the message as it goes into a gRPC status."""
        text = self.message.encode("utf-8", "replace")
        if len(text) <= MESSAGE_LIMIT:
            return self.message
        return text[:MESSAGE_LIMIT].decode("utf-8", "ignore") + _CUT

    def __str__(self) -> str:
        return f"{self.code.name}: {self.message}"


def invalid_argument(message: str) -> ServingError:
    """Returns an error that the request is to blame for."""
    return ServingError(grpc.StatusCode.INVALID_ARGUMENT, message)


def not_found(message: str) -> ServingError:
    """Returns an error about something that is not there."""
    return ServingError(grpc.StatusCode.NOT_FOUND, message)


def failed_precondition(message: str) -> ServingError:
    """Returns an error about what must be so first."""
    return ServingError(grpc.StatusCode.FAILED_PRECONDITION, message)


def exhausted(message: str) -> ServingError:
    """Returns an error about a bound that is reached."""
    return ServingError(grpc.StatusCode.RESOURCE_EXHAUSTED, message)


def unavailable(message: str) -> ServingError:
    """Returns an error that goes away by itself."""
    return ServingError(grpc.StatusCode.UNAVAILABLE, message)


def of(error: Exception) -> ServingError:
    """Gives any error a status.

    Args:
      error: One of TensorFlow's carries a status of its own; any other is
        the server's fault.
    """
    if isinstance(error, ServingError):
        return error
    number = getattr(error, "error_code", None)
    if number in _BY_NUMBER:
        return ServingError(
            _BY_NUMBER[number], getattr(error, "message", None) or str(error)
        )
    return ServingError(
        grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}"
    )
