"""The texts of the API calls page."""

from grafana.texts import BothLanguages, description

_NOT_SELECTED = (
    'Left out: calls that do not match the choices above; calls deleted by retention; crawlers, unless you choose to count them.',
    'Exclus : les appels qui ne correspondent pas aux choix ci-dessus ; les appels supprimés à la fin de leur conservation ; '
    "les robots d'indexation, sauf si vous choisissez de les compter.",
)

CALLS: BothLanguages = {
    'calls_about': (
        'The calls behind a bar, a line or a place of the other pages, or the calls that you select above.',
        "Les appels qui composent une barre, une ligne ou un lieu d'une autre page, ou ceux que vous sélectionnez ci-dessus.",
    ),
    'number_of_calls': ('Matching calls', 'Appels correspondants'),
    'number_of_calls_about': description(
        """The number of API calls in the period that match the choices above.

        Computed: exact count. An empty field matches all calls. *Circle* is a circle of the map, given by the
        `latitude,longitude` of its centre; it stands for all places that belong to it.""",
        """Nombre d'appels API de la période qui correspondent aux choix ci-dessus.

        Calcul : décompte exact. Un champ vide accepte tous les appels. *Cercle* est un cercle de la carte, désigné par
        `latitude,longitude` de son centre ; il représente tous les lieux qu'il regroupe.""",
        _NOT_SELECTED,
    ),
    'calls_by_day': ('Matching calls by day', 'Appels correspondants par jour'),
    'calls_by_day_about': description(
        """The matching calls per day in the portal's time zone. A day without calls is 0. Orange marks are events.

        Computed: exact count.""",
        """Appels correspondants par jour, dans le fuseau horaire du portail. Un jour sans appel vaut 0. Les repères orange
        signalent des événements.

        Calcul : décompte exact.""",
        _NOT_SELECTED,
    ),
    'newest_calls': ('Newest calls', 'Appels les plus récents'),
    'newest_calls_about': (
        """The newest 1,000 of the matching calls. A visitor is a keyed hash of an IP address; the address itself is not
        stored.

        Computed: the stored fields of each call; `-` means unknown.

        Left out: older calls; query strings, which are not stored.""",
        """Les 1 000 appels correspondants les plus récents. Un visiteur est le hachage à clé d'une adresse IP ; l'adresse
        elle-même n'est pas enregistrée.

        Calcul : les champs enregistrés de chaque appel ; `-` signifie inconnu.

        Exclus : les appels plus anciens ; les paramètres des URL, qui ne sont pas enregistrés.""",
    ),
}
