"""How a recommended spend is compared with the spend so far, wherever the two stand side by side."""


def change_in_words(current: float, recommended: float) -> str:
    """The change in per cent; in words where nothing was spent, of which nothing is a share."""
    if current > 0:
        return f"{round(recommended / current - 1, 4) + 0.0:+.0%}"
    return "was off" if recommended > 0 else "off"
