"""The texts of the seven indicators."""

from grafana.texts import BothLanguages

INDICATORS: BothLanguages = {
    'activity': ('Activity', 'Activité'),
    'activity_about': (
        """API calls per day, in the portal's own time zone. A day without calls is 0.

        Computed: every answered call is counted, whatever its status; there is no error. The first and the last day
        hold only what lies in the period; today is still under way.

        Left out: `OPTIONS` pre-flights and, unless counted above, crawlers. Orange marks are events.""",
        """Appels d'API par jour, dans le fuseau horaire du portail. Un jour sans appel vaut 0.

        Calcul : tout appel ayant reçu une réponse est compté, quel que soit son statut ; il n'y a pas d'erreur. Le
        premier et le dernier jour ne contiennent que ce qui est dans la période ; aujourd'hui n'est pas terminé.

        Exclus : les requêtes préliminaires `OPTIONS` et, sauf choix contraire ci-dessus, les robots d'indexation.
        Les repères orange sont des événements.""",
    ),
    'total_users': ('Total users', "Nombre total d'utilisateurs"),
    'total_users_about': (
        """Unique users: accounts, and anonymous visitors told apart by their IP address (IPv6: by its /64 network).

        Computed: estimated (HyperLogLog). The error is 1 % on average and 4 % at most up to 1,000 users; 3 % and
        6 % around 10,000; 1 % and 3 % at a million. People who share an address count as one;
        someone who changes address counts again.

        Left out: crawlers, unless counted above.""",
        """Utilisateurs uniques : les comptes, et les visiteurs anonymes distingués par leur adresse IP (IPv6 : par
        son réseau /64).

        Calcul : estimation (HyperLogLog). L'erreur est de 1 % en moyenne et de 4 % au plus jusqu'à 1 000 utilisateurs ;
        de 3 % et 6 % autour de 10 000 ; de 1 % et 3 % à un million.
        Plusieurs personnes derrière une même adresse comptent pour une ; qui change d'adresse compte à nouveau.

        Exclus : les robots d'indexation, sauf choix contraire ci-dessus.""",
    ),
    'calls_per_user': ('API calls per user', 'Appels API par utilisateur'),
    'calls_per_user_about': (
        """API calls divided by total users.

        Computed: calls are counted and users estimated, so the error is that of total users. Without users there is
        no value.

        Left out: crawlers, unless counted above.""",
        """Nombre d'appels d'API divisé par le nombre total d'utilisateurs.

        Calcul : les appels sont comptés et les utilisateurs estimés : l'erreur est celle du nombre total
        d'utilisateurs. Sans utilisateur, il n'y a pas de valeur.

        Exclus : les robots d'indexation, sauf choix contraire ci-dessus.""",
    ),
    'anonymous_users': ('Anonymous users', 'Utilisateurs anonymes'),
    'anonymous_users_about': (
        """Share of users who neither logged in nor showed an API key. A share of users, not of calls.

        Computed: anonymous users divided by total users. Both are estimated: the share is off by at most some 3
        percentage points, mostly by less than 1.

        Left out: crawlers, unless counted above.""",
        """Part des utilisateurs qui ne se sont pas connectés et n'ont pas présenté de clé d'API. C'est une part des
        utilisateurs, pas des appels.

        Calcul : utilisateurs anonymes divisés par le nombre total d'utilisateurs. Les deux sont estimés : l'écart
        est de 3 points au plus environ, le plus souvent de moins d'un point.

        Exclus : les robots d'indexation, sauf choix contraire ci-dessus.""",
    ),
    'mobile_users': ('Mobile users', 'Utilisateurs mobiles'),
    'mobile_users_about': (
        """Share of API calls made from a phone or a tablet. A share of activity, not of users.

        Computed: mobile calls divided by all calls, both counted. The device is told by the user agent that the
        caller sends, which may be missing or untrue: a call without one is not mobile.

        Left out: crawlers, unless counted above.""",
        """Part des appels d'API faits depuis un téléphone ou une tablette. C'est une part de l'activité, pas des
        utilisateurs.

        Calcul : appels mobiles divisés par tous les appels, comptés les uns et les autres. L'appareil est déduit de
        l'agent utilisateur qu'envoie l'appelant, qui peut manquer ou être faux : un appel qui n'en a pas n'est pas
        mobile.

        Exclus : les robots d'indexation, sauf choix contraire ci-dessus.""",
    ),
    'top_users': ('Top 5 users', 'Top 5 utilisateurs'),
    'top_users_about': (
        """The accounts with most API calls, largest first. All anonymous calls together are one column,
        `anonymous`.

        Computed: calls are summed by account, without error. The same account name on two portals is one user.

        Left out: every account behind the fifth; crawlers, unless counted above.""",
        """Les comptes qui font le plus d'appels d'API, par ordre décroissant. Tous les appels anonymes forment une
        seule colonne, `anonymous`.

        Calcul : les appels sont additionnés par compte, sans erreur. Un même nom de compte sur deux portails est un
        seul utilisateur.

        Exclus : les comptes après le cinquième ; les robots d'indexation, sauf choix contraire ci-dessus.""",
    ),
    'map_of_calls': ('Map of API calls', 'Carte des appels API'),
    'map_of_calls_about': (
        """API calls by the place that their IP address geolocates to. The area of a circle grows with its calls;
        the number in it is rounded, the exact one appears under the pointer. Close places are one circle, at the
        largest of them (`Paris, FR + 12`); the choice above makes more of them, for zooming in.

        Computed: calls are counted. Geolocation is a good guess, not a fact: the country is usually right, the city
        often only near. A call of which only the country is known lies in the middle of the country.

        Left out: calls whose address has no known place; crawlers, unless counted above.""",
        """Appels d'API selon le lieu où leur adresse IP est géolocalisée. La surface d'un cercle croît avec ses
        appels ; le nombre inscrit est arrondi, le nombre exact apparaît sous le pointeur. Des lieux proches forment
        un seul cercle, placé sur le plus important (`Paris, FR + 12`) ; le choix ci-dessus
        en montre davantage, pour agrandir la carte.

        Calcul : les appels sont comptés. La géolocalisation est une bonne estimation, pas un fait : le pays est en
        général juste, la ville souvent seulement proche. Un appel dont on ne connaît que le pays est placé en son
        milieu.

        Exclus : les appels dont l'adresse n'a pas de lieu connu ; les robots d'indexation, sauf choix contraire
        ci-dessus.""",
    ),
}
