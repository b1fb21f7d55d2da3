"""The texts of the Users page."""

from grafana.texts import CRAWLERS, DELETED_AND_CRAWLERS, BothLanguages, description


def _and_crawlers(english: str, french: str) -> tuple[str, str]:
    return (
        f'Left out: {english}; crawlers, unless you choose to count them.',
        f"Exclus : {french} ; les robots d'indexation, sauf si vous choisissez de les compter.",
    )


INDICATORS: BothLanguages = {
    'activity': ('Activity', 'Activité'),
    'activity_about': description(
        """API calls per day in the portal's time zone. A day without calls is 0. Orange marks are events.

        Computed: exact count of the answered calls, whatever their status. The first and the last day contain only the
        calls in the period; today is not over yet.""",
        """Appels API par jour, dans le fuseau horaire du portail. Un jour sans appel vaut 0. Les repères orange signalent
        des événements.

        Calcul : décompte exact des appels qui ont reçu une réponse, quel que soit son statut. Le premier et le dernier jour
        ne contiennent que les appels de la période ; la journée en cours n'est pas terminée.""",
        _and_crawlers('`OPTIONS` pre-flights', 'les requêtes préliminaires `OPTIONS`'),
    ),
    'total_users': ('Total users', "Nombre total d'utilisateurs"),
    'total_users_about': description(
        """Unique users: accounts and anonymous visitors. A visitor is identified by IP address (IPv6: by /64 network).

        Computed: estimated (HyperLogLog). The mean and the largest error are 1 % and 4 % up to 1,000 users, 3 % and 6 %
        around 10,000, 1 % and 3 % at one million. People who share an address count as one user; a person whose address
        changes counts again. Over several portals, a visitor counts once for each, unless the setting `shared_visitors` says
        otherwise.""",
        """Utilisateurs uniques : comptes et visiteurs anonymes. Un visiteur est identifié par son adresse IP (IPv6 : par
        son réseau /64).

        Calcul : estimation (HyperLogLog). L'erreur moyenne et l'erreur maximale sont de 1 % et 4 % jusqu'à 1 000
        utilisateurs, de 3 % et 6 % autour de 10 000, de 1 % et 3 % à un million. Les personnes qui partagent une adresse
        comptent pour un seul utilisateur ; une personne qui change d'adresse est comptée de nouveau. Sur plusieurs portails,
        un visiteur compte une fois pour chacun, sauf si le paramètre `shared_visitors` en décide autrement.""",
        CRAWLERS,
    ),
    'calls_per_user': ('API calls per user', 'Appels API par utilisateur'),
    'calls_per_user_about': description(
        """API calls divided by total users.

        Computed: calls are counted and users are estimated, so the error is that of total users. Without users there is no
        value.""",
        """Nombre d'appels API divisé par le nombre total d'utilisateurs.

        Calcul : les appels sont comptés et les utilisateurs estimés ; l'erreur est donc celle du nombre total
        d'utilisateurs. Sans utilisateur, il n'y a pas de valeur.""",
        CRAWLERS,
    ),
    'anonymous_users': ('Anonymous users', 'Utilisateurs anonymes'),
    'anonymous_users_about': description(
        """Share of users who were not logged in and sent no API key. It is a share of users, not of calls.

        Computed: anonymous users divided by total users. Both are estimated: the error is at most about 3 percentage
        points, usually less than 1.""",
        """Part des utilisateurs qui n'étaient pas connectés et n'ont pas envoyé de clé API. C'est une part des
        utilisateurs, pas des appels.

        Calcul : utilisateurs anonymes divisés par le nombre total d'utilisateurs. Les deux sont estimés : l'erreur est
        d'environ 3 points au plus, le plus souvent de moins de 1 point.""",
        CRAWLERS,
    ),
    'mobile_users': ('Mobile users', 'Utilisateurs mobiles'),
    'mobile_users_about': description(
        """Share of API calls that came from a phone or a tablet. It is a share of calls, not of users.

        Computed: mobile calls divided by all calls; both are counted. The device is taken from the user agent, which can be
        missing or false. A call without a user agent is not mobile.""",
        """Part des appels API faits depuis un téléphone ou une tablette. C'est une part des appels, pas des utilisateurs.

        Calcul : appels mobiles divisés par l'ensemble des appels ; les deux sont comptés. L'appareil est déduit de l'agent
        utilisateur (user agent), qui peut manquer ou être faux. Un appel sans agent utilisateur n'est pas mobile.""",
        CRAWLERS,
    ),
    'top_users': ('Top 5 users', 'Top 5 utilisateurs'),
    'top_users_about': description(
        """The accounts with the most API calls, largest first. All anonymous calls together are one column, `anonymous`.

        Computed: exact sum of calls by account. The same account name on two portals is one user.""",
        """Les comptes qui font le plus d'appels API, par ordre décroissant. Tous les appels anonymes forment une seule
        colonne, `anonymous`.

        Calcul : somme exacte des appels par compte. Un même nom de compte sur deux portails est un seul utilisateur.""",
        _and_crawlers('all columns after the fifth', 'les colonnes après la cinquième'),
    ),
    'map_of_calls': ('Map of API calls', 'Carte des appels API'),
    'map_of_calls_about': description(
        """API calls by the place of their IP address. The area of a circle grows with its calls. The number in it is rounded;
        the tooltip shows the exact number. Places that are close share a circle at the largest of them (`Paris, FR + 12`);
        *Circles on the map* above shows more circles, for zooming in.

        Computed: calls are counted. Geolocation is an estimate: the country is usually right, the city is often only near
        the real place. If only the country is known, the call is placed in the middle of that country.""",
        """Appels API selon le lieu de leur adresse IP. La surface d'un cercle croît avec le nombre d'appels. Le nombre affiché
        est arrondi ; l'infobulle donne le nombre exact. Les lieux proches partagent un cercle, placé sur le plus important
        (`Paris, FR + 12`) ; le choix *Cercles sur la carte* en affiche davantage, pour zoomer.

        Calcul : les appels sont comptés. La géolocalisation est une estimation : le pays est en général juste, la ville
        est souvent approximative. Si seul le pays est connu, l'appel est placé au centre de ce pays.""",
        _and_crawlers('calls without a known place', 'les appels sans lieu connu'),
    ),
}

