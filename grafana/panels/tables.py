"""Tables: with bars, and the heat map, which is a table with coloured cells."""

from grafana.layout import Size
from grafana.panels.panel import BLUE, Json, override, panel, target
from grafana.texts import Texts

# What a column is drawn as. The first column of a table without rows says so.
BAR: Json = {
    'unit': 'locale',
    'decimals': 0,
    'min': 0,
    'fieldMinMax': True,  # a full bar is the largest of its own column
    'custom.minWidth': 80,
    'custom.cellOptions': {'type': 'gauge', 'mode': 'basic', 'valueDisplayMode': 'text'},
}
COUNT: Json = {'unit': 'locale', 'decimals': 0, 'custom.width': 90}
PERCENT: Json = {'unit': 'percent', 'decimals': 1, 'custom.width': 70}
BYTES: Json = {'unit': 'decbytes', 'decimals': 1, 'custom.width': 100}
TEXT: Json = {'custom.minWidth': 75}
TIME: Json = {'custom.width': 165}
HIDDEN: Json = {'custom.hideFrom': {'viz': True, 'legend': False, 'tooltip': False}}

_OPTIONS: Json = {'showHeader': True, 'cellHeight': 'sm', 'frameIndex': 0, 'enablePagination': False}


def table(
    number: int,
    key: str,
    sql: str,
    size: Size,
    text: Texts,
    columns: dict[str, Json],
    *,
    empty: str = 'empty',
) -> Json:
    """Rows as they come. `columns`: how each is drawn; its text has the column's name."""
    first, *_ = columns
    overrides = [
        override(
            column,
            {
                **({'displayName': text[column]} if drawn != HIDDEN else {}),
                **({'noValue': text[empty], 'custom.wrapText': True} if column == first else {}),
                **drawn,
            },
        )
        for column, drawn in columns.items()
    ]
    field = {'noValue': '', 'custom': {'align': 'auto', 'cellOptions': {'type': 'auto'}, 'inspect': False}}
    return panel('table', number, key, target(sql), size, text, color=BLUE, field=field, options=_OPTIONS, overrides=overrides)


def value_names(text: Texts, choice: str) -> Json:
    """Words for codes, as in the text of a choice: `word : code,…`."""
    pairs = [pair.split(' : ') for pair in text[choice].split(',')]
    options = {code: {'text': word, 'index': index} for index, (word, code) in enumerate(pairs)}
    return {'mappings': [{'type': 'value', 'options': options}]}


def heat_map(number: int, key: str, sql: str, size: Size, text: Texts) -> Json:
    """Calls by weekday and hour: `weekday_number`, and a column for each hour; the darker or brighter, the more."""
    field = {
        'noValue': '',
        'unit': 'short',
        'decimals': 0,
        'min': 0,
        'color': {'mode': 'continuous-blues'},  # from the panel's own colour: light on light, dark on dark
        'custom': {
            'align': 'center',
            'cellOptions': {'type': 'color-background', 'mode': 'basic'},
            'inspect': False,
            'minWidth': 34,
        },
    }
    weekday = {
        'displayName': text['weekday_number'],
        'noValue': text['empty'],
        'custom.wrapText': True,
        'custom.width': 95,
        'custom.align': 'left',
        'custom.cellOptions': {'type': 'auto'},
        **value_names(text, 'weekday_choice'),
    }
    options = {**_OPTIONS, 'frozenColumns': {'left': 1}}
    overrides = [override('weekday_number', weekday)]
    return panel('table', number, key, target(sql), size, text, color=BLUE, field=field, options=options, overrides=overrides)
