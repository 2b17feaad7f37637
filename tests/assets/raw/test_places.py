"""Places of files: as the exports came, and with as few of them moved as can be."""

from hypothesis import given
from hypothesis import strategies as st

from assets.raw.places import STEP, places


@given(
    st.lists(st.sampled_from("abcdefgh"), unique=True),
    st.dictionaries(st.sampled_from("abcdefgh"), st.integers(-30, 30)),
)
def test_places_follow_the_order_whatever_is_held(files, held):
    held = {name: place for place, name in {place: name for name, place in held.items()}.items()}
    found = places(files, {name: held[name] for name in held if name in files})
    assert list(found) == files or set(found) == set(files)
    assert [found[name] for name in files] == sorted(set(found.values()))


def test_a_file_that_comes_changes_or_goes_moves_no_other():
    held = places(["a", "b", "c", "d"], {})
    assert list(held.values()) == [STEP, 2 * STEP, 3 * STEP, 4 * STEP]
    assert places(["b", "d"], held) == {"b": 2 * STEP, "d": 4 * STEP}
    touched = places(["a", "c", "d", "b"], held)  # b was exported again
    assert {name: touched[name] for name in "acd"} == {name: held[name] for name in "acd"}
    between = places(["a", "x", "y", "b", "c", "d"], held)
    assert {name: between[name] for name in "abcd"} == held
    assert places(["0", "a", "b", "c", "d", "e"], held) == {"0": 0, **held, "e": 5 * STEP}


def test_where_there_is_no_room_all_move_above_what_is_taken():
    """A warehouse of an earlier release counts 1, 2, 3."""
    assert places(["a", "x", "b"], {"a": 1, "b": 2}) == {"a": 2 + STEP, "x": 2 + 2 * STEP, "b": 2 + 3 * STEP}
    assert places(["a", "b", "x"], {"a": 1, "b": 2}) == {"a": 1, "b": 2, "x": 2 + STEP}