DETAILS: BothLanguages = {
    'users_about': (
        'Who uses the portal: seven indicators, computed from API calls, and the details behind them.',
        'Qui utilise le portail : sept indicateurs calculés à partir des appels API, et leur détail.',
    ),
    'countries': ('API calls by country', 'Appels API par pays'),
    'countries_about': description(
        """API calls by country (ISO code), most calls first; `-` means no known place. Click a country to see its calls.

        Computed: the calls of the map, summed by country. Geolocation usually finds the right country; a VPN or a proxy has
        the country of its exit.""",
        """Appels API par pays (code ISO), par ordre décroissant ; `-` désigne les appels sans lieu connu. Cliquez sur un pays
        pour voir ses appels.

        Calcul : les appels de la carte, additionnés par pays. La géolocalisation donne en général le bon pays ; pour un VPN
        ou un proxy, c'est le pays de sortie.""",
        CRAWLERS,
    ),
    'when_row': ('When', 'Quand'),
    'who_row': ('Who', 'Qui'),
    'what_row': ('What and how', 'Quoi et comment'),
    'hours': ('API calls by weekday and hour', 'Appels API par jour de la semaine et par heure'),
    'hours_about': description(
        """API calls by weekday and hour in the portal's time zone: the stronger the blue, the more calls. `09` is from 9 to 10.

        Computed: exact count over the whole period. Only a period of whole weeks has each weekday equally often; the
        remaining hours of today are still missing.""",
        """Appels API par jour de la semaine et par heure, dans le fuseau horaire du portail : plus le bleu est soutenu, plus
        il y a d'appels. `09` va de 9 h à 10 h.

        Calcul : décompte exact sur toute la période. Seule une période de semaines entières contient chaque jour de la
        semaine le même nombre de fois ; les heures à venir de la journée en cours manquent encore.""",
        DELETED_AND_CRAWLERS,
    ),
    'users_by_kind': ('Users by type', 'Utilisateurs par type'),
    'users_by_kind_about': description(
        """Users per day: registered users (accounts) and anonymous visitors.

        Computed: estimated for each day, with the error of total users. The days do not add up to the users of the period: a
        user who comes on two days counts on both days, but once in the period.""",
        """Utilisateurs par jour : utilisateurs authentifiés (comptes) et visiteurs anonymes.

        Calcul : estimation pour chaque jour, avec l'erreur du nombre total d'utilisateurs. La somme des jours n'est pas le
        nombre d'utilisateurs de la période : un utilisateur qui vient deux jours compte chacun de ces jours, mais une seule
        fois dans la période.""",
        CRAWLERS,
    ),
    'most_active_users': ('Most active users', 'Utilisateurs les plus actifs'),
    'most_active_users_about': description(
        """The 200 accounts with the most API calls, the number of days on which they called, and the last of these days. All
        anonymous calls together are one row, `anonymous`. Click a user to see the calls.

        Computed: exact sum of calls by account; the share is of all calls.""",
        """Les 200 comptes qui font le plus d'appels API, le nombre de jours où ils en ont fait et le dernier de ces jours.
        Tous les appels anonymes forment une seule ligne, `anonymous`. Cliquez sur un utilisateur pour voir ses appels.

        Calcul : somme exacte des appels par compte ; la part est rapportée à tous les appels.""",
        _and_crawlers('rows after the 200th', 'les lignes après la 200e'),
    ),
    'asked_datasets': ('API calls by data set', 'Appels API par jeu de données'),
    'asked_datasets_about': description(
        """The 200 data sets with the most API calls. `-` means calls that request no data set, such as searches. Click a data
        set to see its calls; the page *Data sets* has more details.

        Computed: exact count. The data set is taken from the path of the call; the catalogue gives its title.""",
        """Les 200 jeux de données qui reçoivent le plus d'appels API. `-` désigne les appels qui ne concernent aucun jeu de
        données, comme les recherches. Cliquez sur un jeu de données pour voir ses appels ; la page *Jeux de données* donne
        plus de détails.

        Calcul : décompte exact. Le jeu de données est déduit du chemin de l'appel ; le catalogue donne son titre.""",
        DELETED_AND_CRAWLERS,
    ),
    'clients': ('API calls by client', 'Appels API par client'),
    'clients_about': description(
        """API calls by program: browsers, and API clients such as curl or pandas. `-` means a program without a known name.
        Click a program to see its calls. Crawlers, if you count them, have rows of their own.

        Computed: calls are counted, users are estimated. The program is taken from the user agent, which can be missing or
        false.""",
        """Appels API par programme : navigateurs, et clients API comme curl ou pandas. `-` désigne un programme sans nom
        connu. Cliquez sur un programme pour voir ses appels. Si vous comptez les robots d'indexation, ils ont leurs propres
        lignes.

        Calcul : les appels sont comptés, les utilisateurs estimés. Le programme est déduit de l'agent utilisateur, qui peut
        manquer ou être faux.""",
        DELETED_AND_CRAWLERS,
    ),
    'whose_row': ('Whose traffic', "D'où vient le trafic"),
    'audiences': ('API calls by audience', 'Appels API par audience'),
    'audiences_about': description(
        """API calls and users by audience, as the setting `audiences` defines them; `-` means the public.

        Computed: exact count of calls; users are estimated above 65,536. The audience is decided when a call is stored.""",
        """Appels API et utilisateurs par audience, selon le paramètre `audiences` ; `-` désigne le public.

        Calcul : décompte exact des appels ; les utilisateurs sont estimés au-delà de 65 536. L'audience est décidée quand un
        appel est enregistré.""",
        DELETED_AND_CRAWLERS,
    ),
    'networks': ('API calls by network', 'Appels API par réseau'),
    'networks_about': description(
        """The 200 networks with the most API calls: the organisation that runs the network of the address, and its AS number.
        `-` means unknown, as all are without the setting `geo_asn_database`.

        Computed: exact count of calls; users are estimated above 65,536. A VPN or a proxy has the network of its exit.""",
        """Les 200 réseaux qui font le plus d'appels API : l'organisation qui exploite le réseau de l'adresse, et son numéro
        d'AS. `-` désigne un réseau inconnu, comme ils le sont tous sans le paramètre `geo_asn_database`.

        Calcul : décompte exact des appels ; les utilisateurs sont estimés au-delà de 65 536. Un VPN ou un proxy a le réseau
        de sa sortie.""",
        DELETED_AND_CRAWLERS,
    ),
    'referrers': ('API calls by site', 'Appels API par site'),
    'referrers_about': description(
        """The 200 sites whose pages lead to the most API calls, and how many data sets these calls ask for. `(own)` means
        the portal itself, `-` a call without a referrer, as programs make.

        Computed: exact count. The site is the host of the header `Referer`, which a browser can leave out.""",
        """Les 200 sites dont les pages mènent au plus d'appels API, et le nombre de jeux de données que ces appels demandent.
        `(own)` désigne le portail lui-même, `-` un appel sans référent, comme en font les programmes.

        Calcul : décompte exact. Le site est l'hôte de l'en-tête `Referer`, qu'un navigateur peut omettre.""",
        DELETED_AND_CRAWLERS,
    ),
    'excluded': ('Crawlers and suspects', 'Robots et suspects'),
    'excluded_about': description(
        """API calls of crawlers, API calls that are left out (of audiences in the setting `left_out`), and suspect API calls: by
        browsers in hosting networks, likely crawlers. Suspect calls count, unless the setting `suspect` leaves them out.

        Computed: exact count.""",
        """Appels API de robots d'indexation, appels API exclus (d'audiences du paramètre `left_out`) et appels API suspects : de
        navigateurs dans des réseaux d'hébergeurs, sans doute des robots. Les appels suspects comptent, sauf si le paramètre
        `suspect` les exclut.

        Calcul : décompte exact.""",
        (
            'Left out: all other API calls; here, crawlers are shown whether you choose to count them or not.',
            "Exclus : tous les autres appels API ; les robots d'indexation sont affichés ici, que vous les comptiez ou non.",
        ),
    ),
    'statuses': ('API calls by status', 'Appels API par statut'),
    'statuses_about': description(
        """API calls by HTTP status of the answer. 400 and above are errors: 4xx come from the request, 5xx from the portal;
        429 means too many requests. `-` means unknown. Click a status to see its calls.

        Computed: exact count.""",
        """Appels API par statut HTTP de la réponse. À partir de 400, c'est une erreur : les 4xx viennent de la requête, les
        5xx du portail ; 429 signale trop de requêtes. `-` signifie inconnu. Cliquez sur un statut pour voir ses appels.

        Calcul : décompte exact.""",
        DELETED_AND_CRAWLERS,
    ),
}

USERS = INDICATORS | DETAILS
