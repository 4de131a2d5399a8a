"""Every shipped data set loads, is described in full, and holds the numbers it held when it was checked."""

import hashlib
import re
from pathlib import Path

import pytest

from bayesma import resources
from bayesma.errors import DataError, SpecError
from bayesma.evidence.readers import load_data
from bayesma.resources import DATA, MODELS

# Rows, columns, SHA-256 of the bytes as transcribed from the sources: a change here is a change of evidence.
CHECKED = {
    "bcg": (13, 9, "21fe27b2e2f68ab042d9897c01f731256a7f15acd48b3fa427a6d1f4f9f1b87b"),
    "cdp": (10, 3, "ebc724fe5c2c59786fef12b22d7e18d452a02f4065d70a008888575e7d19cc4b"),
    "collins1985b": (9, 16, "04043a626200db3fa3bb34420a9f238ef4b243ad3816a540721cb3e213ef79c3"),
    "crins2014": (6, 19, "05ec4dc1dc45e09a1d3563c8a0c5524f733196d561b2a662a14712cc98479bcc"),
    "deng2017_rct_binary": (10, 9, "e2ac278d1f5753caf9e748e6ce029b3859d4a2ae99f09e071d53dd6a6948f2dd"),
    "deng2017_rct_continuous": (26, 11, "dec998d516a0ea150f8db6930394f9707d436c4daf08ecf3598939981b4e4941"),
    "eight_schools": (8, 4, "28dfd37ad3b3d8f1ed11cad6cb4a475fc8efb49f82d3fdeadd718de2648f35b7"),
    "hine1989": (6, 6, "22bfd24dcb0f86085cc037e73426016e3d94d88af837f1f20cdd5b59f69b33c7"),
    "ishak2007": (46, 11, "304d76bca3bbe768f904f712807976b7a590739399c490dbbe377caf0802bbb5"),
    "ishak2007_visits": (82, 5, "e1daf94d03bdba7307e453ad9e6ac6a1ddd3a23c16d0c3ce07f71b804a629c75"),
    "longitudinal_arm_means": (13, 12, "40219e2a9377a0966137f190ad26a10ace6e0db3803587b5b98e5ea36add1c23"),
    "msc_relapse": (10, 11, "32eb5bd31db9cd6059a8df5ced3413d5e332efea41e791b61aa51085e2fda447"),
    "msc_response": (10, 9, "ef1bae09c51eefb8145c9395567a2ef65a74bc5f90d3e4df934429895d5468b4"),
    "msc_sledai_series": (7, 8, "3d6259e6aeded63aaad30d71632d94998f4da08266cef7c2e63b5c04062e3ca0"),
    "msc_survival": (7, 8, "d95b03a03dd165b27c520907b773b197c9ac2518501501bb6bb5448cb0344b1f"),
    "nielweise2007": (18, 7, "874d53f66d0575b88ad056eff1fe91b55dae16352358d0f01a0bdfaf35fb4aed"),
    "normand1999": (9, 8, "2af715183808a04381797004a92a1cac917e0f5cc7d5f03e7756c495e1e0fc15"),
    "poulsen2006": (5, 3, "c9716c81064101c297396d3fac86db375dd061ebdd9c7e0ea52726902b4c284d"),
    "power_pose": (6, 13, "6782939c3edef6f1018358ddc69dcb612d888a2ce1ff41456c34a361643cd5f3"),
    "pritz1997": (14, 4, "bed9c27a80b68a51038f1a0211d38d4c8b638cf5e14030d96c24714fc6340d18"),
    "published_pooled_results": (24, 18, "b39b0cd36f98c57454a1ec9d1a246685a1ae2ed3e4d1c027df56e82d2e501850"),
    "raudenbush1985": (19, 10, "e6e79a1aaa0c6170bff288c8869ca6f96f1056fe8de18588f8433af87f1673ce"),
    "response_relapse_survival_counts": (
        38,
        9,
        "ba742f585f1df1f5b3ba60491129ec7d92cc8698ac7bca6c0ca3e9fb8c61a1c0",
    ),
    "simulated_case_series": (29, 5, "1f02044624171602bbd92596f1e3e4c151249f2cc83e1894a176cf85e515e8dd"),
    "wang2014_outcomes": (3, 6, "002c52e6027317e7bafde887c682607877a5999fcdc3f1d8e8b9700ec9336d60"),
    "wang2014_patients_1to13_of_40": (
        13,
        7,
        "6d80628b456d1e7bfefc582c0f3d731ad307bf80bbea06a10e2c6438b6aede06",
    ),
    "wang2014_relapse": (11, 7, "1a042b1c50981347d3d8fa5add480d48be81de7bc306796ed95b4c2783e115c6"),
    "wang2014_safety": (1, 6, "b498d4612f4966d9048ce8f15b4feff61bc1300865fc74c0ac2c32fa5c6f15b2"),
    "zhou2020_included_studies": (9, 10, "f6a0ced35ff0a223521eddf8beb8da27e77e72a884425a055e26d40326c2022d"),
    "zhou2020_single_study_rct_effects": (
        10,
        10,
        "6ad15beaadd3fd5fc20e47557d2d5c8e1616272eaa170dff1bcb50820f325bbf",
    ),
}


def test_no_data_set_is_unchecked() -> None:
    assert set(DATA.names()) == set(CHECKED)


@pytest.mark.parametrize("name", CHECKED)
def test_the_numbers_are_those_that_were_checked(name: str) -> None:
    rows, columns, digest = CHECKED[name]
    assert hashlib.sha256(DATA.path(name).read_bytes()).hexdigest() == digest
    frame = load_data(name)
    assert frame.shape == (rows, columns)
    assert frame.attrs["source"] == f"{name}.csv"


@pytest.mark.parametrize("name", CHECKED)
def test_the_description_is_complete(name: str) -> None:
    text = DATA.path(name, ".md").read_text("utf-8")
    assert text.startswith("# ")
    sections = dict(re.findall(r"^## (.+?)\n\n(.+?)(?=\n\n## |\Z)", text, flags=re.MULTILINE | re.DOTALL))
    assert list(sections) == ["Source", "Licence", "Columns", "Cautions"]
    assert re.search(r"\bdoi\s+10\.\d{4,}/\S+|DOI not verified", sections["Source"])
    described = re.findall(r"^\| `(.+?)` \|.*\| \S.* \|$", sections["Columns"], flags=re.MULTILINE)
    assert described == list(load_data(name).columns)


def test_reference_answers_are_described() -> None:
    folder = DATA.folder() / "reference"
    for file in folder.glob("*.json"):
        assert "**Source**" in file.with_suffix(".md").read_text("utf-8"), file.name
    assert {"metafor", "bayesmeta", "counts_grid", "relapse_grid"} <= {p.stem for p in folder.glob("*.json")}


def test_an_installed_package_looks_inside_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "bayesma"
    (package / "_shipped" / "models").mkdir(parents=True)
    (package / "_shipped" / "models" / "mine.toml").write_text("", "utf-8")
    monkeypatch.setattr(resources, "_PACKAGE", package)
    assert MODELS.names() == ("mine",)
    assert MODELS.path("mine") == package / "_shipped" / "models" / "mine.toml"
    with pytest.raises(SpecError, match="unknown analysis 'yours'; known are: mine"):
        MODELS.path("yours")
    (package.parent / "data").mkdir()  # somebody else's folder beside the package
    with pytest.raises(DataError, match=r"the shipped folder 'data' is neither in .*; install bayesma again"):
        DATA.folder()
