"""An audience has the callers that one of its lists has; the first in the order of the settings counts."""

from typing import Any

import polars as pl
import pytest

from exporter.config import PortalRules, load
from exporter.enrich.audiences import Audiences
from exporter.enrich.enrichment import check_rules
from exporter.errors import SettingsError

INTERNAL = {'networks': ['192.0.2.0/28', 'loopback'], 'accounts': ['admin', 'bot-*'], 'user_agents': ['*Monitor/*']}
STATE = {'networks': ['192.0.2.0/24'], 'as_numbers': [64496, 'AS64497']}


def audience(ip: str = '203.0.113.1', user_id: str = '', user_agent: str = 'curl/8', as_number: int = 0) -> tuple[str, int]:
    """The audience of a call, and whether it is left out."""
    audiences = Audiences(PortalRules.model_validate({'audiences': {'internal': INTERNAL, 'state': STATE}}))
    of_address = audiences.of_addresses(pl.Series([ip]), pl.Series([as_number], dtype=pl.UInt32))
    [row] = audiences(pl.DataFrame({'user_id': [user_id], 'user_agent': [user_agent]}), of_address).rows()
    return row


@pytest.mark.parametrize(
    ('call', 'expected'),
    [
        ({}, ('', 0)),
        ({'ip': '192.0.2.15'}, ('internal', 1)),
        ({'ip': '192.0.2.16'}, ('state', 0)),
        ({'ip': '::ffff:192.0.2.16'}, ('state', 0)),
        ({'ip': 'unix:'}, ('', 0)),
        ({'as_number': 64497}, ('state', 0)),
        ({'as_number': 64498}, ('', 0)),
        ({'user_id': 'admin'}, ('internal', 1)),
        ({'user_id': 'Admin'}, ('', 0)),
        ({'user_id': 'bot-1', 'ip': '192.0.2.200'}, ('internal', 1)),
        ({'user_id': 'admins'}, ('', 0)),
        ({'user_agent': 'Our monitor/2'}, ('internal', 1)),
        ({'user_agent': ''}, ('', 0)),
    ],
)
def test_the_first_audience_counts(call: dict[str, Any], expected: tuple[str, int]) -> None:
    assert audience(**call) == expected


def test_an_invalid_network_is_refused_in_one_line() -> None:
    rules = PortalRules.model_validate({'audiences': {'internal': {'networks': ['192.0.2.1/24']}}})
    with pytest.raises(SettingsError) as error:
        check_rules(rules)
    assert str(error.value) == "audiences.internal.networks: invalid network '192.0.2.1/24'; write it as 192.0.2.0/24"


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('left_out = ["staff"]', "left_out: there is no audience 'staff'; add a table [audiences.staff], or remove the name"),
        (
            '[domains."a.example"]\nleft_out = ["staff"]',
            'domains."a.example".left_out: there is no audience \'staff\'; add a table [audiences.staff], or remove the name',
        ),
        ('[audiences.a]\nnetwork = ["::1"]', 'audiences.a.network is an unknown setting; did you mean audiences.a.networks?'),
        (
            '[domains."a.example".audiences.a]\naccount = ["x"]',
            'domains."a.example".audiences.a.account is an unknown setting; did you mean domains."a.example".audiences.a.accounts?',
        ),
        ('[audiences.a]\nas_numbers = ["ASX"]', "audiences.a.as_numbers: invalid AS number 'ASX'; write it as 64496"),
        ('[audiences.a]', 'audiences.a: the audience has no callers; add networks, accounts, user_agents or as_numbers'),
        ('[audiences."a\\nb"]\naccounts = ["x"]', None),
        ('hosting_networks = [0]', "hosting_networks: invalid AS number '0'; write it as 64496"),
    ],
)
def test_an_invalid_setting_is_refused_in_one_line(settings: pytest.MonkeyPatch, tmp_path: Any, text: str, expected: str) -> None:
    file = tmp_path / 'settings.toml'
    file.write_text(text)
    with pytest.raises(SettingsError) as error:
        load(file)
    assert '\n' not in str(error.value)
    if expected:
        assert str(error.value) == f'{file}: {expected}' or str(error.value) == expected


def test_an_audience_of_any_portal_can_be_left_out(tmp_path: Any) -> None:
    file = tmp_path / 'settings.toml'
    file.write_text('left_out = ["staff"]\n[domains."a.example".audiences.staff]\naccounts = ["x"]\n')
    assert load(file).portal('a.example').left_out == ('staff',)
