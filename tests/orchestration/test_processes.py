"""Is the process of a run gone? Never a guess: only where it is certain."""

import os
import subprocess
import sys

from assets.resources.processes import BORN, HOST, PID, birth, is_gone, process_tags


def test_a_process_that_runs_is_there():
    assert not is_gone(process_tags())


def test_one_that_has_ended_is_gone_even_where_its_parent_has_not_looked_yet():
    ended = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    tags = {**process_tags(), PID: str(ended.pid), BORN: birth(ended.pid)}
    assert not is_gone(tags)
    ended.stdin.close()
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # a zombie now
    assert is_gone(tags)
    ended.wait()
    assert is_gone(tags)


def test_another_process_of_the_same_number_is_not_taken_for_it():
    assert is_gone({**process_tags(), BORN: "an earlier start"})


def test_what_cannot_be_known_is_left_alone():
    assert not is_gone({})
    assert not is_gone({**process_tags(), HOST: "another-machine", BORN: "any"})
    assert not is_gone({HOST: process_tags()[HOST], PID: "not a number"})
    assert not is_gone({**process_tags(), BORN: ""})
