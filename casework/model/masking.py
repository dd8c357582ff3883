"""An applicant's values as supervisors and inspectors see them before they unmask: enough to tell two apart, too little to know whose.

Pure. Who sees them so is decided in `access`.
"""

HIDDEN = "***"  # stands for whatever is not shown, however long it is
SHOWN = 3  # the last signs of a number
LEAST = 6  # signs that a number has at least, where any are shown


def masked_name(name: str) -> str:
    """Give the first letter of a name."""
    return f"{name.strip()[:1]}{HIDDEN}"


def masked_number(number: str) -> str:
    """Give the last digits of a number, of a telephone or of a document, with a star for each sign before them."""
    signs = [sign for sign in number if sign.isalnum()]
    return "*" * (len(signs) - SHOWN) + "".join(signs[-SHOWN:]) if len(signs) >= LEAST else HIDDEN


def masked_text(text: str) -> str:
    """Give nothing of a text, as of an address, but that there is one."""
    del text
    return HIDDEN
