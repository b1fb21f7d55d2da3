"""The map: circles with the number of calls in them. The map of countries is part of Grafana, so it needs no internet."""

from grafana.layout import Size
from grafana.panels.panel import BLUE, Json, calls_link, override, panel, target
from grafana.texts import Texts

LAND = '#8e99a6'  # with its opacity, it is light on light and dark on dark
LOCATION = {'mode': 'coords', 'latitude': 'latitude', 'longitude': 'longitude'}
CENTER = {'horizontal': 'center', 'vertical': 'center'}
HIDDEN = {'custom.hideFrom': {'tooltip': True, 'viz': False, 'legend': False}}


def geomap(number: int, key: str, sql: str, size: Size, text: Texts) -> Json:
    """Calls by place, largest first: columns `place`, `latitude`, `longitude`, `calls`, `label`, `size`, `middle`."""
    options = {
        # fits the circles; closer than this zoom, the map of countries is too coarse
        'view': {
            'id': 'fit',
            'allLayers': False,
            'lastOnly': False,
            'layer': 'circles',
            'lat': 30,
            'lon': 10,
            'zoom': 6,
            'padding': 15,
        },
        'controls': {
            'showZoom': True,
            'mouseWheelZoom': False,  # the wheel scrolls the page
            'showAttribution': True,
            'showScale': False,
            'showMeasure': False,
            'showDebug': False,
        },
        'tooltip': {'mode': 'details'},
        'basemap': _countries(),
        'layers': [_circles(), _counts()],
    }
    overrides = [
        override('place', {'displayName': text['place'], 'links': calls_link(text, circle='__data.fields.middle')}),
        override('calls', {'displayName': text['calls']}),
        override('label', {'unit': 'short', **HIDDEN}),
        *(override(column, HIDDEN) for column in ('latitude', 'longitude', 'size', 'middle')),
    ]
    field = {'unit': 'locale', 'decimals': 0, 'min': 0}
    return panel('geomap', number, key, target(sql), size, text, color=BLUE, field=field, options=options, overrides=overrides)


def _countries() -> Json:
    return {
        'type': 'geojson',
        'name': 'land',
        'config': {
            'src': 'public/maps/countries.geojson',
            'rules': [],
            'style': {
                'color': {'fixed': LAND},
                'opacity': 0.35,
                'lineWidth': 1,
                'size': {'fixed': 3, 'min': 1, 'max': 10},
            },
        },
    }


def _circles() -> Json:
    return {
        'type': 'markers',
        'name': 'circles',
        'tooltip': True,
        'location': LOCATION,
        'config': {
            'showLegend': False,
            'style': {
                'symbol': {'mode': 'fixed', 'fixed': 'img/icons/marker/circle.svg'},
                'symbolAlign': CENTER,
                'color': {'fixed': BLUE},
                'opacity': 0.9,
                'size': {'field': 'size', 'fixed': 12, 'min': 12, 'max': 28},
            },
        },
    }


def _counts() -> Json:
    """The numbers in the circles. They are a layer of their own because the text of a marker has the colour of the marker."""
    return {
        'type': 'markers',
        'name': 'counts',
        'tooltip': False,
        'location': LOCATION,
        'config': {
            'showLegend': False,
            'style': {
                'symbol': {'mode': 'fixed', 'fixed': ''},
                'symbolAlign': CENTER,
                'color': {'fixed': '#ffffff'},
                'opacity': 1,
                'size': {'fixed': 1, 'min': 1, 'max': 1},
                'text': {'mode': 'field', 'field': 'label', 'fixed': ''},
                'textConfig': {
                    'fontSize': 11,
                    'textAlign': 'center',
                    'textBaseline': 'middle',
                    'offsetX': 0,
                    'offsetY': 0,
                },
            },
        },
    }
