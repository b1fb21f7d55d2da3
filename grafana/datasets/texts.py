"""The texts of the Data sets page."""

from grafana.texts import DELETED_AND_CRAWLERS, BothLanguages, description

_NO_DATASET = (
    'Left out: calls that request no data set; calls deleted by retention; crawlers, unless you choose to count them.',
    'Exclus : les appels qui ne concernent aucun jeu de données ; les appels supprimés à la fin de leur conservation ; les '
    "robots d'indexation, sauf si vous choisissez de les compter.",
)
_FIRST_EIGHT = (
    'Left out: other data sets; calls deleted by retention; crawlers, unless you choose to count them.',
    'Exclus : les autres jeux de données ; les appels supprimés à la fin de leur conservation ; les robots '
    "d'indexation, sauf si vous choisissez de les compter.",
)

_ONLY_CRAWLED = (
    'Left out: calls of crawlers, unless you choose to count them: a data set that only they requested has no calls.',
    "Exclus : les appels des robots d'indexation, sauf si vous choisissez de les compter : un jeu de données qu'eux seuls ont "
    "demandé n'a pas d'appel.",
)

DATASETS: BothLanguages = {
    'datasets': ('Data sets', 'Jeux de données'),
    'datasets_about': (
        'Which data sets are requested, and whose they are: calls, downloads, users, errors and size of the answers.',
        'Les jeux de données consultés et leurs producteurs : appels, téléchargements, utilisateurs, erreurs, volumes.',
    ),
    'datasets_asked': ('Requested data sets', 'Jeux de données consultés'),
    'datasets_asked_about': description(
        """The number of chosen data sets that were requested at least once.

        Computed: exact count of the data sets named in the paths of calls; names that the catalogue gives to one data set count
        once. A data set that was requested counts even if the portal does not have it, or no longer has it.""",
        """Nombre de jeux de données choisis qui ont été consultés au moins une fois.

        Calcul : décompte exact des jeux de données nommés dans le chemin des appels ; les noms que le catalogue donne à un même
        jeu de données comptent une fois. Un jeu de données demandé compte même s'il n'existe pas, ou plus, sur le portail.""",
        _NO_DATASET,
    ),
    'dataset_calls': ('API calls for data sets', 'Appels API aux jeux de données'),
    'dataset_calls_about': description(
        """API calls that request one of the chosen data sets.

        Computed: exact count of the answered calls, whatever their status.""",
        """Appels API à l'un des jeux de données choisis.

        Calcul : décompte exact des appels qui ont reçu une réponse, quel que soit son statut.""",
        _NO_DATASET,
    ),
    'errors_percent_about': description(
        """Share of the calls for the chosen data sets that failed: with a status of 400 or more, or as their source says.

        Computed: errors divided by calls; both are counted. An unknown status is not an error.""",
        """Part des appels aux jeux de données choisis qui ont échoué : statut de 400 ou plus, ou erreur signalée par la source.

        Calcul : erreurs divisées par appels ; les deux sont comptés. Un statut inconnu n'est pas une erreur.""",
        _NO_DATASET,
    ),
    'dataset_bytes': ('Size of the answers', 'Volume des réponses'),
    'dataset_bytes_about': description(
        """How much data the portal sent for the chosen data sets.

        Computed: the sum of the sizes in the log. They are usually compressed sizes without headers.""",
        """Volume de données envoyé par le portail pour les jeux de données choisis.

        Calcul : somme des tailles indiquées dans le journal, en général compressées et sans les en-têtes.""",
        _NO_DATASET,
    ),
    'calls_over_time': ('API calls by data set and day', 'Appels API par jeu de données et par jour'),
    'calls_over_time_about': description(
        """API calls per day for the eight chosen data sets with the most calls in the period. Orange marks are events.

        Computed: exact count by day in the portal's time zone.""",
        """Appels API par jour aux huit jeux de données choisis qui ont reçu le plus d'appels sur la période. Les repères
        orange signalent des événements.

        Calcul : décompte exact par jour, dans le fuseau horaire du portail.""",
        _FIRST_EIGHT,
    ),
    'actions_over_time': ('API calls by kind of access and day', "Appels API par type d'accès et par jour"),
    'actions_over_time_about': description(
        """API calls per day by kind of access: queries read data through an API; download requests fetch files and exports;
        metadata are the catalogue, feeds and descriptions of data sets; maps are map services. If all publishers and data sets
        are chosen, these are the calls of the whole portal, also those that request no data set.

        Computed: exact count. The paths of calls decide, by the rules of the setting `datasets`. Files of the web pages are not
        counted, unless the setting `static_files` says so.""",
        """Appels API par jour et par type d'accès : les requêtes lisent des données par une API ; les demandes de téléchargement
        récupèrent des fichiers et des exports ; les métadonnées sont le catalogue, les flux et les fiches des jeux de données ;
        les cartes sont les services cartographiques. Si tous les producteurs et jeux de données sont choisis, ce sont les appels
        de tout le portail, y compris ceux qui ne concernent aucun jeu de données.

        Calcul : décompte exact. Le chemin des appels décide, selon les règles du paramètre `datasets`. Les fichiers des pages
        web ne comptent pas, sauf si le paramètre `static_files` le demande.""",
        DELETED_AND_CRAWLERS,
    ),
    'durations_over_time': ('Response time by data set and day', 'Temps de réponse par jeu de données et par jour'),
    'durations_over_time_about': description(
        """The time in which the portal answered 95 % of the calls of a day, for the eight chosen data sets with the most calls in
        the period.

        Computed: percentile with an error of at most 1 %, over the calls whose response time is in the log.""",
        """Temps en lequel le portail a répondu à 95 % des appels d'un jour, pour les huit jeux de données choisis qui ont reçu le
        plus d'appels sur la période.

        Calcul : centile, à 1 % près, sur les appels dont le temps de réponse figure dans le journal.""",
        _FIRST_EIGHT,
    ),
    'no_durations': (
        'No response times in this period: the format of the log has none',
        "Aucun temps de réponse sur cette période : le format du journal n'en contient pas",
    ),
    'datasets_table': ('Most requested data sets', 'Jeux de données les plus consultés'),
    'datasets_table_about': description(
        """The chosen data sets, at most 1,000, with calls, downloads, queries, page views, users, download requests, errors and
        size of the answers. Calls also include metadata, searches, maps and others. A data set without a title has its
        identifier in its place; `-` means calls that request no data set. Click a data set to see its calls.

        Computed: calls, errors (calls that failed) and sizes are counted. A download is one user who gets one file within one
        hour, however many requests that takes; downloads and users are exact up to 65,536 each, larger numbers are estimated.
        The users of two data sets do not add up: a user who requests both counts in both rows.""",
        """Les jeux de données choisis, 1 000 au plus, avec leurs appels, téléchargements, requêtes, pages vues, utilisateurs,
        demandes de téléchargement, erreurs et volume de réponses. Les appels comprennent aussi les métadonnées, recherches,
        cartes et autres. Un jeu de données sans titre est désigné par son identifiant ; `-` désigne les appels qui ne concernent
        aucun jeu de données. Cliquez sur un jeu de données pour voir ses appels.

        Calcul : les appels, les erreurs (appels qui ont échoué) et les volumes sont comptés. Un téléchargement est un
        utilisateur qui obtient un fichier en une heure, quel que soit le nombre de demandes ; les téléchargements et les
        utilisateurs sont exacts jusqu'à 65 536, estimés au-delà. Les utilisateurs de deux jeux de données ne s'additionnent pas :
        celui qui consulte les deux compte sur les deux lignes.""",
        DELETED_AND_CRAWLERS,
    ),
    'queries_about': description(
        """How often data of the chosen data sets was read through an API.

        Computed: exact count of the calls whose kind of access is query.""",
        """Nombre de lectures des jeux de données choisis par une API.

        Calcul : décompte exact des appels dont le type d'accès est requête.""",
        _NO_DATASET,
    ),
    'downloads_about': description(
        """How often files and exports of the chosen data sets were downloaded.

        Computed: a download is one user who gets one file within one hour, however many requests that takes. The downloads of
        data sets add up. Up to 65,536 of a data set are exact, more are estimated.""",
        """Nombre de téléchargements des fichiers et des exports des jeux de données choisis.

        Calcul : un téléchargement est un utilisateur qui obtient un fichier en une heure, quel que soit le nombre de demandes.
        Les téléchargements des jeux de données s'additionnent. Ils sont exacts jusqu'à 65 536 par jeu de données, estimés
        au-delà.""",
        _NO_DATASET,
    ),
    'page_views_about': description(
        """How often pages of the chosen data sets were opened on the portal.

        Computed: exact count of the calls whose kind of access is page.""",
        """Nombre d'ouvertures des pages des jeux de données choisis sur le portail.

        Calcul : décompte exact des appels dont le type d'accès est page.""",
        _NO_DATASET,
    ),
    'unused_datasets': ('Data sets without calls', 'Jeux de données sans appel'),
    'unused_datasets_about': description(
        """The number of chosen data sets of the catalogue that nobody requested in the period. Without a catalogue it is 0.

        Computed: exact count, by the newest catalogue. The change also counts data sets as unused that were published later.""",
        """Nombre de jeux de données choisis du catalogue que personne n'a consultés sur la période. Sans catalogue, il vaut 0.

        Calcul : décompte exact, selon le catalogue le plus récent. L'évolution compte aussi comme inutilisés les jeux de données
        publiés plus tard.""",
        _ONLY_CRAWLED,
    ),
    'unused_table': ('Which data sets have no calls', 'Les jeux de données sans appel'),
    'unused_table_about': description(
        """The chosen data sets of the catalogue that nobody requested in the period, at most 1,000, newest first. `-` means an
        unknown day or publisher.

        Computed: the data sets of the newest catalogue without calls under any of their names.""",
        """Les jeux de données choisis du catalogue que personne n'a consultés sur la période, 1 000 au plus, du plus récent au
        plus ancien. `-` désigne un jour ou un producteur inconnu.

        Calcul : les jeux de données du catalogue le plus récent sans appel sous aucun de leurs noms.""",
        _ONLY_CRAWLED,
    ),
    'none_unused': (
        'None: each data set of the catalogue has calls, or there is no catalogue',
        "Aucun : chaque jeu de données du catalogue a reçu des appels, ou il n'y a pas de catalogue",
    ),
    'new_datasets': ('New data sets', 'Nouveaux jeux de données'),
    'new_datasets_about': description(
        """The chosen data sets that were published in the three months before the end of the period, newest first, with their
        calls, downloads and users of the period.

        Computed: the day is that of the catalogue. The users of two data sets do not add up.""",
        """Les jeux de données choisis publiés dans les trois mois qui précèdent la fin de la période, du plus récent au plus
        ancien, avec leurs appels, téléchargements et utilisateurs de la période.

        Calcul : le jour est celui du catalogue. Les utilisateurs de deux jeux de données ne s'additionnent pas.""",
        (
            'Left out: data sets of unknown age; calls deleted by retention; crawlers, unless you choose to count them.',
            "Exclus : les jeux de données d'âge inconnu ; les appels supprimés à la fin de leur conservation ; les robots "
            "d'indexation, sauf si vous choisissez de les compter.",
        ),
    ),
    'none_new': (
        'None: no data set is that new, or there is no catalogue',
        "Aucun : aucun jeu de données n'est aussi récent, ou il n'y a pas de catalogue",
    ),
    'publishers_table': ('Publishers', 'Producteurs'),
    'publishers_table_about': description(
        """The chosen publishers, at most 1,000, with the number of their data sets in the catalogue, and the calls, downloads,
        queries, page views and users of all of them, whichever data sets are chosen. `-` means calls that request no data set,
        and data sets without a publisher. Click a publisher to see its calls.

        Computed: as for data sets. The users of two publishers do not add up: a user of both counts in both rows.""",
        """Les producteurs choisis, 1 000 au plus, avec le nombre de leurs jeux de données dans le catalogue, et les appels,
        téléchargements, requêtes, pages vues et utilisateurs de tous ceux-ci, quels que soient les jeux de données choisis. `-`
        désigne les appels qui ne concernent aucun jeu de données, et les jeux de données sans producteur. Cliquez sur un
        producteur pour voir ses appels.

        Calcul : comme pour les jeux de données. Les utilisateurs de deux producteurs ne s'additionnent pas : celui des deux
        compte sur les deux lignes.""",
        DELETED_AND_CRAWLERS,
    ),
    'months': ('Queries, downloads and page views by month', 'Requêtes, téléchargements et pages vues par mois'),
    'months_about': description(
        """Queries, downloads and page views of the chosen data sets in each month of the period, and in at least the twelve
        months up to its end. The last month may not be over.

        Computed: as in the numbers above, by month in the portal's time zone.""",
        """Requêtes, téléchargements et pages vues des jeux de données choisis, pour chaque mois de la période et au moins les
        douze mois jusqu'à sa fin. Le dernier mois peut être inachevé.

        Calcul : comme les nombres ci-dessus, par mois dans le fuseau horaire du portail.""",
        _NO_DATASET,
    ),
    'months_table': ('Data sets by month', 'Jeux de données par mois'),
    'months_table_about': description(
        """The chosen data sets in each month of the period, and in at least the twelve months up to its end: the newest 1,000
        rows. `-` means calls that request no data set.

        Computed: as for data sets. Users add up neither over data sets nor over months: one who comes in two months counts
        in both.""",
        """Les jeux de données choisis, pour chaque mois de la période et au moins les douze mois jusqu'à sa fin : les 1 000
        lignes les plus récentes. `-` désigne les appels qui ne concernent aucun jeu de données.

        Calcul : comme pour les jeux de données. Les utilisateurs ne s'additionnent ni entre jeux de données ni entre mois : celui
        qui revient deux mois compte dans les deux.""",
        DELETED_AND_CRAWLERS,
    ),
    'users_over_time': ('Users by data set and day', 'Utilisateurs par jeu de données et par jour'),
    'users_over_time_about': description(
        """Users per day of the eight chosen data sets with the most calls in the period.

        Computed: estimated for each day and data set, with the error of total users.""",
        """Utilisateurs par jour des huit jeux de données choisis qui ont reçu le plus d'appels sur la période.

        Calcul : estimation par jour et par jeu de données, avec l'erreur du nombre total d'utilisateurs.""",
        _FIRST_EIGHT,
    ),
    'errors_over_time': ('Errors by data set and day', 'Erreurs par jeu de données et par jour'),
    'errors_over_time_about': description(
        """API calls per day that failed (status 400 or more, or as their source says), for the eight chosen data sets with
        the most calls in the period.

        Computed: exact count.""",
        """Appels API par jour qui ont échoué (statut de 400 ou plus, ou erreur signalée par la source), pour les huit jeux de
        données choisis qui ont reçu le plus d'appels sur la période.

        Calcul : décompte exact.""",
        _FIRST_EIGHT,
    ),
    'bytes_over_time': ('Size by data set and day', 'Volume par jeu de données et par jour'),
    'bytes_over_time_about': description(
        """How much data the portal sent per day, for the eight chosen data sets with the most calls in the period.

        Computed: the sum of the sizes in the log.""",
        """Volume de données envoyé par jour, pour les huit jeux de données choisis qui ont reçu le plus d'appels sur la
        période.

        Calcul : somme des tailles indiquées dans le journal.""",
        _FIRST_EIGHT,
    ),
}
