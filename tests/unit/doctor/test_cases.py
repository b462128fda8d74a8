"""Every row of the knowledge table is made by a real broker in a test, or it is said why not."""

from __future__ import annotations

import re
from pathlib import Path

import doctor_cases
import doctor_clients
import doctor_tls
import pytest
import yaml
from brokers import knowledge

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = doctor_cases.documents()
CASES = [*doctor_cases.cases("rabbitmq"), *doctor_cases.cases("activemq")]
ALERTS = ROOT / "plugins/module_utils/brokers/monitoring/alerts"
HOSTS = yaml.safe_load((ROOT / "tests/hosts/doctor/inventory/hosts.yml").read_text())["doctor"]["hosts"]


def rows_of(file: str) -> set[str]:
    """The rows of one file of the table."""
    path = Path(knowledge.__file__).with_name(f"{file}.yml")
    return {one["id"] for one in yaml.safe_load(path.read_text(encoding="utf-8"))["rows"]}


@pytest.mark.parametrize("file", knowledge.FILES)
def test_each_row_has_a_case_or_a_test_elsewhere_or_a_reason(file: str) -> None:
    document = DOCUMENTS[file]
    made = {one["row"] for one in document.get("cases", ())}
    elsewhere, not_made = {*document.get("elsewhere", ())}, {*document.get("not_made", ())}
    assert made | elsewhere | not_made == rows_of(file)
    assert not (made | elsewhere) & not_made, "a row that is made needs no excuse"


def test_there_is_no_file_beside_those_of_the_table() -> None:
    assert {*DOCUMENTS} == {*knowledge.FILES}


@pytest.mark.parametrize(
    ("row", "test"),
    [pair for one in DOCUMENTS.values() for pair in one.get("elsewhere", {}).items()],
)
def test_a_test_elsewhere_exists_and_names_its_row_or_its_alert(row: str, test: str) -> None:
    file, _, name = test.partition("::")
    text = (ROOT / file).read_text(encoding="utf-8")
    found = re.search(rf"^def {name}\(.*?(?=^def |^@|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"{test} does not exist"
    alerts = [
        one for path in ALERTS.glob("*.yml") for one in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]
    names = {row} | {one["alert"] for one in alerts if one["row"] == row}
    assert any(f'"{one}"' in found[0] for one in names), f"{test} does not look for {' or '.join(names)}"


@pytest.mark.parametrize("case", CASES, ids=[one.name for one in CASES])
def test_a_case_can_be_run(case: doctor_cases.Case) -> None:
    assert case.breaks or case.client, "nothing makes the state"
    if case.client:
        assert hasattr(doctor_clients, case.client) or hasattr(doctor_tls, case.client)
    assert {*case.only} <= {*HOSTS}


def test_no_case_has_the_name_of_another() -> None:
    names = [(one.broker, one.name, one.only) for one in CASES]
    assert len(names) == len(set(names))
