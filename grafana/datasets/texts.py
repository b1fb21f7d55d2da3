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

DATASETS: BothLanguages = {
    'datasets': ('Data sets', 'Jeux de données'),
    'datasets_about': (
        'Which data sets are requested: calls, users, errors and size of the answers.',
        'Les jeux de données consultés : appels, utilisateurs, erreurs et volume des réponses.',
    ),
    'datasets_asked': ('Requested data sets', 'Jeux de données consultés'),
    'datasets_asked_about': description(
        """The number of chosen data sets that were requested at least once.

        Computed: exact count of the data sets named in the paths of calls. A data set that was requested counts even if
        the portal does not have it, or no longer has it.""",
        """Nombre de jeux de données choisis qui ont été consultés au moins une fois.

        Calcul : décompte exact des jeux de données nommés dans le chemin des appels. Un jeu de données demandé compte même
        s'il n'existe pas, ou plus, sur le portail.""",
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
        """API calls per day of the whole portal by kind of access: queries read data through an API; downloads fetch files and
        exports; metadata are the catalogue, feeds and descriptions of data sets; maps are map services.

        Computed: exact count. The paths of calls decide, by the rules of the setting `datasets`. Files of the web pages are not
        counted, unless the setting `static_files` says so.""",
        """Appels API par jour de tout le portail, par type d'accès : les requêtes lisent des données par une API ; les
        téléchargements récupèrent des fichiers et des exports ; les métadonnées sont le catalogue, les flux et les fiches des
        jeux de données ; les cartes sont les services cartographiques.

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
        """The chosen data sets, at most 1,000, with calls, queries, download requests, page views, users, errors and size of
        the answers. Calls also include metadata, searches, maps and others. `-` means calls that request no data set. Click a
        data set to see its calls.

        Computed: calls, errors (calls that failed) and sizes are counted; users are estimated like total users. The users
        of two data sets do not add up: a user who requests both counts in both rows.""",
        """Les jeux de données choisis, 1 000 au plus, avec leurs appels, requêtes, demandes de téléchargement, pages vues,
        utilisateurs, erreurs et volume de réponses. Les appels comprennent aussi les métadonnées, recherches, cartes et
        autres. `-` désigne les appels qui ne concernent aucun jeu de données. Cliquez sur un jeu de données pour voir ses appels.

        Calcul : les appels, les erreurs (appels qui ont échoué) et les volumes sont comptés ; les utilisateurs sont estimés
        comme le nombre total d'utilisateurs. Les utilisateurs de deux jeux de données ne s'additionnent pas : celui qui
        consulte les deux compte sur les deux lignes.""",
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
