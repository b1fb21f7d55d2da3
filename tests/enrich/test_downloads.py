"""Which requests are downloads, and which of them get the same file."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.enrich.downloads import NO_FILE, Downloads
from exporter.model.call import Action, categorical

KEY = bytes(range(32))
EXPORT = '/api/explore/v2.1/catalog/datasets/trees/exports/csv'
REDIRECTS = (302, 303, 307, 308)


def files(
    *requests: str,
    method: str = 'GET',
    status: int | None = 200,
    dataset: str = 'trees',
    action: Action = Action.DOWNLOAD,
    parameters: tuple[str, ...] = (),
    redirects: bool = True,
    secret: bytes = KEY,
) -> list[int]:
    """The number of the file of each request."""
    split = [request.partition('?') for request in requests]
    count = len(split)
    calls = pl.DataFrame(
        {
            'method': [method] * count,
            'path': [path for path, _, _ in split],
            'query': [query if mark else None for _, mark, query in split],
            'status': pl.Series([status] * count, dtype=pl.UInt16),
            'dataset_id': pl.Series([dataset] * count, dtype=categorical('dataset_id')),
            'action': pl.Series([action.value] * count, dtype=categorical('action')),
        },
        schema_overrides={'query': pl.String},
    )
    return Downloads(parameters, redirects, secret)(calls).to_list()


@pytest.mark.parametrize('status', [200, 206, 304, *REDIRECTS, None])
def test_an_answered_get_is_a_download(status: int | None) -> None:
    assert files(EXPORT, status=status) != [NO_FILE]


@pytest.mark.parametrize('status', [100, 201, 204, 301, 400, 404, 416, 499, 500, 503])
def test_other_statuses_are_no_downloads(status: int) -> None:
    assert files(EXPORT, status=status) == [NO_FILE]


@pytest.mark.parametrize('status', REDIRECTS)
def test_a_redirect_is_no_download_where_its_target_is_logged(status: int) -> None:
    assert files(EXPORT, status=status, redirects=False) == [NO_FILE]
    assert files(EXPORT, redirects=False) != [NO_FILE]


@pytest.mark.parametrize('method', ['HEAD', 'POST', 'PUT', 'OPTIONS', 'PROPFIND', 'get'])
def test_other_methods_are_no_downloads(method: str) -> None:
    assert files(EXPORT, method=method) == [NO_FILE]


def test_a_call_whose_source_tells_no_method_is_a_download() -> None:
    assert files(EXPORT, method='', status=None) != [NO_FILE]


@pytest.mark.parametrize('action', [action for action in Action if action != Action.DOWNLOAD])
def test_other_actions_are_no_downloads(action: Action) -> None:
    assert files(EXPORT, action=action) == [NO_FILE]


@pytest.mark.parametrize(
    'query',
    [
        'apikey=k1',
        'APIKEY=k1',
        'api%6Bey=k1',
        'token=t',
        '_=1700000000',
        'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20261101T000000Z&X-Amz-Signature=ab&X-Amz-Credential=c%2Fd',
        'AWSAccessKeyId=A&Expires=1700000000&Signature=b%3D',
        'GoogleAccessId=a&Expires=1&Signature=b',
        'Policy=p&Signature=s&Key-Pair-Id=k',
        'sv=2026-01-01&sr=b&sp=r&se=2026-11-01T00%3A00%3A00Z&sig=c2ln',
        'owner=anna',
        '&&',
        '',
    ],
)
def test_accounts_and_signatures_do_not_tell_files_apart(query: str) -> None:
    plain, signed = files(f'{EXPORT}', f'{EXPORT}?{query}', parameters=('owner',))
    assert signed == plain != NO_FILE
    selected, signed = files(f'{EXPORT}?lang=fr', f'{EXPORT}?lang=fr&{query}', parameters=('owner',))
    if query.strip('&'):
        assert signed == selected != plain


@pytest.mark.parametrize('query', ['lang=fr', 'sp=r', 'tokens=3', 'xapikey=1', 'refine=a', 'select=token'])
def test_other_parameters_tell_files_apart(query: str) -> None:
    plain, other = files(EXPORT, f'{EXPORT}?{query}')
    assert plain != other


def test_data_sets_and_portals_secrets_tell_files_apart() -> None:
    assert len({*files('/f'), *files('/f', dataset='rent'), *files('/f', secret=KEY[::-1]), *files('/g')}) == 4


@given(st.lists(st.text(max_size=30), min_size=2, max_size=8, unique=True))
def test_each_request_has_the_number_it_would_have_alone(paths: list[str]) -> None:
    requests = [path.replace('?', '') for path in paths]
    assert files(*requests) == [files(request)[0] for request in requests]
    assert NO_FILE not in files(*requests)
