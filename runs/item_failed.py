"""The errors that bounded children raise too: no Django here, whose import would take a quarter of their start."""


class RunsError(Exception):
    """Something went wrong with a run."""

    def __init__(self, message: object = None) -> None:
        super().__init__(message or type(self).__doc__)


class ItemFailed(RunsError):
    """This item can't be done. Raise it inside an item with a plain reason; the run goes on."""

    def __init__(self, message: object = None, *, code: str = "error") -> None:
        super().__init__(message)
        self.code = code
