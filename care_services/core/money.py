"""Amounts of money: whole fen (分, 1/100 yuan), so that sums are exact."""

from decimal import Decimal, InvalidOperation

from care_network.errors import MalformedError

MOST_FEN = 2_000_000_000
"""Largest amount that is read, 20 million yuan; a column of the database holds it."""


def yuan(text: str, field: str = "amount") -> int:
    """Read an amount in yuan, such as '12', '12.5' or '¥12.50', as fen.

    Raises MalformedError, with ``field``, for anything else: a third decimal, a negative or an enormous amount.
    """
    try:
        fen = Decimal(text.strip().removeprefix("¥").replace(",", "")) * 100
    except InvalidOperation:
        fen = Decimal(-1)
    if not (fen.is_finite() and 0 <= fen <= MOST_FEN and fen == fen.to_integral_value()):
        raise MalformedError(
            en=f"{text.strip()[:40]!r} is no amount: write yuan with at most two decimals, such as 12.50",
            zh=f"“{text.strip()[:40]}”不是金额：请填写元，最多两位小数，例如 12.50",
            field=field,
        )
    return int(fen)


def in_yuan(fen: int) -> str:
    """Write fen as yuan with two decimals, such as '12.50' or '-0.05'."""
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def share(fen: int, percent: int) -> int:
    """Take a percentage of an amount, rounded half up to whole fen. ``percent``: 0–100."""
    return (fen * percent + 50) // 100
