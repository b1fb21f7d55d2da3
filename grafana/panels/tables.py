"""Tables with bars, and the heat map, a table with coloured cells."""

from grafana.layout import Size
from grafana.panels.panel import BLUE, Json, override, panel, target
from grafana.texts import Texts

# How a column is drawn.
BAR: Json = {
    'unit': 'locale',
    'decimals': 0,
    'min': 0,
    'fieldMinMax': True,  # a full bar is the largest value of its own column
    'custom.minWidth': 90,
    'custom.cellOptions': {'type': 'gauge', 'mode': 'basic', 'valueDisplayMode': 'text'},
}
COUNT: Json = {'unit': 'locale', 'decimals': 0, 'custom.width': 90}
PERCENT: Json = {'unit': 'percent', 'decimals': 1, 'custom.width': 70}
BYTES: Json = {'unit': 'decbytes', 'decimals': 1, 'custom.width': 100}
TEXT: Json = {'custom.minWidth': 75}
IDENTIFIER: Json = {'custom.minWidth': 95}
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
    """Rows in the order of the query. `columns`: how each is drawn; its title is the text with its name.

    The first column of a table without rows shows the text `empty`.
    """
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
    """Shows the names of a choice instead of its values. The text of a choice is `name : value,…`."""
    pairs = [pair.split(' : ') for pair in text[choice].split(',')]
    options = {value: {'text': name, 'index': index} for index, (name, value) in enumerate(pairs)}
    return {'mappings': [{'type': 'value', 'options': options}]}


def heat_map(number: int, key: str, sql: str, size: Size, text: Texts) -> Json:
    """Calls by weekday and hour: the column `weekday_number` and one for each hour; a stronger colour means more calls."""
    field = {
        'noValue': '',
        'unit': 'short',
        'decimals': 0,
        'min': 0,
        'color': {'mode': 'continuous-blues'},  # begins with the colour of the panel: light on light, dark on dark
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
