"""What can go wrong in a predictor, beside what `serinus.core.errors` names."""

from serinus.core.errors import SerinusError


class InputRejected(SerinusError):
    """The request is wrong; the message names the row and column and says what is expected. Answered with 400."""


class ModelFailed(SerinusError):
    """The model raised, or answered something that is not a prediction, on valid input. Answered with 500."""


class ModelUnloadable(SerinusError):
    """The artifact is intact but cannot be served: no scikit-learn model, an unknown type, a failing warm-up."""
