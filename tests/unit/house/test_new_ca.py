"""`make ca` writes a CA as variables that the role takes, for nobody else to read, and never over one that is there."""

from __future__ import annotations

import stat
from datetime import UTC, datetime

import new_ca
import pytest
import yaml
from brokers.certificates.issuing import Issuer, refusals


@pytest.fixture
def inventories(tmp_path):
    (tmp_path / "prod").mkdir()
    return tmp_path


@pytest.mark.parametrize(("words", "broker"), [([], "rabbitmq"), (["9", "activemq"], "activemq")])
def test_what_is_made_is_an_authority_in_two_variables(inventories, capsys, words, broker):
    assert new_ca.main(["prod", *words], inventories) == new_ca.MADE
    path = inventories / "prod" / new_ca.PLACE.format(broker)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    issuer = Issuer(found[f"{broker}_tls_ca_certificate"], found[f"{broker}_tls_ca_key"], "")
    assert refusals(issuer, datetime.now(UTC)) == []
    said = capsys.readouterr().out
    assert f"ansible-vault encrypt inventory/prod/group_vars/{broker}/tls_ca.yml" in said
    assert f"set {broker}_tls: both" in said
    assert "PRIVATE" not in said


def test_one_that_is_there_stays(inventories, capsys):
    path = inventories / "prod" / new_ca.PLACE.format("rabbitmq")
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    assert new_ca.main(["prod"], inventories) == new_ca.CANNOT_BE_MADE
    assert path.read_text() == "mine"
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "NAME is not given"),
        (["nowhere"], "inventory/nowhere is no folder"),
        (["../prod"], "is no folder"),
        (["prod", "0"], "DAYS is '0'"),
        (["prod", "soon"], "DAYS is 'soon'"),
        (["prod", "9", "kafka"], "BROKER is 'kafka'; give rabbitmq or activemq"),
    ],
)
def test_wrong_words_are_refused(inventories, capsys, arguments, said):
    assert new_ca.main(arguments, inventories) == new_ca.USAGE
    assert said in capsys.readouterr().err
