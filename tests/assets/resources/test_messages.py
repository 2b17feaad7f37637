"""Messages of a process: each read when it is whole, however it was written."""

import os
import subprocess
import sys
import textwrap

import dagster as dg

from assets.resources.messages import WholeMessages, whole_lines
from tests.waiting import HANGS

# writes every message in two goes, as a large one, or one on a busy disk, comes to the reader
IN_PIECES = textwrap.dedent("""
    import json, time
    from dagster_pipes import PipesFileMessageWriterChannel, open_dagster_pipes

    def in_pieces(self, message):
        text = json.dumps(message) + "\\n"
        for part in (text[: len(text) // 2], text[len(text) // 2 :]):
            with open(self._path, "a", encoding="utf-8") as file:
                file.write(part)
            time.sleep(0.05)

    PipesFileMessageWriterChannel.write_message = in_pieces
    with open_dagster_pipes() as pipes:
        for number in range(3):
            pipes.report_custom_message({"number": number})
""")


def received(reader):
    """Messages of a process that an asset started."""
    found = []

    @dg.asset
    def asked(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        with dg.open_pipes_session(
            context=context,
            context_injector=dg.PipesTempFileContextInjector(),
            message_reader=reader,
        ) as session:
            environment = {**os.environ, **session.get_bootstrap_env_vars()}
            subprocess.run([sys.executable, "-c", IN_PIECES], env=environment, check=True, timeout=HANGS)
        found.extend(session.get_custom_messages())
        return dg.MaterializeResult()

    assert dg.materialize([asked]).success
    return found


def test_a_message_that_is_being_written_is_waited_for():
    assert received(WholeMessages()) == [{"number": number} for number in range(3)]


def test_a_line_that_nobody_finished_is_left_out(tmp_path):
    path = tmp_path / "messages"
    path.write_text("one\ntwo\nthr", encoding="utf-8")
    assert list(whole_lines(str(path), lambda: True)) == ["one\n", "two\n"]


def test_what_is_written_before_the_end_is_read(tmp_path):
    path = tmp_path / "messages"
    path.touch()
    asked = []

    def done():
        if asked:
            return True
        asked.append(1)
        path.write_text("late\n", encoding="utf-8")
        return False

    assert list(whole_lines(str(path), done)) == ["late\n"]
