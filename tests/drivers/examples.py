"""How many examples a property is tried with."""

from hypothesis import settings


def examples(many: int) -> settings:
    """`many` where scripts/endurance looks for new ones; a third in every run, which tries the same ones each time."""
    new_ones = settings.get_current_profile_name() == "others"
    return settings(max_examples=many if new_ones else many // 3, deadline=None)
