"""The lines that are printed."""

from bench.compare import Ratio


def ratio_line(title: str, ratio: float, goal: float, *costs: str) -> str:
    """A ratio beside its goal, both better when higher, and what it was made of."""
    shown = f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"
    return f"  {title:16} {shown} (goal {goal}): {', '.join(costs)}"


def bounded_line(title: str, ratio: Ratio, goal: float, *costs: str) -> str:
    """A ratio between the bounds of its median beside its goal, and what it was made of."""
    shown = f"{ratio.median:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"
    return f"  {title:16} {shown} (goal {goal}): {', '.join(costs)}"


def count_line(title: str, number: float, goal: float, remark: str) -> str:
    """A number that should not be above its goal."""
    return f"  {title:16} {number:,.5g} (goal {goal:,} at most): {remark}"
