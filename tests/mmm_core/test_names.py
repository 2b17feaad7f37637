"""One name however a program wrote it."""

from hypothesis import given
from hypothesis import strategies as st

from mmm_core.names import normal_name


def test_the_same_letters_are_the_same_name():
    assert normal_name("fernsehen_ko\u0308ln") == "fernsehen_k\u00f6ln"
    assert normal_name("\ufefftv\u00a0spend\u200b ") == "tv spend"
    assert normal_name("google\u200f") == normal_name("\u200egoogle") == "google"
    assert normal_name("hldy_Father's Day") == "hldy_Father's Day"


@given(st.text())
def test_a_normal_name_is_normal(text):
    once = normal_name(text)
    assert normal_name(once) == once
