"""Settings and parameters of a request are told from the rest of its URL."""

from exporter.server.statement_request import parameters, settings


def test_settings_and_parameters_are_told_from_the_rest() -> None:
    values = {
        'query': 'SELECT 1', 'database': 'usage', 'param_n': '7', 'param_database': 'x', 'session_id': 'a', 'session_timezone': 'UTC',
        'max_threads': '1', 'http_zlib_compression_level': '3', 'enable_http_compression': '1', 'client_protocol_version': '54460',
    }  # fmt: skip
    assert parameters(values) == {'n': '7', 'database': 'x'}
    assert settings(values) == {'session_timezone': 'UTC', 'max_threads': '1'}
