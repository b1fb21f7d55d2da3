"""Writes texts, numbers, dates and places in the language of the page."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_skeleton, format_time
from babel.numbers import format_compact_decimal, format_decimal

from exporter.page.texts import TEXTS
from exporter.report.indicators import Place
from exporter.report.period import Period
from exporter.report.terminal import LANGUAGES, LOCALES, NO_VALUE

SECOND = timedelta(seconds=1)


class Wording:
    """Texts, numbers and dates in one language and the time zone of a portal."""

    def __init__(self, language: str, zone: ZoneInfo) -> None:
        self.locale, self.zone = LOCALES[language], zone
        self.texts = {name: texts[LANGUAGES.index(language)] for name, texts in TEXTS.items()}

    def text(self, name: str, /, **values: object) -> str:
        """A text of the page."""
        return self.texts[name].format(**values)

    def number(self, value: float | None, form: str = '#,##0') -> str:
        """A number in a form of CLDR, or a dash if there is none."""
        return NO_VALUE if value is None else format_decimal(value, form, self.locale)

    def compact(self, value: int, digits: int = 0) -> str:
        """A number in a few characters, such as 12K, also where the language writes a space before the K."""
        return ''.join(format_compact_decimal(value, locale=self.locale, fraction_digits=digits).split())

    def percent(self, share: float | None) -> str:
        """A share in per cent."""
        return NO_VALUE if share is None else self.text('percent', share=self.number(share, '#,##0.0'))

    def change(self, value: float | None, before: float | None) -> str:
        """The relative change of a value in per cent, or '' if there is none."""
        if value is None or not before:
            return ''
        return self.text('change', change=self.text('percent', share=self._signed(100 * (value - before) / before, '#,##0.0')))

    def points(self, value: float | None, before: float | None) -> str:
        """The change of a share in percentage points, or ''."""
        if value is None or before is None:
            return ''
        return self.text('points', change=self._signed(value - before, '#,##0.0'))

    def _signed(self, value: float, form: str) -> str:
        return '±0' if round(value, 1) == 0 else format_decimal(value, f'+{form};\u2212{form}', self.locale)

    def full_date(self, day: date) -> str:
        """A day with its year."""
        return format_date(day, 'long', self.locale)

    def short_date(self, day: date, skeleton: str) -> str:
        """A part of a date, such as MMMd."""
        return format_skeleton(skeleton, day, locale=self.locale)

    def moment(self, moment: datetime) -> str:
        """A day and time in the time zone of the portal; midnight has no time."""
        local = moment.astimezone(self.zone)
        day, midnight = self.full_date(local.date()), local.time() == time()
        return day if midnight else f'{day}, {format_time(local, "short", locale=self.locale)}'

    def span(self, period: Period) -> str:
        """The first and the last day of a period; of a day that it cuts, the time too."""
        first, end = self.moment(period.start), period.end.astimezone(self.zone)
        last = self.full_date((end - SECOND).date()) if end.time() == time() else self.moment(end)
        return ' \u2013 '.join(dict.fromkeys([first, last]))

    def place(self, place: Place) -> str:
        """A place with the name of its country."""
        country = self.locale.territories.get(place.country, place.country)
        return f'{place.city}, {country}' if place.city else country
