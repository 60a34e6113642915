"""What can go wrong with a flow and is told to a person, as sentences."""


class FlowError(Exception):
    """A refusal or failure that a person can act on; its text is a sentence with cause and next step.

    `permanent`: trying again changes nothing until somebody acts.
    """

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


class LeaseLost(Exception):
    """This worker's claim has run out, and the work is another's now: stop without writing anything more."""
