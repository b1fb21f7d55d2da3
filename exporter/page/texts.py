"""The texts of the page, in English and French."""

TEXTS = {
    'title': ('Usage of {domain}', 'Utilisation de {domain}'),
    'compared': ('Changes compare with {span}.', 'Les évolutions comparent avec la période {span}.'),
    'compared_cut': (
        'Changes compare the part of the period whose calls are known with {span}.',
        'Les évolutions comparent la partie de la période dont les appels sont connus avec la période {span}.',
    ),
    'not_compared': (
        'No changes are shown: not all calls of the period before are known.',
        "Aucune évolution n'est indiquée : les appels de la période précédente ne sont pas tous connus.",
    ),
    'empty_title': ('No calls in this period', 'Aucun appel dans cette période'),
    'empty': (
        '{name} has no calls in this period. The portal has calls from {first} to {last}.',
        "{name} n'a aucun appel dans cette période. Le portail a des appels du {first} au {last}.",
    ),
    'change': ('{change} on the period before', '{change} par rapport à la période précédente'),
    'points': ('{change} points on the period before', '{change} points par rapport à la période précédente'),
    'percent': ('{share}%', '{share}\u202f%'),
    'calls': ('API calls', 'Appels API'),
    'numbers': ('Numbers', 'Chiffres'),
    'numbers_of': ('Numbers: {title}', 'Chiffres : {title}'),
    'activity': ('Activity', 'Activité'),
    'activity_total': ('{calls} API calls', '{calls} appels API'),
    'uses': (
        '{queries} queries, {downloads} downloads, {page_views} page views; {errors} errors',
        '{queries} requêtes, {downloads} téléchargements, {page_views} pages vues ; {errors} erreurs',
    ),
    'activity_about': (
        'API calls per day; a day without calls is 0. Counted exactly. Orange lines are events.',
        'Appels API par jour ; un jour sans appel vaut 0. Décompte exact. Les traits orange sont des événements.',
    ),
    'activity_chart': (
        'Area chart of the API calls per day, at most {most} on {day}.',
        'Graphique en aires des appels API par jour, au plus {most} le {day}.',
    ),
    'total_users': ('Total users', "Nombre total d'utilisateurs"),
    'total_users_about': (
        'Accounts, and anonymous visitors told apart by IP address.',
        'Comptes, et visiteurs anonymes distingués par leur adresse IP.',
    ),
    'users_estimated': (
        'Estimated: the error is 1 to 3% on average, 6% at most.',
        "Estimation : l'erreur est de 1 à 3\u202f% en moyenne, de 6\u202f% au plus.",
    ),
    'users_sampled': (
        'Exact up to 65,536 users; beyond that the error is at most 2%.',
        "Exact jusqu'à 65 536 utilisateurs ; au-delà, l'erreur est de 2\u202f% au plus.",
    ),
    'users_exact': ('Counted exactly.', 'Décompte exact.'),
    'hidden': (
        'Underestimated: {calls} anonymous calls come without a whole address.',
        "Sous-estimé : {calls} appels anonymes n'ont pas d'adresse complète.",
    ),
    'hidden_some': (
        'Underestimated: some anonymous calls of the portal come without a whole address.',
        "Sous-estimé : des appels anonymes du portail n'ont pas d'adresse complète.",
    ),
    'calls_per_user': ('API calls per user', 'Appels API par utilisateur'),
    'calls_per_user_about': (
        'API calls divided by total users. The error is that of total users.',
        "Appels API divisés par le nombre total d'utilisateurs. L'erreur est celle du nombre d'utilisateurs.",
    ),
    'anonymous_users': ('Anonymous users', 'Utilisateurs anonymes'),
    'anonymous_users_about': (
        'Share of users who were not logged in and sent no API key: of users, not of calls.',
        "Part des utilisateurs ni connectés ni munis d'une clé API : des utilisateurs, pas des appels.",
    ),
    'share_estimated': ('The error is at most about 3 points.', "L'erreur est d'environ 3 points au plus."),
    'share_sampled': (
        'Exact up to 65,536 users; beyond that the error is at most about 2 points.',
        "Exact jusqu'à 65 536 utilisateurs ; au-delà, l'erreur est d'environ 2 points au plus.",
    ),
    'share_exact': ('Counted exactly.', 'Décompte exact.'),
    'mobile_users': ('Mobile users', 'Utilisateurs mobiles'),
    'mobile_users_about': (
        'Share of API calls from a phone or a tablet: of calls, not of users. Counted; the user agent, which tells the '
        'device, can be missing or false.',
        "Part des appels API faits d'un téléphone ou d'une tablette : des appels, pas des utilisateurs. Décompte ; "
        "l'agent utilisateur, qui indique l'appareil, peut manquer ou être faux.",
    ),
    'top_users': ('Top 5 users', 'Top 5 utilisateurs'),
    'top_users_about': (
        'The accounts with the most API calls; all anonymous calls together are one entry. Counted exactly.',
        "Les comptes qui font le plus d'appels API ; tous les appels anonymes forment une seule entrée. Décompte exact.",
    ),
    'top_users_chart': (
        'Column chart of the API calls of the five users.',
        'Histogramme des appels API des cinq utilisateurs.',
    ),
    'anonymous': ('anonymous', 'anonyme'),
    'user': ('User', 'Utilisateur'),
    'map': ('Map of API calls', 'Carte des appels API'),
    'map_about': (
        'API calls by the place of their IP address. Places that are close share a circle, at the largest of them; its '
        'area grows with its calls, from a smallest size on. Counted; the place is an estimate: usually the right '
        'country, often only near the city.',
        'Appels API selon le lieu de leur adresse IP. Les lieux proches partagent un cercle, placé sur le plus '
        'important ; sa surface croît avec ses appels. Décompte ; le lieu est une estimation : le pays est en général '
        'juste, la ville souvent approximative.',
    ),
    'map_chart': (
        'Map with {circles} circles; the largest: {largest}.',
        'Carte avec {circles} cercles ; le plus grand : {largest}.',
    ),
    'circle': ('{place}: {calls}', '{place} : {calls}'),
    'circle_of_several': ('{place} and {others} more: {calls}', '{place} et {others} de plus : {calls}'),
    'place': ('Place', 'Lieu'),
    'other_places': ('other places ({places})', 'autres lieux ({places})'),
    'unlocated': ('without a place', 'sans lieu'),
    'nothing': ('None.', 'Aucun.'),
    'events': ('Events', 'Événements'),
    'more_events': ('Before these: {events} more.', 'Avant ceux-ci : {events} de plus.'),
    'events_about': ('What may explain a change.', 'Ce qui peut expliquer une évolution.'),
    'datasets': ('Most used data sets', 'Jeux de données les plus utilisés'),
    'publishers': ('Most used publishers', 'Producteurs les plus utilisés'),
    'uses_about': (
        'With the most API calls, at most ten. A download is one caller getting one file within one hour. Calls are '
        'counted; users and downloads are exact up to 65,536, beyond that the error is at most 2%.',
        "Ceux qui ont le plus d'appels API, dix au plus. Un téléchargement est un fichier obtenu par un même appelant en une "
        "heure. Les appels sont comptés ; utilisateurs et téléchargements sont exacts jusqu'à 65 536, au-delà l'erreur "
        'est de 2\u202f% au plus.',
    ),
    'removed': (
        'The calls before {day} were deleted and are not counted here.',
        'Les appels avant le {day} sont supprimés et ne sont pas comptés ici.',
    ),
    'dataset': ('Data set', 'Jeu de données'),
    'publisher': ('Publisher', 'Producteur'),
    'users': ('Users', 'Utilisateurs'),
    'downloads': ('Downloads', 'Téléchargements'),
    'day': ('Day', 'Jour'),
    'covered': ('What is counted', 'Ce qui est compté'),
    'covered_portal': ('Portal', 'Portail'),
    'covered_timezone': ('Time zone', 'Fuseau horaire'),
    'first_call': ('First call stored', 'Premier appel enregistré'),
    'last_call': ('Last call stored', 'Dernier appel enregistré'),
    'crawlers': ('Calls of crawlers, left out', "Appels de robots d'indexation, exclus"),
    'crawlers_counted': ('Calls of crawlers, included', "Appels de robots d'indexation, inclus"),
    'left_out': ('Calls of audiences, left out', "Appels d'audiences exclues"),
    'left_out_counted': (
        'Calls of audiences that are otherwise left out, included',
        "Appels d'audiences exclues d'ordinaire, inclus",
    ),
    'suspect_calls': (
        'Calls of browsers in hosting networks, likely crawlers',
        "Appels de navigateurs dans des réseaux d'hébergeurs, sans doute des robots",
    ),
    'unlocated_calls': ('Calls without a place', 'Appels sans lieu'),
    'program': ('Computed by', 'Calculé par'),
    'not_covered': (
        'Not counted: what never reaches the portal. Files that a cache or a content delivery network answers, files '
        'that are hosted elsewhere and copies that somebody passes on are not seen. Several people behind one address '
        'are one visitor; a person whose address changes counts again.',
        "N'est pas compté : ce qui n'atteint jamais le portail. Les fichiers servis par un cache ou un réseau de "
        'diffusion, les fichiers hébergés ailleurs et les copies transmises ne sont pas vus. Plusieurs personnes '
        "derrière une même adresse sont un seul visiteur ; une personne qui change d'adresse est comptée de nouveau.",
    ),
}
