"""`make docs`: links hold, every asset and model is there, nothing comes from elsewhere, expectations are live."""

import re
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest

from assets.marts.project import manifest
from assets.resources.settings import REPOSITORY
from orchestration.docs.__main__ import serve
from orchestration.docs.assets import write_assets
from orchestration.docs.guide import BrokenLink, parser, places, read, write_guide
from orchestration.docs.layout import PARTS, with_bar
from orchestration.docs.marts import why_without_types, write_marts

LOADED = re.compile(
    r"<(?:script|link|img|iframe)[^>]*(?:src|href)=[\"']?(?:https?:)?//|@import|url\(", re.IGNORECASE
)


@pytest.fixture(scope="module")
def guide(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guide")
    return folder, write_guide(REPOSITORY, folder)


def test_every_page_of_the_repository_is_in_the_guide_with_links_that_hold(guide):
    folder, pages = guide
    assert {str(page.place) for page in pages} == {
        *(str(path.relative_to(REPOSITORY)) for path in (REPOSITORY / "docs").glob("*.md")),
        "README.md",
        "CONTRIBUTING.md",
    }
    for page in pages:
        text = (folder / page.target).read_text()
        assert not LOADED.search(text), page.place
        body = text[text.index("<main>") :]
        for link in re.findall(r"(?:href|src)=\"([^\"#:]+)(?:#[^\"]*)?\"", body):
            assert ((folder / page.target).parent / link).is_file(), (page.place, link)
    readme = (folder / "README.html").read_text()
    assert 'href="docs/operations.html#what-goes-live"' in readme
    assert (folder / "docs/asset-graph.svg").is_file()
    assert "<table>" in (folder / "docs/operations.html").read_text()


def test_the_picture_of_the_graph_has_every_group():
    from orchestration.definitions import defs

    graph = defs.resolve_asset_graph()
    groups = {graph.get(key).group_name for key in graph.get_all_asset_keys()}
    picture = (REPOSITORY / "docs" / "asset-graph.svg").read_text()
    boxes = re.findall(r'font-weight="600"[^>]*>([^<]+)</text>', picture)
    assert {group for box in boxes for group in box.split(", ")} == groups


@pytest.mark.parametrize(
    ("link", "why"),
    [
        ("docs/gone.md", "README.md: link to docs/gone.md: no such file in the repository"),
        ("docs/there.md#gone", "README.md: link to docs/there.md#gone: docs/there.md has no heading #gone"),
        ("#gone", "README.md: link to #gone: README.md has no heading #gone"),
        ("../secret.md", "README.md: link to ../secret.md: no such file in the repository"),
    ],
)
def test_a_link_that_leads_nowhere_is_named(tmp_path, link, why):
    (tmp_path / "secret.md").write_text("# Beside the repository\n")
    repository = tmp_path / "repository"
    (repository / "docs").mkdir(parents=True)
    (repository / "README.md").write_text(f"# Here\n\n[there]({link})\n")
    (repository / "CONTRIBUTING.md").write_text("# Contributing\n")
    (repository / "docs" / "there.md").write_text("# There\n\n## A part, *of it*\n")
    with pytest.raises(BrokenLink, match=re.escape(why)):
        write_guide(repository, tmp_path / "site")


def test_anchors_are_spelled_as_code_hosts_spell_them(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("# A\n\n## What `x_y` is, and why\n\n## GPU\n")
    assert read(parser(), tmp_path, places(tmp_path)[0]).anchors == {"a", "what-x_y-is-and-why", "gpu"}


def test_the_page_of_assets_names_each_with_its_checks():
    from orchestration.definitions import defs

    text = write_assets(defs)
    assert not LOADED.search(text)
    graph = defs.get_repository_def().asset_graph
    names = {key.to_user_string() for key in graph.materializable_asset_keys}
    assert set(re.findall(r'<section class="asset" id="([^"]+)"', text)) == names
    assert "meets_expectations" in text


@pytest.mark.slow
def test_dbts_page_holds_every_model_with_the_types_of_its_columns(built_warehouse, tmp_path):
    path = tmp_path / "warehouse.duckdb"
    shutil.copyfile(built_warehouse.warehouse.path, path)
    assert write_marts(path, tmp_path / "marts" / "index.html") == ""
    text = (tmp_path / "marts" / "index.html").read_text()
    models = [name for name, node in manifest()["nodes"].items() if node["resource_type"] == "model"]
    assert all(f'"{name}"' in text for name in models)
    assert '"type": "DOUBLE"' in text
    bar = text[text.index("<body") :][:3000]
    assert all(f'href="../{link}"' in bar for link in ("index.html", *(link for link, _ in PARTS)))
    assert not LOADED.search(bar)
    assert "Back to the documentation](../index.html)" in text  # of the overview, which is ours
    assert "What the SQL of this project makes of the exports" in text
    assert (
        '"send_anonymous_usage_stats": false' in text
    )  # dbt's page asks a server of others where this is true

    assert "nothing has been built yet" in write_marts(
        tmp_path / "none" / "warehouse.duckdb", tmp_path / "none.html"
    )
    assert not (tmp_path / "none").exists()  # no empty warehouse is left behind
    assert '"type": "DOUBLE"' not in (tmp_path / "none.html").read_text()


def test_a_page_of_dbt_that_has_no_place_for_the_bar_is_not_passed_over():
    with pytest.raises(ValueError, match="without a body"):
        with_bar("<p>another release</p>")


def test_links_of_dbts_overview_lead_to_models():
    text = (REPOSITORY / "dbt_project" / "models" / "_overview.md").read_text()
    linked = re.findall(r"\]\(#!/model/([^)]+)\)", text)
    assert linked
    assert set(linked) <= manifest()["nodes"].keys()


HOLD = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


def test_a_warehouse_that_a_run_holds_is_said(tmp_path):
    path = tmp_path / "warehouse.duckdb"
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        assert why_without_types(path).startswith("a run holds the warehouse")
        other.communicate()
    assert why_without_types(path) == ""


def test_expectations_are_served_as_they_are_now(tmp_path):
    site, expectations = tmp_path / "site", tmp_path / "expectations"
    site.mkdir()
    (site / "index.html").write_text("the index")
    (tmp_path / "secret.txt").write_text("beside")
    with serve(site, expectations, port=0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()

        def get(path):
            with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}{path}", timeout=10) as answer:
                return answer.read().decode()

        try:
            assert get("/") == "the index"
            assert "No table has been loaded yet" in get("/expectations/")
            assert '<a class="home"' in get("/expectations/")
            expectations.mkdir()
            (expectations / "index.html").write_text("two tables")
            assert get("/expectations/") == "two tables"  # what is none of our pages, as it is
            page = "<!doctype html><title>tv &lt;x&gt;</title><body><h1>tv</h1><p>2 &lt; 3</p></body>"
            (expectations / "tv__invoices.html").write_text(page)
            framed = get("/expectations/tv__invoices.html")
            assert '<a class="home" href="../index.html">carryover</a>' in framed
            assert '<a href="../marts/index.html">Marts</a>' in framed
            assert "<title>tv &lt;x&gt;</title>" in framed
            assert "<p>2 &lt; 3</p>" in framed
            assert not LOADED.search(framed)
            with pytest.raises(urllib.error.HTTPError, match="404"):
                get("/expectations/gone.html")
            with pytest.raises(urllib.error.HTTPError, match="404"):
                get("/expectations/../secret.txt")
        finally:
            server.shutdown()
            thread.join()
