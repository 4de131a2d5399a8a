"""The report is one complete file that loads nothing, and text stays text in it."""

import io
import re
from html.parser import HTMLParser

import pytest
from rich.console import Console

import bayesma as bm
from bayesma.errors import BayesmaError
from bayesma.reporting.terminal import show

VOID = {"meta", "img", "br", "hr", "input", "link"}
LOADING = {"src", "href", "xlink:href", "srcset", "data", "poster", "action", "background"}
PAGE = (
    "html head meta title style body header h1 h2 h3 p aside ul li ol section table caption thead tbody tr "
    "th td span div dl dt dd nav a b details summary figure pre"
)
FIGURES = "svg g path defs use text clippath rect"
ALLOWED = {*PAGE.split(), *FIGURES.split()}


class Page(HTMLParser):
    """Elements, attributes and text of a page; complains about elements closed out of order."""

    def __init__(self, markup):
        super().__init__()
        self.tags, self.attributes, self.text, self.open = [], [], [], []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def markup(hostile, tmp_path_factory):
    return bm.report(hostile, tmp_path_factory.mktemp("report") / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(markup):
    return Page(markup)


def test_it_is_complete_html_of_known_elements(page):
    assert page.open == []
    assert set(page.tags) <= ALLOWED


def test_it_loads_nothing_and_runs_nothing(page, markup):
    links = [value for _, name, value in page.attributes if name in LOADING]
    assert links
    assert all(value.startswith("#") for value in links)
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert "@import" not in markup
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", markup))


def test_every_link_has_its_target_and_no_id_stands_twice(page):
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    used = {value[1:] for _, name, value in page.attributes if name in {"href", "xlink:href"}}
    assert used <= set(ids)


def test_names_of_studies_are_text(page, hostile_names):
    text = "".join(page.text)
    for name in hostile_names:
        assert name in text


def test_names_of_studies_are_text_in_the_figures(markup, hostile_names):
    figures = "".join(
        "".join(Page(svg).text) for svg in re.findall(r"<svg.*?</svg>", markup, flags=re.DOTALL)
    )
    assert hostile_names[0] in figures
    assert hostile_names[1] in figures


def test_a_caution_of_the_whole_file_stands_once(page):
    text = "".join(page.text)
    spec = text.index("schema = 1")
    assert text[:spec].count("Common caution <i>once</i>.") == 1


def test_a_missed_reference_is_loud(markup):
    assert 'class="alarms stop"' in markup
    assert "REFERENCE NOT MET" in markup


def test_a_fit_that_did_not_converge_is_loud(hostile_spec, tmp_path):
    analysis = bm.run(hostile_spec)
    analysis.results[0].fit.attrs["converged"] = 0
    text = "".join(Page(bm.report(analysis, tmp_path / "r.html").read_text(encoding="utf-8")).text)
    assert text.index("NOT CONVERGED") < text.index("The answer")
    assert "NOT CONVERGED, do not use" in text


def test_the_terminal_names_outcomes_and_variants_also_without_convergence(hostile_spec):
    analysis = bm.run(hostile_spec)
    analysis.results[0].fit.attrs["converged"] = 0
    console = Console(width=120, record=True, file=io.StringIO())
    show(analysis, ["said by nobody else"], console)
    lines = console.export_text().splitlines()
    rows = [line for line in lines if "[" in line]
    assert any(line.startswith("=First outcome") and "NOT CONVERGED" in line for line in rows)
    assert sum(line.startswith("  random") for line in rows) == 2
    assert any("said by nobody else" in line for line in lines)
    assert any("NOT CONVERGED: the computation" in line for line in lines)


def test_the_answer_of_bcg_is_printed(bcg, tmp_path):
    text = "".join(Page(bm.report(bcg, tmp_path / "bcg.html").read_text(encoding="utf-8")).text)
    for part in (
        "0.49 [0.34, 0.71]",
        ">0.999",
        "Aronson 1948",
        "HalfNormal(0.5)",
        "1994",
        "10.1001/jama",
    ):
        assert part in text, part


@pytest.mark.parametrize("target", ["missing/report.html", "."])
def test_a_path_that_cannot_be_written_is_one_sentence(bcg, tmp_path, target):
    with pytest.raises(BayesmaError, match="folder"):
        bm.report(bcg, tmp_path / target)
    assert list(tmp_path.iterdir()) == []
