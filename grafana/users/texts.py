"""The texts of the Users page, but for those of the seven indicators."""

from grafana.texts import BothLanguages

USERS: BothLanguages = {
    'users_about': (
        'Who uses the portal: seven indicators, computed from its API calls, and what is behind them.',
        "Qui utilise le portail : sept indicateurs calculés à partir de ses appels d'API, et ce qu'il y a derrière.",
    ),
    'countries': ('API calls by country', "Appels d'API par pays"),
    'countries_about': (
        """API calls by country, the busiest first, as ISO codes; `-` are calls without a known place. A click on a
        country leads to its calls.

        Computed: the calls of the map, added up by country. Geolocation is mostly right about the country; a VPN or a
        proxy has the country of its exit.

        Left out: crawlers, unless counted above.""",
        """Appels d'API par pays (codes ISO), le plus actif d'abord ; `-` désigne les appels sans lieu connu. Un clic sur
        un pays mène à ses appels.

        Calcul : les appels de la carte, additionnés par pays. La géolocalisation donne en général le bon pays ; un VPN
        ou un proxy a le pays de sa sortie.

        Exclus : les robots d'indexation, sauf choix contraire ci-dessus.""",
    ),
    'when_row': ('When', 'Quand'),
    'who_row': ('Who', 'Qui'),
    'what_row': ('What and how', 'Quoi et comment'),
    'hours': ('API calls by weekday and hour', "Appels d'API par jour de la semaine et par heure"),
    'hours_about': (
        """API calls by weekday and hour, on the clock of the portal: the stronger the blue, the more. `09` is from 9 to 10.

        Computed: calls are counted, without error, over the whole period. A period of whole weeks holds every weekday
        as often; today's hours are still to come.

        Left out: calls that were removed for their age; crawlers, unless counted above.""",
        """Appels d'API par jour de la semaine et par heure, à l'heure du portail : plus le bleu est fort, plus il y en a.
        `09` va de 9 h à 10 h.

        Calcul : les appels sont comptés, sans erreur, sur toute la période. Une période de semaines entières contient
        chaque jour aussi souvent ; il manque encore des heures d'aujourd'hui.

        Exclus : les appels supprimés pour leur âge ; les robots d'indexation, sauf choix contraire ci-dessus.""",
    ),
    'users_by_kind': ('Users by kind', 'Utilisateurs par type'),
    'users_by_kind_about': (
        """Users of each day: registered ones (accounts) and anonymous visitors.

        Computed: estimated for each day, with the error of total users. The days do not add up to the users of the
        period: who comes on two days is a user of each, and one user of the period.

        Left out: crawlers, unless counted above.""",
        """Utilisateurs de chaque jour : enregistrés (comptes) et visiteurs anonymes.

        Calcul : estimés pour chaque jour, avec l'erreur du nombre total d'utilisateurs. La somme des jours n'est pas le
        nombre d'utilisateurs de la période : qui vient deux jours compte chaque jour, et une fois dans la période.

        Exclus : les robots d'indexation, sauf choix contraire ci-dessus.""",
    ),
    'most_active_users': ('Most active users', 'Utilisateurs les plus actifs'),
    'most_active_users_about': (
        """The 200 accounts with most API calls, on how many days they called, and the last of these. All anonymous calls
        together are one line, `anonymous`. A click on a user leads to the calls.

        Computed: calls are summed by account, without error; the share is that of all calls.

        Left out: accounts after the 200th; crawlers, unless counted above.""",
        """Les 200 comptes qui font le plus d'appels d'API, sur combien de jours, et le dernier de ces jours. Tous les
        appels anonymes forment une seule ligne, `anonymous`. Un clic sur un utilisateur mène à ses appels.

        Calcul : les appels sont additionnés par compte, sans erreur ; la part est celle de tous les appels.

        Exclus : les comptes après le 200e ; les robots d'indexation, sauf choix contraire ci-dessus.""",
    ),
    'asked_datasets': ('API calls by data set', "Appels d'API par jeu de données"),
    'asked_datasets_about': (
        """The 200 data sets that are asked most. `-` are calls that ask for no data set, as searches. A click on a data
        set leads to its calls; the page *Data sets* tells more.

        Computed: calls are counted, without error. The data set is told by the path of the call.

        Left out: calls that were removed for their age; crawlers, unless counted above.""",
        """Les 200 jeux de données les plus demandés. `-` désigne les appels qui n'en demandent aucun, comme les
        recherches. Un clic sur un jeu de données mène à ses appels ; la page *Jeux de données* en dit plus.

        Calcul : les appels sont comptés, sans erreur. Le jeu de données est déduit du chemin de l'appel.

        Exclus : les appels supprimés pour leur âge ; les robots d'indexation, sauf choix contraire ci-dessus.""",
    ),
    'clients': ('API calls by client', "Appels d'API par client"),
    'clients_about': (
        """Who calls with what: browsers, and API clients as curl or pandas, each with its name; `-` is one without a name.
        A click on a program leads to its calls.

        Computed: calls are counted, users estimated. The program is what the user agent says, which may be missing or
        untrue.

        Left out: calls that were removed for their age; crawlers, unless counted above; then they have lines of their own.""",
        """Qui appelle avec quoi : les navigateurs, et les clients d'API comme curl ou pandas, chacun par son nom ; `-`
        désigne ceux qui n'en ont pas. Un clic sur un programme mène à ses appels.

        Calcul : les appels sont comptés, les utilisateurs estimés. Le programme est ce que dit l'agent utilisateur, qui
        peut manquer ou être faux.

        Exclus : les appels supprimés pour leur âge ; les robots d'indexation, sauf choix contraire ci-dessus ; ils ont
        alors leurs propres lignes.""",
    ),
    'statuses': ('API calls by status', "Appels d'API par statut"),
    'statuses_about': (
        """API calls by the HTTP status of the answer. 400 and more are errors: 4xx of what was asked, 5xx of the portal;
        429 is a caller who asks too often. `0` is not known. A click on a status leads to its calls.

        Computed: calls are counted, without error.

        Left out: calls that were removed for their age; crawlers, unless counted above.""",
        """Appels d'API selon le statut HTTP de la réponse. À partir de 400, c'est une erreur : 4xx vient de la demande,
        5xx du portail ; 429 est un appelant qui demande trop souvent. `0` est inconnu. Un clic sur un statut mène à ses
        appels.

        Calcul : les appels sont comptés, sans erreur.

        Exclus : les appels supprimés pour leur âge ; les robots d'indexation, sauf choix contraire ci-dessus.""",
    ),
}
