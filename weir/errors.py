"""The root of every error that a person is told of in a sentence."""


class WeirError(Exception):
    """Something that cannot work, in a sentence that names it and the way out.

    The commands print the message and exit with code 2; anything else is a defect and a traceback.
    """
