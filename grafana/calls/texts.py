"""The texts of the page of API calls."""

from grafana.texts import BothLanguages

_CHOSEN = (
    'Left out: what is not chosen above; calls that were removed for their age; crawlers, unless counted.',
    "Exclus : ce qui n'est pas choisi ci-dessus ; les appels supprimés pour leur âge ; les robots, sauf s'ils sont comptés.",
)

CALLS: BothLanguages = {
    'calls_about': (
        'The calls behind a bar, a line or a place of the other pages, and any that you choose above.',
        "Les appels derrière une barre, une ligne ou un lieu des autres pages, et tous ceux que l'on choisit ci-dessus.",
    ),
    'number_of_calls': ('Calls found', 'Appels trouvés'),
    'number_of_calls_about': (
        f"""How many API calls of the period are of the chosen portals, users, countries, clients and data sets.

        Computed: counted, without error. A circle is one of the map: `latitude,longitude` of its middle; it stands for
        all places that joined it. An empty field is any.

        {_CHOSEN[0]}""",
        f"""Combien d'appels d'API de la période viennent des portails, utilisateurs, pays, clients et jeux de données choisis.

        Calcul : comptés, sans erreur. Un cercle est l'un de ceux de la carte : `latitude,longitude` de son milieu ; il
        vaut pour tous les lieux qui l'ont rejoint. Un champ vide laisse tout passer.

        {_CHOSEN[1]}""",
    ),
    'calls_by_day': ('Calls found, day by day', 'Appels trouvés, jour par jour'),
    'calls_by_day_about': (
        f"""The calls that were found, by the portal's own days. A day without any is 0.

        Computed: counted, without error. Orange marks are events.

        {_CHOSEN[0]}""",
        f"""Les appels trouvés, selon les jours du portail. Un jour sans appel vaut 0.

        Calcul : comptés, sans erreur. Les repères orange sont des événements.

        {_CHOSEN[1]}""",
    ),
    'newest_calls': ('Newest calls', 'Appels les plus récents'),
    'newest_calls_about': (
        """The newest 1,000 of the calls that were found. A visitor is a keyed hash of an address: the address itself is
        not stored.

        Computed: what was stored of each call; `-` is not known.

        Left out: the calls before these; query strings, which are not stored.""",
        """Les 1 000 plus récents des appels trouvés. Un visiteur est une empreinte à clé d'une adresse : l'adresse
        elle-même n'est pas enregistrée.

        Calcul : ce qui a été enregistré de chaque appel ; `-` est inconnu.

        Exclus : les appels antérieurs à ceux-ci ; les chaînes de requête, qui ne sont pas enregistrées.""",
    ),
}
