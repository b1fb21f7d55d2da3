"""The texts of the alerts, in English and French."""

from typing import NamedTuple


class AlertText(NamedTuple):
    """The texts of one alert. Its section in docs/alerts.md has its title.

    In a sentence, {name:.0f} is a value of its query, with that many decimals; the name of the portal or data set comes first.
    """

    title: str
    english: str
    french: str


NO_VALUE = {
    'en': 'no value: the database did not answer, or it has nothing to judge',
    'fr': "aucune valeur : la base de données n'a pas répondu, ou n'a rien à évaluer",
}
_UNUSUAL_CALLS = (
    '{calls:.0f} calls in an hour; usually {usual:.0f} at this hour of this weekday',
    "{calls:.0f} appels API en une heure ; d'habitude {usual:.0f} à cette heure de ce jour de la semaine",
)

ACTIVITY_DROPS = AlertText('Activity drops', *_UNUSUAL_CALLS)
ACTIVITY_PEAKS = AlertText('Activity peaks', *_UNUSUAL_CALLS)
NO_DATA = AlertText(
    'No data at all',
    'no calls stored for {hours:.1f} hours; the longest usual gap is {usual_hours:.1f} hours',
    "aucun appel API enregistré depuis {hours:.1f} heures ; l'interruption habituelle la plus longue : {usual_hours:.1f} heures",
)
REJECTS_RISE = AlertText(
    'Rejects rise',
    '{percent:.1f} % of the newest hour of input rejected; usually {usual_percent:.1f} %',
    "{percent:.1f} % de la dernière heure de données rejetés ; d'habitude {usual_percent:.1f} %",
)
MANY_REJECTS = AlertText(
    'Many rejects',
    '{percent:.1f} % of the newest hour of input rejected: {rejects:.0f} lines or calls',
    '{percent:.1f} % de la dernière heure de données rejetés : {rejects:.0f} lignes ou appels API',
)
CALLS_ARRIVE_LATE = AlertText(
    'Calls arrive late',
    'the newest calls were stored {minutes:.0f} minutes after they were made; usually {usual_minutes:.0f}',
    "les derniers appels API ont été enregistrés {minutes:.0f} minutes après avoir été faits ; d'habitude {usual_minutes:.0f}",
)
DOWNLOADS_PEAK = AlertText(
    'Downloads peak',
    '{downloads:.0f} downloads this month; {usual:.0f} a month in the twelve months before',
    '{downloads:.0f} téléchargements ce mois-ci ; {usual:.0f} par mois pendant les douze mois précédents',
)
