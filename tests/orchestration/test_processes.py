"""Is the process of a run gone? Never a guess: only where it is certain."""

import os
import subprocess
import sys

from assets.resources.processes import BORN, HOST, PID, birth, is_gone, process_tags

RUN = "3d8f"


def test_a_process_that_runs_is_there():
    assert not is_gone(RUN, process_tags(RUN))


def test_one_that_has_ended_is_gone_even_where_its_parent_has_not_looked_yet():
    ended = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    tags = {**process_tags(RUN), PID: str(ended.pid), BORN: birth(ended.pid)}
    assert not is_gone(RUN, tags)
    ended.stdin.close()
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # a zombie now
    assert is_gone(RUN, tags)
    ended.wait()
    assert is_gone(RUN, tags)


def test_another_process_of_the_same_number_is_not_taken_for_it():
    assert is_gone(RUN, {**process_tags(RUN), BORN: "an earlier start"})


def test_what_cannot_be_known_is_left_alone():
    assert not is_gone(RUN, {})
    assert not is_gone(RUN, {**process_tags(RUN), HOST: "another-machine", BORN: "any"})
    assert not is_gone(RUN, {HOST: process_tags(RUN)[HOST], PID: "not a number"})
    assert not is_gone(RUN, {**process_tags(RUN), BORN: ""})


def test_a_run_that_inherited_the_tags_of_another_says_nothing_of_its_own_process():
    ended = {**process_tags(RUN), BORN: "an earlier start"}
    assert is_gone(RUN, ended)
    assert not is_gone("of-a-repeat", ended)
